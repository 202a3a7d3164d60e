/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Whatever a guest writes into its rings and registers, a device neither crashes nor hangs nor
 * touches anything but the guest's memory: guard pages lie on both sides of it, and each turn has to
 * end within a second of processor time.
 *
 *   unit_virtio_hostile [ROUNDS [SEED]]
 */
#include "tests/unit/virtio/backend.h"
#include "tests/unit/virtio/lab.h"

#include <linux/virtio_config.h>
#include <linux/virtio_ring.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>

enum { ROUNDS = 100000, FRESH = 500 };

static struct lab l;
static struct backend back; /* that takes all it is told, and serves no ring */

static uint64_t any(void)
{
	return (uint64_t)random() << 31 ^ (uint64_t)random();
}

/* Mostly something that nearly makes sense. */
static uint64_t address(void)
{
	switch (random() % 8) {
	case 0:
		return any();
	case 1:
		return RAM - (uint64_t)random() % 64;
	case 2:
		return QUEUE_AREA * (1 + (uint64_t)random() % 8) + (uint64_t)random() % 0x3000;
	default:
		return BUFFERS + ((uint64_t)random() % 0x70000 & ~7ull);
	}
}

static uint32_t length(void)
{
	switch (random() % 8) {
	case 0:
		return (uint32_t)any();
	case 1:
		return 0;
	case 2:
		return 16 * (uint32_t)(random() % 300);
	default:
		return (uint32_t)(random() % 3000);
	}
}

static void scribble_descriptors(const struct driver *d, uint64_t at, unsigned count)
{
	for (unsigned i = 0; i < count; i++) {
		struct vring_desc s = { address(), length(), (uint16_t)(random() % 8),
					(uint16_t)(random() % (2 * d->conf.size)) };
		struct vring_packed_desc p = { s.addr, s.len, (uint16_t)random(), s.flags };

		p.flags |= random() % 2 ? 1 << VRING_PACKED_DESC_F_AVAIL :
			   random() % 4 ? 1 << VRING_PACKED_DESC_F_USED : 0;
		memcpy(l.ram.host + at + 16 * i, d->packed ? (void *)&p : (void *)&s, 16);
	}
}

/* One chain that is right, now and then, so that the device gets further than its first look. */
static void offer_something(struct driver *d)
{
	struct buffer b[4];
	unsigned n = 1 + (unsigned)random() % 4, out = (unsigned)random() % (n + 1);

	for (unsigned i = 0; i < n; i++)
		b[i] = (struct buffer){ BUFFERS + (uint64_t)(random() % 100) * 4096,
					1 + (uint32_t)random() % 2000, i >= out };
	driver_add(d, b, n, 0);
}

static void scribble(struct driver *d)
{
	uint16_t *avail = (void *)(l.ram.host + d->conf.driver);
	unsigned first = (unsigned)random() % d->conf.size, n = 1 + (unsigned)random() % 8;

	if (first + n > d->conf.size)
		n = d->conf.size - first;
	if (random() % 2)
		offer_something(d);
	if (random() % 4)
		scribble_descriptors(d, d->conf.desc + 16 * first, n);
	if (random() % 4 == 0)
		scribble_descriptors(d, BUFFERS + (uint64_t)(random() % 100) * 4096, 100);
	if (random() % 3 == 0)
		avail[2 + random() % d->conf.size] = (uint16_t)(random() % (d->conf.size + 2));
	if (random() % 3 == 0)
		avail[1] = (uint16_t)(avail[1] + random() % 4 + (random() % 50 == 0 ? 500 : 0));
	if (random() % 10 == 0)
		avail[0] = (uint16_t)random();
	*(l.ram.host + BUFFERS + random() % 0x70000) = (uint8_t)random();
}

static void touch_registers(void)
{
	static const unsigned lens[] = { 1, 2, 4 };

	for (unsigned i = 0; i < 3; i++) {
		unsigned len = lens[random() % 3];
		uint32_t at = (uint32_t)random() % 8 * 0x1000 + (uint32_t)random() % 128;

		lab_write(&l, at, len, (uint32_t)any());
		lab_read(&l, at, len);
		at = (uint32_t)random() % (256 / len) * len;
		virtio_pci_config_write(l.pci, at, len, (uint32_t)any());
		virtio_pci_config_read(l.pci, at, len);
	}
}

static void back_ends_turn(struct lab *lab)
{
	backend_run(&back);
}

static void another_back_end(void)
{
	backend_die(&back);
	backend_listen(&back);
}

static void from_outside(enum lab_device which)
{
	static uint8_t bytes[3000];
	size_t n = (size_t)random() % sizeof(bytes);

	switch (which) {
	case LAB_NET:
	case LAB_RELAY:
	case LAB_TAP:
	case LAB_VHOST:
		if (which == LAB_VHOST && random() % 1000 == 0)
			another_back_end();
		lab_send(&l, which, bytes, n);
		while (lab_recv(&l, bytes, sizeof(bytes)) >= 0)
			;
		virtio_net_carrier(l.dev, random() % 4);
		break;
	case LAB_CONSOLE:
		l.sent_len = 0;
		l.room = (size_t)random() % 5000;
		virtio_console_open(l.dev, random() % 8);
		virtio_console_put(l.dev, bytes, n);
		virtio_console_drained(l.dev);
		break;
	default:
		break;
	}
}

static uint64_t features_for(void)
{
	uint64_t f = 1ull << VIRTIO_F_VERSION_1 | l.dev->offered;

	f |= random() % 2 ? 1ull << VIRTIO_F_RING_PACKED : 0;
	f |= random() % 2 ? 1ull << VIRTIO_RING_F_EVENT_IDX : 0;
	return f | (random() % 4 ? 1ull << VIRTIO_RING_F_INDIRECT_DESC : 0);
}

static void one_round(enum lab_device which, unsigned i)
{
	unsigned queue = (unsigned)random() % l.dev->queue_count;

	if (i % FRESH == 0 || !l.dev->running || random() % 50 == 0)
		lab_start(&l, features_for(), (uint16_t)(1u << random() % 9));
	scribble(&l.queue[queue]);
	if (random() % 20 == 0)
		touch_registers();
	from_outside(which);
	if (!l.dev->unsavable && random() % 100 == 0)
		lab_reborn(&l);
	lab_kick(&l, queue);
}

static void run(enum lab_device which, unsigned rounds, unsigned seed)
{
	const struct itimerval second = { .it_value.tv_sec = 1 }, never = { 0 };
	static const char *const names[] = { "rng", "console", "block", "overlay", "balloon",
					    "net", "relay", "tap", "vhost-user" };
	unsigned broken = 0;

	for (unsigned i = 0; i < rounds; i++) {
		if (i % FRESH == 0) {
			lab_unmake(&l);
			lab_make(&l, which);
			srandom(seed + i);
		}
		setitimer(ITIMER_PROF, &second, NULL); /* and the default for SIGPROF ends the program */
		one_round(which, i);
		broken += !l.dev->running;
	}
	setitimer(ITIMER_PROF, &never, NULL);
	printf("%s: %u rounds, the device stopped in %u\n", names[which], rounds, broken);
	lab_unmake(&l);
}

int main(int argc, char **argv)
{
	unsigned rounds = argc > 1 ? (unsigned)strtoul(argv[1], NULL, 0) : ROUNDS;
	unsigned seed = argc > 2 ? (unsigned)strtoul(argv[2], NULL, 0) : 1;

	bool alone = lab_alone();

	for (enum lab_device which = 0; which < LAB_DEVICES; which++) {
		if (which == LAB_TAP && !alone) {
			printf("tap: not without a network namespace and /dev/net/tun\n");
			continue;
		}
		lab_init(&l);
		backend_init(&back, l.vhost);
		back.quiet = true;
		if (which == LAB_VHOST) {
			backend_listen(&back);
			l.turn = back_ends_turn;
		}
		run(which, rounds, seed);
		backend_die(&back);
		lab_fini(&l);
	}
	return 0;
}
