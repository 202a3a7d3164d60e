/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The front end of vhost-user against a back end that says anything at any time: the input is a program
 * of its, with an honest back end's answers, bytes in between, answers with other values, descriptors
 * that are of no use, its death, and what the guest's driver does meanwhile.
 */
#include "base/log.h"
#include "base/rd.h"
#include "tests/unit/virtio/backend.h"
#include "tests/unit/virtio/lab.h"

#include <linux/virtio_config.h>
#include <linux/virtio_net.h>
#include <linux/virtio_pci.h>
#include <linux/virtio_ring.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { STEPS_MAX = 200, LOOPS = 4, CONTROL = 2 * LAB_PAIRS };
enum step { STEP_HONEST, STEP_LISTEN, STEP_DIE, STEP_BYTES, STEP_ANSWER, STEP_START, STEP_RESET, STEP_PAIRS,
	    STEP_LESS, STEP_COUNT };

static struct lab l;
static struct backend b;

/* The timer that connects is a real one: it fires when it is due, here between steps. */
static void honest(void)
{
	for (unsigned i = 0; i < LOOPS; i++) {
		lab_loop(&l);
		backend_run(&b);
	}
}

static int some_fd(uint8_t kind)
{
	int fd = -1;

	if (kind % 4 == 1)
		fd = memfd_create("fuzz", MFD_CLOEXEC); /* empty */
	if (kind % 4 == 2)
		fd = dup(0);
	if (kind % 4 == 3) {
		fd = memfd_create("fuzz", MFD_CLOEXEC);
		if (ftruncate(fd, 65536) < 0)
			return fd;
	}
	return fd;
}

static void say(const void *bytes, size_t len, uint8_t kind)
{
	int fd = some_fd(kind);

	if (b.fd >= 0)
		backend_say(&b, bytes, len, fd);
	if (fd >= 0)
		close(fd);
	lab_loop(&l);
}

/* An answer in form, of up to 24 bytes. */
static void answer(struct rd *r)
{
	uint8_t bytes[VU_HEADER + 24], kind = rd_u8(r);
	uint32_t header[] = { rd_u8(r), 5, 8 };

	if (header[0] == VU_GET_INFLIGHT_FD)
		header[2] = 24;
	memcpy(bytes, header, sizeof(header));
	rd_copy(r, bytes + VU_HEADER, header[2]);
	say(bytes, VU_HEADER + header[2], kind);
}

static void bytes(struct rd *r)
{
	uint8_t some[256];
	size_t len = rd_u8(r);
	uint8_t kind = rd_u8(r);

	rd_copy(r, some, len);
	if (len)
		say(some, len, kind);
}

static void pairs(uint16_t count)
{
	struct buffer c[] = { { BUFFERS, 4, false }, { BUFFERS + 16, 1, true } };
	const uint8_t command[] = { VIRTIO_NET_CTRL_MQ, VIRTIO_NET_CTRL_MQ_VQ_PAIRS_SET, (uint8_t)count, 0 };

	if (!l.queue[CONTROL].ram)
		return;
	memcpy(l.ram.host + BUFFERS, command, sizeof(command));
	driver_add(&l.queue[CONTROL], c, 2, 0);
	lab_kick(&l, CONTROL);
}

static void step(struct rd *r)
{
	switch (rd_u8(r) % STEP_COUNT) {
	case STEP_HONEST:
		honest();
		break;
	case STEP_LISTEN:
		if (b.listener < 0)
			backend_listen(&b);
		usleep(200);
		honest();
		break;
	case STEP_DIE:
		backend_die(&b);
		lab_loop(&l);
		break;
	case STEP_BYTES:
		bytes(r);
		break;
	case STEP_ANSWER:
		answer(r);
		break;
	case STEP_START:
		lab_start(&l, rd_u64(r) & (l.dev->offered | 7ull << 32 | 3ull << 28), 16);
		break;
	case STEP_RESET:
		lab_write(&l, VIRTIO_PCI_COMMON_STATUS, 1, 0);
		break;
	case STEP_PAIRS:
		pairs(rd_u8(r));
		break;
	default:
		b.features &= ~(uint64_t)rd_u64(r);
		b.protocol &= ~(uint64_t)rd_u64(r);
		break;
	}
}

static void end(void)
{
	lab_fini(&l);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct rd r = rd_of(data, size);
	struct vu_reply reply;

	vu_parse(data, size, &reply);
	if (!l.base) {
		log_init("fuzz", LOG_LEVEL_ERROR);
		lab_init(&l);
		atexit(end); /* its directory */
	}
	memset(l.ram.host, 0, RAM);
	memset(l.queue, 0, sizeof(l.queue));
	backend_init(&b, l.vhost);
	b.features &= ~(1ull << VIRTIO_F_RING_PACKED * (size % 2));
	backend_listen(&b); /* before the device is there: it connects at once */
	lab_make(&l, LAB_VHOST);
	lab_loop(&l);
	backend_accept(&b);
	for (unsigned i = 0; i < STEPS_MAX && r.left && !r.bad; i++)
		step(&r);
	lab_unmake(&l);
	backend_die(&b);
	return 0;
}
