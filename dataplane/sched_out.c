/* SPDX-License-Identifier: Apache-2.0 */
/* Packets out of flows: whose turn is it, and what may leave? */
#include "dataplane/sched_types_priv.h"

#include <rte_branch_prediction.h>
#include <rte_mbuf.h>
#include <rte_prefetch.h>

/* The first flow of l to the end of the old ones. */
static inline void flow_rotate(struct sched *s, struct sched_vnet *v, struct flow_list *l)
{
	uint32_t fi = l->head;

	l->head = s->flows[fi].next;
	flow_append(s, &v->old, fi);
}

/* The first flow of l has become empty. From the fresh ones it goes to the old ones first, so that
 * it cannot come back as a fresh one before they had their turn. */
static inline void flow_leave(struct sched *s, struct sched_vnet *v, struct flow_list *l)
{
	if (l == &v->fresh) {
		flow_rotate(s, v, l);
		return;
	}
	s->flows[l->head].listed = false;
	l->head = s->flows[l->head].next;
}

/* Packets of v that nobody else could have had the room of. */
static inline uint32_t vnet_beyond(const struct sched *s, const struct sched_vnet *v)
{
	return v->len > s->reserve ? v->len - s->reserve : 0;
}

/* A packet's delay is above the target; left: bytes behind it. True: it is dropped. */
static __rte_noinline bool flow_late(struct sched *s, struct sched_vnet *v, struct flow *f,
				     struct rte_mbuf *m, uint32_t now, uint32_t left)
{
	if (left <= QUANTUM) {
		codel_below(&f->codel);
		return false;
	}
	if (!codel_above(&f->codel, now, s->interval))
		return false;
	if (ecn_mark(m)) {
		v->marked++;
		return false;
	}
	s->queued--;
	sched_drop(s, v, m, SCHED_DROP_CODEL);
	return true;
}

static inline unsigned delay_bucket(uint32_t delay)
{
	return 31 - (unsigned)__builtin_clz(delay | 1);
}

/* Packets of a vnet go to out, until that is end or budget, in bytes, is used up. */
struct turn {
	struct rte_mbuf **out, **end;
	int32_t budget;
	uint32_t now; /* as slot.stamp */
};

/* Packets of flow f, which has some, within its deficit. */
static inline void flow_serve(struct sched *s, struct sched_vnet *v, uint32_t fi, struct turn *t)
{
	struct flow *f = &s->flows[fi];
	struct slot *slots = s->slots;
	uint32_t *free = s->free + s->free_count, *freed = free;
	uint32_t at = f->head, tail = f->tail, target = s->target;
	int32_t limit = RTE_MIN(f->deficit, t->budget), budget = limit;

	if (f->next != NONE)
		rte_prefetch0(&slots[s->flows[f->next].head]);
	do {
		uint64_t packet = slots[at].packet;
		uint32_t len = (uint32_t)(packet >> LEN_SHIFT), delay = t->now - slots[at].stamp;
		struct rte_mbuf *m = slot_mbuf(packet);

		*freed++ = at;
		at = slots[at].next;
		rte_prefetch0(&slots[at]);
		rte_prefetch0(m); /* its next user looks at it */
		if (likely(delay < target)) {
			codel_below(&f->codel);
		} else if (flow_late(s, v, f, m, t->now, f->bytes - (uint32_t)(limit - budget) - len)) {
			f->bytes -= len;
			continue;
		}
		v->delay[delay_bucket(delay)]++;
		*t->out++ = m;
		budget -= (int32_t)len;
	} while (at != tail && budget > 0 && t->out < t->end);
	f->head = at;
	f->len -= (uint32_t)(freed - free);
	v->len -= (uint32_t)(freed - free);
	if (at == tail)
		*freed++ = at;
	s->free_count += (uint32_t)(freed - free);
	f->bytes -= (uint32_t)(limit - budget);
	f->deficit -= limit - budget;
	t->budget -= limit - budget;
	flow_longest(v, fi, f->len);
}

/* Flows of a vnet in their order, by RFC 8290. */
static inline void vnet_serve(struct sched *s, struct sched_vnet *v, struct turn *t)
{
	do {
		struct flow_list *l = v->fresh.head != NONE ? &v->fresh : &v->old;
		struct flow *f = &s->flows[l->head];

		if (likely(f->len && f->deficit > 0))
			flow_serve(s, v, l->head, t);
		if (f->deficit <= 0) { /* after a jumbo frame one quantum is not enough */
			f->deficit += QUANTUM;
			flow_rotate(s, v, l);
		} else if (!f->len) {
			flow_leave(s, v, l);
		}
	} while (v->len && t->budget > 0 && t->out < t->end);
}

static inline uint32_t first_flow(const struct sched_vnet *v)
{
	return v->fresh.head != NONE ? v->fresh.head : v->old.head;
}

/* The list on which the next vnet is, which begins another round if need be. */
static inline uint16_t next_turns(struct sched *s)
{
	if (!link_empty(s->turns, s->first))
		return s->first;
	if (link_empty(s->turns, s->now_round) && !link_empty(s->turns, s->next_round)) {
		RTE_SWAP(s->now_round, s->next_round);
		s->round++;
	}
	return s->now_round;
}

/* A vnet's turn is over; most often it just waits for the next one. */
static inline void turn_over(struct sched *s, uint16_t i, uint64_t now)
{
	struct sched_vnet *v = &s->vnets[i];

	if (unlikely(v->limited)) {
		sched_unplace(s, i);
		sched_place(s, i, now);
		return;
	}
	link_del(s->turns, i);
	if (!v->len) {
		v->state = VNET_IDLE;
		return;
	}
	v->slice = SLICE;
	link_add(s->turns, v->deficit <= 0 ? s->next_round : s->now_round, i);
}

/* Fetches step by step what the turns after that of vnet i will need. A list's end is harmless:
 * there is an empty vnet for each head. */
static inline void fetch_turns(const struct sched *s, uint16_t i)
{
	uint16_t one = s->turns[i].next, two = s->turns[one].next;

	const struct flow *f = &s->flows[first_flow(&s->vnets[one])];

	rte_prefetch0(&s->vnets[s->turns[two].next]);
	rte_prefetch0(&s->flows[first_flow(&s->vnets[two])]);
	rte_prefetch0(&s->slots[f->head]);
	rte_prefetch0(&s->flows[f->next]);
}

/* The turn of vnet i; bytes: what the port may send. Returns what was sent. */
static inline int32_t take_turn(struct sched *s, uint16_t i, struct turn *t, int32_t bytes,
				uint64_t now)
{
	struct sched_vnet *v = &s->vnets[i];
	bool first = v->state == VNET_FIRST, over;
	uint32_t beyond = vnet_beyond(s, v);
	int32_t sent;

	fetch_turns(s, i);
	if (!first && v->round != s->round) {
		v->deficit = (int32_t)(v->weight * s->unit >> UNIT_SHIFT) + RTE_MIN(v->deficit, 0);
		v->round = s->round;
	}
	bytes = RTE_MIN(bytes, v->slice);
	bytes = RTE_MIN(bytes, first ? bucket_bytes(&v->guarantee, now) : v->deficit);
	if (unlikely(v->limited))
		bytes = RTE_MIN(bytes, bucket_bytes(&v->ceiling, now));
	t->budget = bytes;
	if (likely(bytes > 0))
		vnet_serve(s, v, t);
	sent = bytes - t->budget;

	s->shared += beyond - vnet_beyond(s, v);
	v->bytes += (uint32_t)sent;
	v->slice -= sent;
	over = !v->len || v->slice <= 0;
	if (first) {
		bucket_charge(&v->guarantee, (uint32_t)sent);
		over |= !bucket_ready(&v->guarantee, now);
	} else {
		v->deficit -= sent;
		over |= v->deficit <= 0;
	}
	if (unlikely(v->limited)) {
		bucket_charge(&v->ceiling, (uint32_t)sent);
		over |= !bucket_ready(&v->ceiling, now);
	}
	if (over)
		turn_over(s, i, now);
	return sent;
}

unsigned sched_dequeue(struct sched *s, struct rte_mbuf **pkts, unsigned n, uint64_t now)
{
	struct turn t = { .out = pkts, .end = pkts + n, .now = (uint32_t)(now >> s->stamp_shift) };
	int32_t bytes = bucket_bytes(&s->port, now);

	sched_wheel_turn(s, now);
	while (t.out < t.end && bytes > 0) {
		uint16_t turns = next_turns(s), i = s->turns[turns].next;
		int32_t sent;

		if (i == turns)
			break;
		sent = take_turn(s, i, &t, bytes, now);
		bucket_charge(&s->port, (uint32_t)sent);
		bytes -= sent;
	}
	s->queued -= (uint32_t)(t.out - pkts);
	return (unsigned)(t.out - pkts);
}
