/* SPDX-License-Identifier: Apache-2.0 */
/* Split virtqueues: virtio 1.2, 2.7. */
#include "virtio/queue_priv.h"

#include <errno.h>
#include <stddef.h>

/* The available ring, and behind its entries the used_event. */
static uint16_t *avail_flags(const struct vq *q)
{
	return (uint16_t *)(void *)q->driver;
}

static uint16_t *avail_idx(const struct vq *q)
{
	return avail_flags(q) + 1;
}

static uint16_t *avail_ring(const struct vq *q, unsigned i)
{
	return avail_flags(q) + 2 + i;
}

/* The used ring, and behind its entries the avail_event. */
static uint16_t *used_flags(const struct vq *q)
{
	return (uint16_t *)(void *)q->device;
}

static uint16_t *used_idx(const struct vq *q)
{
	return used_flags(q) + 1;
}

static struct vring_used_elem *used_ring(const struct vq *q, unsigned i)
{
	return (struct vring_used_elem *)(void *)(q->device + 4) + i;
}

static uint16_t *avail_event(const struct vq *q)
{
	return (uint16_t *)(void *)used_ring(q, q->size);
}

int split_activate(struct vq *q, const struct vq_conf *conf)
{
	unsigned n = q->size;

	if ((n & (n - 1)) || conf->desc % 16 || conf->driver % 2 || conf->device % 4)
		return -EINVAL;
	q->desc = guest_mem_at(q->mem, conf->desc, 16 * n);
	q->driver = guest_mem_at(q->mem, conf->driver, 6 + 2 * n);
	q->device = guest_mem_at(q->mem, conf->device, 6 + 8 * n);
	return q->desc && q->driver && q->device ? 0 : -EINVAL;
}

static struct vq_desc fetch(const uint8_t *table, unsigned i)
{
	const struct vring_desc *d = (const struct vring_desc *)(const void *)table + i;

	return (struct vq_desc){ .addr = GUEST_LOAD(&d->addr), .len = GUEST_LOAD(&d->len),
				 .flags = GUEST_LOAD(&d->flags), .next = GUEST_LOAD(&d->next) };
}

/* A table of `count` from `head` on. At most count steps: a loop is a broken ring. */
static int walk(const struct vq *q, const uint8_t *table, unsigned count, unsigned head, bool inside,
		struct vq_chain *c)
{
	for (unsigned steps = 0; steps < count; steps++) {
		struct vq_desc d;
		const uint8_t *inner;
		unsigned inner_count;
		int code;

		if (head >= count)
			return -EBADMSG;
		d = fetch(table, head);
		if (d.flags & VRING_DESC_F_INDIRECT) {
			inner = inside ? NULL : indirect_table(q, &d, &inner_count);
			return inner ? walk(q, inner, inner_count, 0, true, c) : -EBADMSG;
		}
		code = chain_add(q, c, d.addr, d.len, d.flags & VRING_DESC_F_WRITE);
		if (code || !(d.flags & VRING_DESC_F_NEXT))
			return code;
		head = d.next;
	}
	return -EBADMSG;
}

bool split_more(const struct vq *q)
{
	return GUEST_LOAD_ACQ(avail_idx(q)) != q->next_avail;
}

int split_pop(struct vq *q, struct vq_chain *c)
{
	uint16_t waiting = (uint16_t)(GUEST_LOAD_ACQ(avail_idx(q)) - q->next_avail);

	if (!waiting)
		return 0;
	if (waiting > q->size)
		return -EBADMSG;
	c->id = GUEST_LOAD(avail_ring(q, q->next_avail & (q->size - 1u)));
	c->slots = 1;
	if (walk(q, q->desc, q->size, c->id, false, c))
		return -EBADMSG;
	q->next_avail++;
	return 1;
}

void split_push(struct vq *q, const struct vq_chain *c, uint32_t written)
{
	struct vring_used_elem *e = used_ring(q, q->next_used & (q->size - 1u));

	GUEST_STORE(&e->id, c->id);
	GUEST_STORE(&e->len, written);
	q->next_used++;
	GUEST_STORE_REL(used_idx(q), q->next_used);
}

bool split_interrupt_due(struct vq *q)
{
	uint16_t old = q->signalled;

	q->signalled = q->next_used;
	if (old == q->next_used)
		return false;
	if (q->event_idx)
		return event_passed(GUEST_LOAD(avail_ring(q, q->size)), q->next_used, old);
	return !(GUEST_LOAD(avail_flags(q)) & VRING_AVAIL_F_NO_INTERRUPT);
}

void split_kicks(struct vq *q, bool on)
{
	if (!q->event_idx)
		GUEST_STORE(used_flags(q), on ? 0 : VRING_USED_F_NO_NOTIFY);
	else if (on) /* and until then the driver waits for an index that has passed */
		GUEST_STORE(avail_event(q), q->next_avail);
}

uint16_t vq_split_used(const struct vq *q)
{
	return GUEST_LOAD_ACQ(used_idx(q));
}
