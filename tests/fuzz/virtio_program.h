/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TESTS_FUZZ_VIRTIO_PROGRAM_H
#define TESTS_FUZZ_VIRTIO_PROGRAM_H

/* The input is a program of a guest's: writes to its memory, to the device's registers and its
 * configuration space, kicks, and what comes from the host in between. */

#include "base/rd.h"
#include "tests/unit/virtio/lab.h"

#include <stdlib.h>

enum { STEPS_MAX = 400 };

enum step { STEP_START, STEP_MEMORY, STEP_OFFER, STEP_BAR, STEP_CONFIG, STEP_KICK, STEP_HOST, STEP_COUNT };

static inline void program_memory(struct lab *l, struct rd *r)
{
	uint32_t at = rd_u32(r) % RAM, len = rd_u8(r);

	if (len > RAM - at)
		len = RAM - at;
	rd_copy(r, l->ram.host + at, len);
}

/* A chain that the driver's half of the queue puts in its place. */
static inline void program_offer(struct lab *l, struct rd *r)
{
	unsigned queue = rd_u8(r) % l->dev->queue_count, n = rd_u8(r) % 6;
	struct buffer b[6];

	if (!l->queue[queue].ram || !n)
		return;
	for (unsigned i = 0; i < n; i++) {
		uint32_t where = rd_u32(r);

		b[i] = (struct buffer){ where % RAM, rd_u16(r), where >> 31 };
	}
	driver_add(&l->queue[queue], b, n, 0);
}

static inline void program_host(struct lab *l, struct rd *r, enum lab_device which)
{
	static uint8_t bytes[2048];
	size_t n = rd_u16(r) % sizeof(bytes);

	if (which >= LAB_NET) {
		lab_send(l, which, bytes, n);
		while (lab_recv(l, bytes, sizeof(bytes)) >= 0)
			;
		virtio_net_carrier(l->dev, rd_u8(r) & 1);
	} else if (which == LAB_CONSOLE) {
		l->sent_len = 0;
		l->room = rd_u16(r);
		virtio_console_open(l->dev, rd_u8(r) & 1);
		virtio_console_put(l->dev, bytes, n);
		virtio_console_drained(l->dev);
	}
}

static inline void program_step(struct lab *l, struct rd *r, enum lab_device which)
{
	uint32_t at;
	unsigned len;

	switch (rd_u8(r) % STEP_COUNT) {
	case STEP_START:
		at = rd_u8(r);
		lab_start(l, rd_u64(r) & (l->dev->offered | 7ull << 32 | 3ull << 28), (uint16_t)(1u << at % 9));
		break;
	case STEP_MEMORY:
		program_memory(l, r);
		break;
	case STEP_OFFER:
		program_offer(l, r);
		break;
	case STEP_BAR:
		at = rd_u16(r) % VIRTIO_PCI_BAR_SIZE;
		len = 1u << rd_u8(r) % 3;
		lab_write(l, at, len, rd_u32(r));
		lab_read(l, at, len);
		break;
	case STEP_CONFIG:
		at = rd_u8(r);
		len = 1u << rd_u8(r) % 3;
		at &= ~(len - 1);
		virtio_pci_config_write(l->pci, at, len, rd_u32(r));
		virtio_pci_config_read(l->pci, at, len);
		break;
	case STEP_KICK:
		lab_kick(l, rd_u8(r) % l->dev->queue_count);
		break;
	default:
		program_host(l, r, which);
		break;
	}
}

static struct lab program_lab;

static inline void program_end(void)
{
	lab_fini(&program_lab);
}

static inline void program_run(enum lab_device which, const uint8_t *data, size_t size)
{
	struct lab *l = &program_lab;
	struct rd r = rd_of(data, size);

	if (!l->base) {
		lab_init(l);
		atexit(program_end); /* its directory */
	}
	__builtin_memset(l->ram.host, 0, RAM);
	__builtin_memset(l->queue, 0, sizeof(l->queue));
	lab_make(l, which);
	for (unsigned i = 0; i < STEPS_MAX && r.left && !r.bad; i++)
		program_step(l, &r, which);
	lab_unmake(l);
}

#endif
