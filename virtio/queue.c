/* SPDX-License-Identifier: Apache-2.0 */
#include "virtio/queue_priv.h"

#include <errno.h>
#include <linux/virtio_config.h>
#include <string.h>

static bool has(uint64_t features, unsigned bit)
{
	return features >> bit & 1;
}

int vq_activate(struct vq *q, const struct guest_mem *mem, const struct vq_conf *conf,
		uint64_t features)
{
	struct vq fresh = {
		.mem = mem,
		.packed = has(features, VIRTIO_F_RING_PACKED),
		.event_idx = has(features, VIRTIO_RING_F_EVENT_IDX),
		.indirect = has(features, VIRTIO_RING_F_INDIRECT_DESC),
		.avail_wrap = true,
		.used_wrap = true,
	};
	int code;

	*q = (struct vq){ 0 };
	if (!conf->size || conf->size > VQ_SIZE_MAX)
		return -EINVAL;
	fresh.size = conf->size;
	code = fresh.packed ? packed_activate(&fresh, conf) : split_activate(&fresh, conf);
	if (!code)
		*q = fresh;
	return code;
}

int vq_pop(struct vq *q, struct vq_chain *c)
{
	int code;

	c->out_count = c->in_count = 0;
	c->out_len = c->in_len = 0;
	code = q->packed ? packed_pop(q, c) : split_pop(q, c);
	if (code > 0)
		q->taken = (uint16_t)(q->taken + c->slots);
	return code;
}

void vq_push(struct vq *q, const struct vq_chain *c, uint32_t written)
{
	q->taken = (uint16_t)(q->taken - c->slots);
	if (q->packed)
		packed_push(q, c, written);
	else
		split_push(q, c, written);
}

struct vq_state vq_save(const struct vq *q)
{
	struct vq_state s = { q->next_avail, q->next_used, q->signalled, q->avail_wrap,
			      q->used_wrap };

	if (q->packed && q->taken > s.next_avail) {
		s.next_avail = (uint16_t)(s.next_avail + q->size);
		s.avail_wrap = !s.avail_wrap;
	}
	s.next_avail = (uint16_t)(s.next_avail - q->taken);
	return s;
}

int vq_restore(struct vq *q, const struct vq_state *s)
{
	if (q->packed && (s->next_avail >= q->size || s->next_used >= q->size))
		return -EBADMSG;
	q->next_avail = s->next_avail;
	q->next_used = s->next_used;
	q->signalled = s->signalled;
	q->avail_wrap = s->avail_wrap;
	q->used_wrap = s->used_wrap;
	return 0;
}

bool vq_interrupt_due(struct vq *q)
{
	GUEST_FENCE(); /* what was pushed is seen before what the driver wants is read */
	return q->packed ? packed_interrupt_due(q) : split_interrupt_due(q);
}

void vq_kicks_off(struct vq *q)
{
	if (q->packed)
		packed_kicks(q, false);
	else
		split_kicks(q, false);
}

bool vq_kicks_on(struct vq *q)
{
	if (q->packed)
		packed_kicks(q, true);
	else
		split_kicks(q, true);
	GUEST_FENCE(); /* the driver sees this before it is looked whether it added something */
	return q->packed ? packed_more(q) : split_more(q);
}

int chain_add(const struct vq *q, struct vq_chain *c, uint64_t addr, uint32_t len, bool writable)
{
	unsigned n = c->out_count + c->in_count;
	void *at = guest_mem_at(q->mem, addr, len);

	if (n >= q->size || !len || !at || (!writable && c->in_count))
		return -EBADMSG;
	c->iov[n] = (struct iovec){ .iov_base = at, .iov_len = len };
	if (writable) {
		c->in_count++;
		c->in_len += len;
	} else {
		c->out_count++;
		c->out_len += len;
	}
	return 0;
}

const uint8_t *indirect_table(const struct vq *q, const struct vq_desc *d, unsigned *count)
{
	*count = d->len / sizeof(struct vring_desc);
	if (!q->indirect || (d->flags & VRING_DESC_F_NEXT) || d->len % sizeof(struct vring_desc) ||
	    !*count || *count > q->size || d->addr % _Alignof(struct vring_desc))
		return NULL;
	return guest_mem_at(q->mem, d->addr, d->len);
}

/* Walks iov from byte `at`, len bytes, copying in one of the two directions. */
static size_t copy(const struct iovec *iov, unsigned count, size_t at, void *to, const void *from,
		   size_t len)
{
	size_t done = 0;

	for (unsigned i = 0; i < count && done < len; i++) {
		size_t n = iov[i].iov_len;

		if (at >= n) {
			at -= n;
			continue;
		}
		n = n - at < len - done ? n - at : len - done;
		if (to)
			memcpy((uint8_t *)to + done, (uint8_t *)iov[i].iov_base + at, n);
		else
			memcpy((uint8_t *)iov[i].iov_base + at, (const uint8_t *)from + done, n);
		done += n;
		at = 0;
	}
	return done;
}

size_t iov_read(const struct iovec *iov, unsigned count, size_t at, void *to, size_t len)
{
	return copy(iov, count, at, to, NULL, len);
}

size_t iov_write(const struct iovec *iov, unsigned count, size_t at, const void *from, size_t len)
{
	return copy(iov, count, at, NULL, from, len);
}

unsigned iov_from(const struct iovec *iov, unsigned count, size_t at, struct iovec *to)
{
	unsigned n = 0;

	for (unsigned i = 0; i < count; i++) {
		if (at >= iov[i].iov_len) {
			at -= iov[i].iov_len;
			continue;
		}
		to[n++] = (struct iovec){ .iov_base = (uint8_t *)iov[i].iov_base + at,
					  .iov_len = iov[i].iov_len - at };
		at = 0;
	}
	return n;
}
