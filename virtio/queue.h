/* SPDX-License-Identifier: Apache-2.0 */
#ifndef VIRTIO_QUEUE_H
#define VIRTIO_QUEUE_H

/*
 * The device's side of a virtqueue (virtio 1.2, 2.7 split and 2.8 packed), with indirect
 * descriptors and event suppression. The rings lie in guest memory and the guest may write anything
 * there at any time, so: addresses and size are checked once, by vq_activate(); each value is
 * fetched once; a walk ends after as many descriptors as the queue has; and a ring that breaks the
 * rules is an error of vq_pop(), after which the device wants to be reset.
 *
 * One thread at a time.
 */

#include "virtio/mem.h"

#include <stdbool.h>
#include <sys/uio.h>

#define VQ_SIZE_MAX 256

/* Where the driver put the rings: guest-physical addresses. */
struct vq_conf {
	uint64_t desc;
	uint64_t driver; /* split: available ring; packed: driver event suppression */
	uint64_t device; /* split: used ring; packed: device event suppression */
	uint16_t size;
};

struct vq {
	const struct guest_mem *mem;
	uint8_t *desc, *driver, *device; /* in guest memory */
	uint16_t size;			 /* 0: not active */
	bool packed, event_idx, indirect;
	uint16_t next_avail, next_used;	 /* split: free running; packed: below size */
	bool avail_wrap, used_wrap;	 /* packed */
	uint16_t signalled;		 /* next_used when the driver was last asked */
	uint16_t taken;			 /* entries popped and not pushed yet */
};

/* Buffers that the driver offers as one: iov[0 .. out_count) to read from, in_count more to write
 * to. They point into guest memory. */
struct vq_chain {
	uint16_t id;	/* what the driver knows it by */
	uint16_t slots; /* entries of the ring that it takes */
	uint16_t out_count, in_count;
	uint64_t out_len, in_len;
	struct iovec iov[VQ_SIZE_MAX];
};

/* features: those negotiated. -EINVAL: a size, an alignment or an address is not allowed. */
int vq_activate(struct vq *q, const struct guest_mem *mem, const struct vq_conf *conf,
		uint64_t features);

static inline bool vq_active(const struct vq *q)
{
	return q->size != 0;
}

/* 1: the next chain; 0: none; -EBADMSG: the ring is broken. */
int vq_pop(struct vq *q, struct vq_chain *chain);

/* Gives a chain back with `written` bytes in its writable part. In any order. */
void vq_push(struct vq *q, const struct vq_chain *chain, uint32_t written);

/* Whether the driver wants an interrupt for what was pushed since the last call. */
bool vq_interrupt_due(struct vq *q);

/* While a device works on a queue it needs no kicks. vq_kicks_on() returns true when something came
 * meanwhile, for which there was no kick. */
void vq_kicks_off(struct vq *q);
bool vq_kicks_on(struct vq *q);

/* For a queue that somebody else serves, where it is. Split: its used index. Packed: whether the
 * descriptor at an index is available in the round with that wrap counter. */
uint16_t vq_split_used(const struct vq *q);
bool vq_packed_available(const struct vq *q, uint16_t index, bool wrap);

/*
 * Where a queue stands. Chains that were popped and not pushed count as not popped: a device that
 * gives chains back in the order it got them finds them again.
 */
struct vq_state {
	uint16_t next_avail, next_used, signalled;
	uint8_t avail_wrap, used_wrap;
};

struct vq_state vq_save(const struct vq *q);
/* Into a queue that was just activated. -EBADMSG: no queue stands there. */
int vq_restore(struct vq *q, const struct vq_state *s);

/* Bytes of an iovec array as one stream. */
size_t iov_read(const struct iovec *iov, unsigned count, size_t at, void *to, size_t len);
size_t iov_write(const struct iovec *iov, unsigned count, size_t at, const void *from, size_t len);
/* The part of iov from byte `at` on, into to[VQ_SIZE_MAX]; returns its count. */
unsigned iov_from(const struct iovec *iov, unsigned count, size_t at, struct iovec *to);

#endif
