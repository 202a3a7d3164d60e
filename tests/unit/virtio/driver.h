/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TESTS_UNIT_VIRTIO_DRIVER_H
#define TESTS_UNIT_VIRTIO_DRIVER_H

/*
 * The other side: a guest's memory between pages that fault, and a driver's half of a virtqueue,
 * split or packed, written from the standard and not from the device's half.
 */

#include "virtio/queue.h"

#include <stddef.h>

enum { RAM = 1 << 20, QUEUE_AREA = 0x4000, BUFFERS = 0x80000 };

struct ram {
	uint8_t *host;
	int fd; /* the memfd that it is */
	struct guest_mem mem; /* at 0 */
};

void ram_init(struct ram *r); /* RAM bytes */
void ram_init_size(struct ram *r, size_t size);
void ram_fini(struct ram *r);

struct buffer {
	uint64_t gpa;
	uint32_t len;
	bool writable;
};

struct driver {
	struct ram *ram;
	uint64_t features;
	struct vq_conf conf;
	bool packed, event_idx, indirect;
	uint16_t free_head, free_count; /* split: descriptors; packed: slots */
	uint16_t next[VQ_SIZE_MAX];	/* of the free ones; split: of a chain */
	uint16_t taken[VQ_SIZE_MAX];	/* entries by id; 0: not in use */
	uint16_t avail, last_kick, used;
	bool avail_wrap, used_wrap;
};

/* Lays the queue out at QUEUE_AREA * (1 + area). */
void driver_init(struct driver *d, struct ram *ram, unsigned area, uint16_t size, uint64_t features);
/* Offers a chain; returns its id, or -1 when the queue is full. With as_table, by an indirect table
 * that lies at table. */
int driver_add(struct driver *d, const struct buffer *b, unsigned count, uint64_t table);
/* Whether the device wants a kick for what was added since the last call. */
bool driver_kick_due(struct driver *d);
/* The next chain that was given back, or -1. */
int driver_get(struct driver *d, uint32_t *written);
/* Interrupts: none, for each, or (event_idx) when so many more were given back. */
void driver_quiet(struct driver *d);
void driver_wake_after(struct driver *d, uint16_t more);

#endif
