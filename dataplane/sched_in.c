/* SPDX-License-Identifier: Apache-2.0 */
/* Packets into flows, and out of them by force. */
#include "dataplane/sched_types_priv.h"

#include <rte_branch_prediction.h>
#include <rte_mbuf.h>
#include <rte_prefetch.h>

enum { CHUNK = 64 }; /* packets whose state is fetched together */

void sched_drop(struct sched *s, struct sched_vnet *v, struct rte_mbuf *m, enum sched_drop why)
{
	v->drops[why]++;
	s->drop(s->ctx, m, why);
}

/* The first packet of a flow, whatever its turn. */
static struct rte_mbuf *flow_pop(struct sched *s, struct sched_vnet *v, uint32_t fi)
{
	struct flow *f = &s->flows[fi];
	uint64_t packet = s->slots[f->head].packet;

	s->free[s->free_count++] = f->head;
	f->head = s->slots[f->head].next;
	f->bytes -= (uint32_t)(packet >> LEN_SHIFT);
	if (!--f->len)
		s->free[s->free_count++] = f->head;
	flow_longest(v, fi, f->len);
	s->shared += v->len > s->reserve;
	s->queued--;
	v->len--;
	return slot_mbuf(packet);
}

/* A packet for which there is no room beside its vnet's others: the first packet of the vnet's
 * longest flow makes some. False: it is dropped itself, none being known, or the vnet unset. */
static __rte_noinline bool make_room(struct sched *s, struct sched_vnet *v, struct rte_mbuf *m)
{
	if (v->state != VNET_UNSET && v->longest >> 32) {
		sched_drop(s, v, flow_pop(s, v, (uint32_t)v->longest), SCHED_DROP_OVERLIMIT);
		return true;
	}
	sched_drop(s, v, m, v->state == VNET_UNSET ? SCHED_DROP_GONE : SCHED_DROP_OVERLIMIT);
	return false;
}

/* Nothing of what a packet changes in the scheduler itself is in memory between two of them. */
struct intake {
	uint32_t *free; /* the top of the stack */
	uint32_t shared, reserve, overhead, stamp;
	struct slot *slots;
};

static inline void flow_add(struct intake *in, struct sched_vnet *v, struct flow *f, uint32_t fi,
			    struct rte_mbuf *m)
{
	uint64_t len = m->pkt_len + in->overhead;
	uint32_t at = f->tail, spare;

	if (unlikely(!f->len))
		at = f->head = *--in->free;
	spare = *--in->free;
	in->slots[at].packet = (uintptr_t)m | len << LEN_SHIFT;
	in->slots[at].stamp = in->stamp;
	in->slots[at].next = spare;
	f->tail = spare;
	f->bytes += (uint32_t)len;
	f->len++;
	flow_longest(v, fi, f->len);
	in->shared -= v->len >= in->reserve;
	v->len++;
}

static inline uint32_t flow_of(const struct sched *s, uint16_t vnet, uint32_t hash)
{
	return ((uint32_t)vnet << s->flow_shift) + (hash & s->flow_mask);
}

static void enqueue(struct sched *s, struct rte_mbuf **pkts, const uint16_t *vnets,
		    const uint32_t *fis, unsigned n, uint64_t now)
{
	struct intake in = { .free = s->free + s->free_count,
			     .shared = s->shared,
			     .reserve = s->reserve,
			     .overhead = s->overhead,
			     .stamp = (uint32_t)(now >> s->stamp_shift),
			     .slots = s->slots };

	for (unsigned i = 0; i < n; i++) {
		struct sched_vnet *v = &s->vnets[vnets[i]];
		struct flow *f = &s->flows[fis[i]];

		if (unlikely(v->len >= in.reserve + in.shared || v->state == VNET_UNSET)) {
			bool room;

			s->free_count = (uint32_t)(in.free - s->free);
			s->shared = in.shared;
			room = make_room(s, v, pkts[i]);
			in.free = s->free + s->free_count;
			in.shared = s->shared;
			if (!room) {
				s->queued--;
				continue;
			}
		}
		flow_add(&in, v, f, fis[i], pkts[i]);
		if (unlikely(!f->listed)) {
			f->listed = true;
			f->deficit = QUANTUM;
			flow_append(s, &v->fresh, fis[i]);
		}
		if (unlikely(v->state == VNET_IDLE))
			sched_place(s, vnets[i], now);
	}
	s->free_count = (uint32_t)(in.free - s->free);
	s->shared = in.shared;
}

void sched_enqueue(struct sched *s, struct rte_mbuf **pkts, const uint16_t *vnets,
		   const uint32_t *hashes, unsigned n, uint64_t now)
{
	uint32_t fis[CHUNK];

	s->queued += n;
	for (unsigned at = 0; at < n; at += CHUNK) {
		unsigned count = RTE_MIN(n - at, (unsigned)CHUNK);

		for (unsigned i = 0; i < count; i++) {
			fis[i] = flow_of(s, vnets[at + i], hashes[at + i]);
			rte_prefetch0(&s->vnets[vnets[at + i]]);
			rte_prefetch0(&s->flows[fis[i]]);
		}
		enqueue(s, pkts + at, vnets + at, fis, count, now);
	}
}

void sched_flush(struct sched *s, struct sched_vnet *v)
{
	for (struct flow_list *l = &v->fresh; l; l = l == &v->fresh ? &v->old : NULL)
		while (l->head != NONE) {
			struct flow *f = &s->flows[l->head];

			while (f->len)
				sched_drop(s, v, flow_pop(s, v, l->head), SCHED_DROP_GONE);
			f->listed = false;
			l->head = f->next;
		}
}
