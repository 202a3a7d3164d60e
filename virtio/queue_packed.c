/* SPDX-License-Identifier: Apache-2.0 */
/* Packed virtqueues: virtio 1.2, 2.8. */
#include "virtio/queue_priv.h"

#include <errno.h>

enum { AVAIL = 1 << VRING_PACKED_DESC_F_AVAIL, USED = 1 << VRING_PACKED_DESC_F_USED };

static struct vring_packed_desc *slot(const struct vq *q, unsigned i)
{
	return (struct vring_packed_desc *)(void *)q->desc + i;
}

static struct vring_packed_desc_event *event_of(uint8_t *area)
{
	return (struct vring_packed_desc_event *)(void *)area;
}

int packed_activate(struct vq *q, const struct vq_conf *conf)
{
	if (conf->desc % 16 || conf->driver % 4 || conf->device % 4)
		return -EINVAL;
	q->desc = guest_mem_at(q->mem, conf->desc, 16ull * q->size);
	q->driver = guest_mem_at(q->mem, conf->driver, sizeof(struct vring_packed_desc_event));
	q->device = guest_mem_at(q->mem, conf->device, sizeof(struct vring_packed_desc_event));
	return q->desc && q->driver && q->device ? 0 : -EINVAL;
}

static bool is_available_in(uint16_t flags, bool wrap)
{
	return !!(flags & AVAIL) == wrap && !!(flags & USED) != wrap;
}

static bool is_available(const struct vq *q, uint16_t flags)
{
	return is_available_in(flags, q->avail_wrap);
}

bool vq_packed_available(const struct vq *q, uint16_t index, bool wrap)
{
	return index < q->size && is_available_in(GUEST_LOAD_ACQ(&slot(q, index)->flags), wrap);
}

bool packed_more(const struct vq *q)
{
	return is_available(q, GUEST_LOAD_ACQ(&slot(q, q->next_avail)->flags));
}

/* Of an indirect table all descriptors count, in their order. */
static int walk_indirect(const struct vq *q, const struct vq_desc *d, struct vq_chain *c)
{
	unsigned count;
	const uint8_t *table = indirect_table(q, d, &count);
	const struct vring_packed_desc *t = (const struct vring_packed_desc *)(const void *)table;
	int code = t ? 0 : -EBADMSG;

	for (unsigned i = 0; !code && i < count; i++)
		code = chain_add(q, c, GUEST_LOAD(&t[i].addr), GUEST_LOAD(&t[i].len),
				 GUEST_LOAD(&t[i].flags) & VRING_DESC_F_WRITE);
	return code;
}

/* Moves an index on and flips its wrap counter at the ring's end. */
static bool advance(const struct vq *q, uint16_t *index, bool *wrap, unsigned by)
{
	unsigned next = *index + by;

	*index = (uint16_t)(next >= q->size ? next - q->size : next);
	if (next >= q->size)
		*wrap = !*wrap;
	return next >= q->size;
}

int packed_pop(struct vq *q, struct vq_chain *c)
{
	uint16_t flags = GUEST_LOAD_ACQ(&slot(q, q->next_avail)->flags);
	unsigned i = q->next_avail;

	if (!is_available(q, flags))
		return 0;
	for (c->slots = 1; c->slots <= q->size; c->slots++) {
		const struct vring_packed_desc *s = slot(q, i);
		struct vq_desc d = { GUEST_LOAD(&s->addr), GUEST_LOAD(&s->len), flags, 0 };
		int code;

		c->id = GUEST_LOAD(&s->id); /* that of the last one counts */
		if ((flags & VRING_DESC_F_INDIRECT) && c->slots > 1)
			return -EBADMSG;
		code = flags & VRING_DESC_F_INDIRECT ?
			       walk_indirect(q, &d, c) :
			       chain_add(q, c, d.addr, d.len, flags & VRING_DESC_F_WRITE);
		if (code)
			return code;
		if (!(flags & VRING_DESC_F_NEXT)) {
			advance(q, &q->next_avail, &q->avail_wrap, c->slots);
			return 1;
		}
		i = i + 1u == q->size ? 0 : i + 1;
		flags = GUEST_LOAD(&slot(q, i)->flags);
	}
	return -EBADMSG;
}

void packed_push(struct vq *q, const struct vq_chain *c, uint32_t written)
{
	struct vring_packed_desc *s = slot(q, q->next_used);
	uint16_t flags = (q->used_wrap ? AVAIL | USED : 0) | (written ? VRING_DESC_F_WRITE : 0);

	GUEST_STORE(&s->id, c->id);
	GUEST_STORE(&s->len, written);
	GUEST_STORE_REL(&s->flags, flags);
	if (advance(q, &q->next_used, &q->used_wrap, c->slots))
		q->signalled = (uint16_t)(q->signalled - q->size); /* counts from this round's start */
}

bool packed_interrupt_due(struct vq *q)
{
	const struct vring_packed_desc_event *e = event_of(q->driver);
	uint16_t flags = GUEST_LOAD_ACQ(&e->flags), off_wrap = GUEST_LOAD(&e->off_wrap);
	uint16_t old = q->signalled, event = off_wrap & 0x7fff;

	q->signalled = q->next_used;
	if (old == q->next_used || flags == VRING_PACKED_EVENT_FLAG_DISABLE)
		return false;
	if (flags != VRING_PACKED_EVENT_FLAG_DESC || !q->event_idx)
		return true;
	if (off_wrap >> VRING_PACKED_EVENT_F_WRAP_CTR != q->used_wrap)
		event = (uint16_t)(event - q->size);
	return event_passed(event, q->next_used, old);
}

void packed_kicks(struct vq *q, bool on)
{
	struct vring_packed_desc_event *e = event_of(q->device);

	if (!on) {
		GUEST_STORE(&e->flags, VRING_PACKED_EVENT_FLAG_DISABLE);
		return;
	}
	if (q->event_idx)
		GUEST_STORE(&e->off_wrap, (uint16_t)(q->next_avail | q->avail_wrap
						     << VRING_PACKED_EVENT_F_WRAP_CTR));
	GUEST_STORE_REL(&e->flags, q->event_idx ? VRING_PACKED_EVENT_FLAG_DESC :
						  VRING_PACKED_EVENT_FLAG_ENABLE);
}
