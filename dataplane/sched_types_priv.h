/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DATAPLANE_SCHED_TYPES_PRIV_H
#define DATAPLANE_SCHED_TYPES_PRIV_H

/* The inside of the scheduler: sched.c sets it up and places vnets, sched_in.c and sched_out.c move
 * packets. */

#include "dataplane/codel_priv.h"
#include "dataplane/sched_priv.h"

#include <assert.h>
#include <rte_common.h>
#include <stddef.h>

enum {
	QUANTUM = 1542,	    /* a full frame with a VLAN tag and Ethernet's overhead */
	SLICE = 3 * QUANTUM, /* what a vnet sends before the next one's turn */
	HEADS = 3,	    /* of lists of turns; there are as many vnets beyond the last one */
	WHEEL = 1024,	    /* slots */
	WHEEL_US = 16,	    /* a slot's width at most, down to half of it */
	COST_SHIFT = 20,
	INVERSE_SHIFT = 32,
	UNIT_SHIFT = 16,
	LEN_SHIFT = 48,
};
#define NONE UINT32_MAX

/*
 * A token bucket as a time stamp: `due` is when what was sent has been earned, so tokens are there
 * while it is not in the future, and it is never more than `burst` in the past.
 */
struct bucket {
	uint64_t due, burst; /* ticks */
	uint64_t cost;	     /* of a byte, in 2^-COST_SHIFT ticks; 0: no limit */
	uint64_t inverse;    /* bytes of a tick, in 2^-INVERSE_SHIFT */
	uint64_t rest;	     /* of due, in the unit of cost */
};

static inline bool bucket_ready(const struct bucket *b, uint64_t now)
{
	return (int64_t)(now - b->due) >= 0;
}

static inline void bucket_charge(struct bucket *b, uint32_t len)
{
	uint64_t ticks = b->cost * len + b->rest;

	b->due += ticks >> COST_SHIFT;
	b->rest = ticks & ((1u << COST_SHIFT) - 1);
}

static inline void bucket_cap(struct bucket *b, uint64_t now)
{
	if ((int64_t)(now - b->due) > (int64_t)b->burst)
		b->due = now - b->burst;
}

/* Bytes that may go before the tokens are used up, the last packet running over. */
static inline int32_t bucket_bytes(struct bucket *b, uint64_t now)
{
	uint64_t bytes;

	if (!b->cost)
		return INT32_MAX;
	bucket_cap(b, now);
	if (!bucket_ready(b, now))
		return 0;
	bytes = 1 + ((now - b->due) * b->inverse >> INVERSE_SHIFT);
	return bytes < INT32_MAX ? (int32_t)bytes : INT32_MAX;
}

/* A queued packet. A flow's last slot is an empty one, which the next packet fills. */
struct slot {
	uint64_t packet; /* address, length << LEN_SHIFT */
	uint32_t stamp;	 /* when it came, in units of 2^stamp_shift ticks */
	uint32_t next;
};

struct flow {
	uint32_t head, tail; /* slots, when len is not 0 */
	uint32_t len, bytes;
	uint32_t next; /* in its vnet's list */
	int32_t deficit;
	struct codel codel;
	bool listed;
} __rte_cache_aligned;

/* RFC 8290's lists, of indices into sched.flows; head NONE: empty. */
struct flow_list {
	uint32_t head, tail;
};

/*
 * VNET_IDLE: nothing queued. VNET_FIRST: its guarantee has tokens. VNET_SHARE: it has a weighted
 * share of what the first leave; when it has a guarantee it is also in the wheel, at the time of
 * the next tokens. VNET_PARKED: over its ceiling, in the wheel alone.
 */
enum vnet_state { VNET_UNSET, VNET_IDLE, VNET_FIRST, VNET_SHARE, VNET_PARKED };

struct sched_vnet {
	uint8_t state; /* enum vnet_state */
	bool limited;  /* has a guarantee or a ceiling */
	bool in_wheel;
	uint16_t weight;
	uint32_t len;	 /* packets */
	uint32_t round;	 /* for which deficit is */
	int32_t deficit; /* bytes */
	int32_t slice;	 /* bytes left of this turn */
	uint64_t longest; /* flow as far as is known without a search, below its len */
	struct flow_list fresh, old;
	uint64_t bytes;

	struct bucket guarantee __rte_cache_aligned;
	struct bucket ceiling;
	uint64_t marked;
	uint64_t drops[SCHED_DROPS];

	uint64_t delay[SCHED_DELAYS] __rte_cache_aligned;
} __rte_cache_aligned;

static_assert(offsetof(struct sched_vnet, guarantee) == 64, "a plain vnet's state is one line");
static_assert(offsetof(struct sched_vnet, delay) % 64 == 0, "buckets of usual delays share a line");

/* Circular lists through an array: who is on a list, then its heads. */
struct link {
	uint16_t prev, next;
};

struct sched {
	struct bucket port;
	struct sched_vnet *vnets;
	struct flow *flows;
	struct slot *slots;
	uint32_t *free; /* a stack of slots */
	uint32_t free_count;
	uint32_t flow_shift, flow_mask;
	uint32_t overhead;
	uint32_t queued;
	uint32_t reserve; /* packets of each vnet that nobody else can take */
	uint32_t shared;  /* packets left of what they have in common */
	unsigned stamp_shift;
	uint32_t target, interval; /* of CoDel, in stamps */

	/* Lists of vnets by state: first, and those of this and of the next round. */
	struct link *turns; /* vnets, then HEADS */
	uint16_t first, now_round, next_round;
	uint32_t round;
	uint64_t unit; /* bytes of a round for a weight of 1, << UNIT_SHIFT */

	struct link *wheel; /* vnets, then the slots' heads */
	uint64_t wheel_at;  /* slots up to here are done */
	unsigned wheel_shift;
	uint64_t wheel_used[WHEEL / 64];

	void (*drop)(void *ctx, struct rte_mbuf *m, enum sched_drop why);
	void *ctx;
	uint32_t vnet_count;
	uint64_t hz;
	void *memory;
	size_t memory_size, memory_used;
	uint16_t weights[SCHED_WEIGHT_MAX + 1]; /* vnets of each weight */
};

static inline void link_init(struct link *l, uint16_t head)
{
	l[head] = (struct link){ head, head };
}

static inline void link_add(struct link *l, uint16_t head, uint16_t i)
{
	uint16_t tail = l[head].prev;

	l[i] = (struct link){ tail, head };
	l[tail].next = i;
	l[head].prev = i;
}

static inline void link_del(struct link *l, uint16_t i)
{
	l[l[i].prev].next = l[i].next;
	l[l[i].next].prev = l[i].prev;
}

static inline bool link_empty(const struct link *l, uint16_t head)
{
	return l[head].next == head;
}

static inline void flow_append(struct sched *s, struct flow_list *l, uint32_t fi)
{
	s->flows[fi].next = NONE;
	if (l->head == NONE)
		l->head = fi;
	else
		s->flows[l->tail].next = fi;
	l->tail = fi;
}

/* Without a branch: which of a vnet's flows is longest changes all the time. */
static inline void flow_longest(struct sched_vnet *v, uint32_t fi, uint32_t len)
{
	uint64_t this = (uint64_t)len << 32 | fi, most = RTE_MAX(v->longest, this);

	v->longest = (uint32_t)v->longest == fi ? this : most;
}

static inline struct rte_mbuf *slot_mbuf(uint64_t packet)
{
	return (struct rte_mbuf *)(uintptr_t)(packet & ((1ull << LEN_SHIFT) - 1));
}

/* sched.c: by what it has queued and earned, the list that it belongs to. It is on none. */
void sched_place(struct sched *s, uint16_t i, uint64_t now);
void sched_unplace(struct sched *s, uint16_t i);
/* Places whom the wheel has kept until now. */
void sched_wheel_turn(struct sched *s, uint64_t now);

/* sched_in.c: counts why, and gives away the packet. */
void sched_drop(struct sched *s, struct sched_vnet *v, struct rte_mbuf *m, enum sched_drop why);
/* All packets of a vnet that is on no list are dropped. */
void sched_flush(struct sched *s, struct sched_vnet *v);

#endif
