/* SPDX-License-Identifier: Apache-2.0 */
#ifndef VIRTIO_QUEUE_PRIV_H
#define VIRTIO_QUEUE_PRIV_H

#include "virtio/queue.h"

#include <linux/virtio_ring.h>

/* Each access to guest memory is one load or store of the compiler's, never repeated. */
#define GUEST_LOAD(p)	    __atomic_load_n(p, __ATOMIC_RELAXED)
#define GUEST_LOAD_ACQ(p)   __atomic_load_n(p, __ATOMIC_ACQUIRE)
#define GUEST_STORE(p, v)   __atomic_store_n(p, v, __ATOMIC_RELAXED)
#define GUEST_STORE_REL(p, v) __atomic_store_n(p, v, __ATOMIC_RELEASE)
#define GUEST_FENCE()	    __atomic_thread_fence(__ATOMIC_SEQ_CST)

/* A descriptor, fetched. */
struct vq_desc {
	uint64_t addr;
	uint32_t len;
	uint16_t flags, next;
};

/* Adds a buffer to the chain: readable ones come first, and there are at most q->size. */
int chain_add(const struct vq *q, struct vq_chain *c, uint64_t addr, uint32_t len, bool writable);
/* The table of an indirect descriptor, and how many it has; NULL: not allowed. */
const uint8_t *indirect_table(const struct vq *q, const struct vq_desc *d, unsigned *count);
/* virtio 1.2, 2.7.10: has an index passed `event` on its way from old to now? */
static inline bool event_passed(uint16_t event, uint16_t now, uint16_t old)
{
	return (uint16_t)(now - event - 1) < (uint16_t)(now - old);
}

int split_activate(struct vq *q, const struct vq_conf *conf);
bool split_more(const struct vq *q);
int split_pop(struct vq *q, struct vq_chain *c);
void split_push(struct vq *q, const struct vq_chain *c, uint32_t written);
bool split_interrupt_due(struct vq *q);
void split_kicks(struct vq *q, bool on);

int packed_activate(struct vq *q, const struct vq_conf *conf);
bool packed_more(const struct vq *q);
int packed_pop(struct vq *q, struct vq_chain *c);
void packed_push(struct vq *q, const struct vq_chain *c, uint32_t written);
bool packed_interrupt_due(struct vq *q);
void packed_kicks(struct vq *q, bool on);

#endif
