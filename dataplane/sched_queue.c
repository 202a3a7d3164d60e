/* SPDX-License-Identifier: Apache-2.0 */
/* Packets into flows and out of them. */
#include "dataplane/sched_types_priv.h"

#include <rte_branch_prediction.h>
#include <rte_mbuf.h>
#include <rte_prefetch.h>

enum { AHEAD = 4 }; /* packets of a burst whose state is fetched meanwhile */

static inline void flow_append(struct sched *s, struct sched_vnet *v, struct flow_list *l,
			       uint32_t fi)
{
	s->flows[fi].next = NONE;
	if (l->head == NONE)
		l->head = fi;
	else
		s->flows[l->tail].next = fi;
	l->tail = fi;
}

/* The first flow of l to the end of the old ones. */
static inline void flow_rotate(struct sched *s, struct sched_vnet *v, struct flow_list *l)
{
	uint32_t fi = l->head;

	l->head = s->flows[fi].next;
	flow_append(s, v, &v->old, fi);
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

static inline void flow_longest(struct sched_vnet *v, uint32_t fi, uint32_t len)
{
	if (fi == v->fat || len > v->fat_len) {
		v->fat = fi;
		v->fat_len = len;
	}
}

static inline struct rte_mbuf *flow_pop(struct sched *s, struct sched_vnet *v, uint32_t fi,
					uint32_t *len, uint32_t *stamp)
{
	struct flow *f = &s->flows[fi];
	uint32_t si = f->head;
	const struct slot *slot = &s->slots[si];
	uint64_t packet = slot->packet;

	rte_prefetch0(&s->slots[slot->next]);
	*len = (uint32_t)(packet >> LEN_SHIFT);
	*stamp = slot->stamp;
	f->head = slot->next;
	f->bytes -= *len;
	s->free[s->free_count++] = si;
	if (!--f->len)
		s->free[s->free_count++] = f->head;
	flow_longest(v, fi, f->len);
	v->len--;
	s->shared += v->len >= s->reserve;
	s->queued--;
	return (struct rte_mbuf *)(uintptr_t)(packet & ((1ull << LEN_SHIFT) - 1));
}

static void vnet_drop(struct sched *s, struct sched_vnet *v, struct rte_mbuf *m,
		      enum sched_drop why)
{
	v->drops[why]++;
	s->drop(s->ctx, m, why);
}

/* Makes room with the first packet of the longest flow. False: none is known. */
static bool vnet_shorten(struct sched *s, struct sched_vnet *v)
{
	uint32_t len, stamp;

	if (!v->fat_len)
		return false;
	vnet_drop(s, v, flow_pop(s, v, v->fat, &len, &stamp), SCHED_DROP_OVERLIMIT);
	return true;
}

static inline void enqueue(struct sched *s, struct rte_mbuf *m, uint16_t i, uint32_t fi,
			   uint32_t stamp, uint64_t now)
{
	struct sched_vnet *v = &s->vnets[i];
	struct flow *f = &s->flows[fi];
	uint32_t len = m->pkt_len + s->overhead, spare;

	if (unlikely(v->state == VNET_UNSET)) {
		vnet_drop(s, v, m, SCHED_DROP_GONE);
		return;
	}
	if (unlikely(v->len >= s->reserve + s->shared) && !vnet_shorten(s, v)) {
		vnet_drop(s, v, m, SCHED_DROP_OVERLIMIT);
		return;
	}
	if (!f->len)
		f->head = f->tail = s->free[--s->free_count];
	spare = s->free[--s->free_count];
	s->slots[f->tail] = (struct slot){ (uintptr_t)m | (uint64_t)len << LEN_SHIFT, stamp, spare };
	f->tail = spare;
	f->bytes += len;
	flow_longest(v, fi, ++f->len);
	s->shared -= v->len >= s->reserve;
	s->queued++;
	v->len++;
	if (!f->listed) {
		f->listed = true;
		f->deficit = QUANTUM;
		flow_append(s, v, &v->fresh, fi);
	}
	if (v->state == VNET_IDLE)
		sched_place(s, i, now);
}

void sched_enqueue(struct sched *s, struct rte_mbuf **pkts, const uint16_t *vnets,
		   const uint32_t *hashes, unsigned n, uint64_t now)
{
	uint32_t stamp = (uint32_t)(now >> s->stamp_shift);

	for (unsigned i = 0; i < n + AHEAD; i++) {
		if (i < n) {
			rte_prefetch0(&s->vnets[vnets[i]]);
			rte_prefetch0(&s->flows[((uint32_t)vnets[i] << s->flow_shift) +
						(hashes[i] & s->flow_mask)]);
		}
		if (i >= AHEAD) {
			unsigned k = i - AHEAD;

			enqueue(s, pkts[k], vnets[k],
				((uint32_t)vnets[k] << s->flow_shift) + (hashes[k] & s->flow_mask),
				stamp, now);
		}
	}
}

/* What CoDel says of a packet that leaves flow f. */
static inline bool flow_late(struct sched *s, struct sched_vnet *v, struct flow *f,
			     struct rte_mbuf *m, uint32_t stamp, uint32_t delay)
{
	if (likely(delay < s->target || f->bytes <= QUANTUM)) {
		codel_below(&f->codel);
		return false;
	}
	if (!codel_above(&f->codel, stamp, s->interval))
		return false;
	if (!ecn_mark(m))
		return true;
	v->marked++;
	return false;
}

static inline unsigned delay_bucket(uint32_t delay)
{
	unsigned bucket = delay ? 32 - (unsigned)__builtin_clz(delay) : 0;

	return bucket < SCHED_DELAYS ? bucket : SCHED_DELAYS - 1;
}

/* The next packet of a vnet's flows, by RFC 8290. NULL: CoDel has dropped all that was left. */
static inline struct rte_mbuf *vnet_pop(struct sched *s, struct sched_vnet *v, uint32_t now,
					uint32_t *len)
{
	while (v->len) {
		struct flow_list *l = v->fresh.head != NONE ? &v->fresh : &v->old;
		uint32_t fi = l->head, stamp;
		struct flow *f = &s->flows[fi];
		struct rte_mbuf *m;

		if (unlikely(f->deficit <= 0)) { /* a jumbo frame's: one quantum was not enough */
			f->deficit += QUANTUM;
			flow_rotate(s, v, l);
			continue;
		}
		if (!f->len) {
			flow_leave(s, v, l);
			continue;
		}
		m = flow_pop(s, v, fi, len, &stamp);
		if (unlikely(flow_late(s, v, f, m, now, now - stamp))) {
			vnet_drop(s, v, m, SCHED_DROP_CODEL);
			continue;
		}
		v->delay[delay_bucket(now - stamp)]++;
		v->bytes += *len;
		f->deficit -= (int32_t)*len;
		if (f->deficit <= 0) {
			f->deficit += QUANTUM;
			flow_rotate(s, v, l);
		} else if (!f->len) {
			flow_leave(s, v, l);
		}
		return m;
	}
	return NULL;
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

	rte_prefetch0(&s->vnets[s->turns[two].next]);
	rte_prefetch0(&s->flows[first_flow(&s->vnets[two])]);
	rte_prefetch0(&s->slots[s->flows[first_flow(&s->vnets[one])].head]);
}

/* Up to n packets of vnet i, whose turn it is. */
static inline unsigned take_turn(struct sched *s, uint16_t i, struct rte_mbuf **pkts, unsigned n,
				 uint64_t now)
{
	struct sched_vnet *v = &s->vnets[i];
	uint32_t stamp = (uint32_t)(now >> s->stamp_shift), len;
	bool first = v->state == VNET_FIRST, over;
	unsigned got = 0;

	fetch_turns(s, i);
	if (!first && v->round != s->round) {
		v->deficit = (int32_t)(v->weight * s->unit >> UNIT_SHIFT) +
			     (v->deficit < 0 ? v->deficit : 0);
		v->round = s->round;
	}
	do {
		struct rte_mbuf *m;

		over = !first && v->deficit <= 0;
		if (over)
			break;
		m = vnet_pop(s, v, stamp, &len);
		over = true;
		if (!m)
			break;
		rte_prefetch0(m); /* its next user looks at it */
		pkts[got++] = m;
		bucket_charge(&s->port, len);
		v->slice -= (int32_t)len;
		over = !v->len || v->slice <= 0;
		if (first) {
			bucket_charge(&v->guarantee, len);
			over |= !bucket_ready(&v->guarantee, now);
		} else {
			v->deficit -= (int32_t)len;
			over |= v->deficit <= 0;
		}
		if (v->limited && v->ceiling.cost) {
			bucket_charge(&v->ceiling, len);
			over |= !bucket_ready(&v->ceiling, now);
		}
	} while (!over && got < n && bucket_ready(&s->port, now));
	if (over)
		turn_over(s, i, now);
	return got;
}

unsigned sched_dequeue(struct sched *s, struct rte_mbuf **pkts, unsigned n, uint64_t now)
{
	unsigned got = 0;

	sched_wheel_turn(s, now);
	bucket_cap(&s->port, now);
	while (got < n && bucket_ready(&s->port, now)) {
		uint16_t turns = next_turns(s), i = s->turns[turns].next;

		if (i == turns)
			break;
		got += take_turn(s, i, pkts + got, n - got, now);
	}
	return got;
}

void sched_flush(struct sched *s, struct sched_vnet *v)
{
	uint32_t len, stamp;

	for (struct flow_list *l = &v->fresh; l; l = l == &v->fresh ? &v->old : NULL)
		while (l->head != NONE) {
			struct flow *f = &s->flows[l->head];

			while (f->len)
				vnet_drop(s, v, flow_pop(s, v, l->head, &len, &stamp),
					  SCHED_DROP_GONE);
			f->listed = false;
			l->head = f->next;
		}
}
