/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DATAPLANE_SHARE_PRIV_H
#define DATAPLANE_SHARE_PRIV_H

/*
 * How vnets share one worker's time. What a vnet's packets cost is charged to it in ticks. As long
 * as the worker keeps up, all packets pass. When it does not, each vnet has a bucket of ticks,
 * filled at the rate of its guarantee and its weight, and packets for which there are none are to
 * be dropped before they have cost more than the look at whose they are.
 * docs/engine.md says what is promised and how.
 *
 * No thread and no clock: all calls come from the worker, and `now` is its own, in ticks.
 */

#include <rte_branch_prediction.h>
#include <rte_common.h>
#include <stdbool.h>
#include <stdint.h>

enum {
	SHARE_VNETS_MAX = 32768,
	SHARE_WEIGHT_MAX = 1000,
	SHARE_GUARANTEE_MAX = 1000000, /* of a worker's time: all */
};

struct share_vnet {
	uint64_t cycles, packets; /* ever; cycles of packets that were dropped included */
	uint64_t cycles_before;	  /* this epoch, as is the next */
	uint32_t packets_before;
	uint32_t dropped;   /* in this epoch */
	uint32_t promised;  /* ticks that packets will cost which have passed since the last bill */
	uint32_t epoch;	    /* the last one in which it had packets */
	int64_t left;	    /* ticks in its bucket when the epoch began; below 0: a debt */
	uint32_t mean;	    /* ticks of a packet that passed */
	uint32_t wanted;    /* ticks an epoch, the most of late */
	uint32_t guarantee; /* of the time, in 2^-32 */
	uint16_t weight;    /* 0: unset */
	bool over;	    /* has wanted more than its share of late */
} __rte_cache_aligned;

struct share {
	struct share_vnet *vnets;
	bool limiting;
	bool backlog; /* packets wait in a device: who is over its share must wait for them */
	uint32_t epoch, active_count;
	uint16_t *active; /* who had packets in this epoch */
	uint64_t now, start, length; /* of the epoch */
	uint64_t idle;		     /* ticks of it that were nobody's */
	uint64_t quantum;	     /* what a vnet may be in debt for with its packets of a burst */

	/* What follows is of interest at its end only. */
	struct share_claim *claims;
	uint64_t level, floor; /* of the time for a weight of 1, in 2^-32: now; with all wanting more */
	uint32_t capacity;     /* part of the time that vnets can have, in 2^-16 */
	uint32_t calm;	       /* epochs without a drop and with idle time */
	uint32_t busy;	       /* epochs in a row without idle time */
	bool innocent;	       /* there is somebody who is within its share */
	uint32_t vnet_count;
};

/* hz: ticks a second, 10^6 to 10^11. -EINVAL, -ENOMEM. */
int share_create(uint32_t vnets, uint64_t hz, uint64_t now, struct share **out);
void share_destroy(struct share *s); /* NULL allowed */

/* Adds a vnet, counts 0, or changes one. guarantee: millionths of the worker's time, the sum should
 * not be over SHARE_GUARANTEE_MAX; weight: 1 to SHARE_WEIGHT_MAX. -EINVAL. */
int share_vnet_set(struct share *s, uint32_t vnet, uint32_t guarantee, uint32_t weight);
void share_vnet_del(struct share *s, uint32_t vnet);

static inline bool share_epoch_due(const struct share *s, uint64_t now)
{
	return (int64_t)(now - s->start) >= (int64_t)s->length;
}

/* There was nothing to do for so many ticks. */
static inline void share_idle(struct share *s, uint64_t ticks)
{
	s->idle += ticks;
}

/* Ends the epoch. overloaded: the worker did not keep up in it, its devices held more
 * packets than it took, so that they may have lost some. Only of interest while all may pass. */
void share_epoch_end(struct share *s, uint64_t now, bool overloaded);

/* For the two below: the first packets of a vnet in this epoch; and when not all may pass. */
void share_touch(struct share *s, uint32_t vnet);
unsigned share_admit_limited(struct share *s, uint32_t vnet, unsigned n);

/* How many of n packets of a set vnet may pass; the caller drops the others. */
static inline unsigned share_admit(struct share *s, uint32_t vnet, unsigned n)
{
	return likely(!s->limiting) ? n : share_admit_limited(s, vnet, n);
}

/* What packets that passed have cost in all; with packets 0 what those that did not pass have.
 * Once a burst and vnet is enough. */
static inline void share_charge(struct share *s, uint32_t vnet, uint64_t cycles, uint32_t packets)
{
	struct share_vnet *v = &s->vnets[vnet];

	if (unlikely(v->epoch != s->epoch))
		share_touch(s, vnet);
	v->cycles += cycles;
	v->packets += packets;
	if (packets)
		v->promised = 0;
}

/* Ticks that a packet of a vnet cost of late, as it was when vnets were limited; 0: not known. */
static inline uint32_t share_mean(const struct share *s, uint32_t vnet)
{
	return s->vnets[vnet].mean;
}

/* Before each poll. overloaded: so far in this epoch; it is over when this returns true. */
static inline bool share_epoch(struct share *s, uint64_t now, bool overloaded)
{
	s->now = now;
	if (likely(!share_epoch_due(s, now)))
		return false;
	share_epoch_end(s, now, overloaded);
	return true;
}

#endif
