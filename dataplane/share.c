/* SPDX-License-Identifier: Apache-2.0 */
#include "dataplane/share_priv.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum {
	EPOCH_US = 200,
	CREDIT = 16,	  /* epochs for which a vnet may save up what it does not use */
	CREDIT_PACKETS = 256, /* or for so many packets, whichever is more */
	CREDIT_USED = 4,  /* epochs like the last one are charged when limiting begins */
	CALM = 16,	  /* epochs until all may pass again */
	FILL_PASSES = 16,
	CAPACITY_ONE = 1 << 16,
	CAPACITY_MAX = CAPACITY_ONE + CAPACITY_ONE / 16,
	CAPACITY_SURE = CAPACITY_ONE - CAPACITY_ONE / 16, /* what a worker does besides takes less */
	SLACK = 64,   /* part of the time that is to stay idle, or queues would not become empty */
	IDLE_MAX = 16, /* slacks of idle time that count in an epoch */
	QUANTUMS = 6, /* an epoch */
	BACKLOG = 8,  /* epochs without idle time: waiting has not helped, nobody gets more than its share */
};
#define WHOLE ((uint64_t)1 << 32) /* a worker's time */

static_assert(sizeof(struct share_vnet) == 64, "a vnet is one line");

/* What a vnet wanted beyond its guarantee in the epoch that ends. */
struct share_claim {
	uint64_t ticks;
	uint32_t weight;
};

static uint64_t rate_at(const struct share_vnet *v, uint64_t level)
{
	return RTE_MIN(v->guarantee + v->weight * level, WHOLE);
}

static int64_t ticks_of(uint64_t time, uint64_t rate)
{
	return (int64_t)((unsigned __int128)time * rate >> 32);
}

static uint64_t used(const struct share_vnet *v)
{
	return v->cycles - v->cycles_before;
}

/* It earns as time goes by: ticks that were there at once would be used at once, and meanwhile the
 * devices would overflow with the packets of others. */
static int64_t earned(const struct share *s, const struct share_vnet *v, uint64_t time)
{
	return ticks_of(time, rate_at(v, s->level));
}

/* The most that v can save up. */
static int64_t credit(const struct share *s, const struct share_vnet *v)
{
	return RTE_MAX(ticks_of(CREDIT * s->length, rate_at(v, s->floor)),
		       (int64_t)v->mean * CREDIT_PACKETS);
}

/* Who lost packets saves up no more than for the next few: it had to wait for others, who would have
 * to wait for it then.
 * What v owes is forgotten beyond as much as it could have saved: only looking at the packets of a
 * flood costs more than its share, and nobody should pay for that long after it has ended. */
static void settle(const struct share *s, struct share_vnet *v)
{
	int64_t most = credit(s, v), saved = v->dropped ? RTE_MIN(most / 4, (int64_t)s->quantum) : most;

	v->left = RTE_MAX(RTE_MIN(v->left, saved), -most);
	v->over = v->wanted > (uint64_t)ticks_of(s->length, rate_at(v, s->floor));
}

void share_touch(struct share *s, uint32_t vnet)
{
	struct share_vnet *v = &s->vnets[vnet];
	uint32_t missed = s->epoch - v->epoch - 1;

	v->epoch = s->epoch;
	v->cycles_before = v->cycles;
	v->packets_before = (uint32_t)v->packets;
	v->dropped = v->promised = 0;
	s->active[s->active_count++] = (uint16_t)vnet;
	if (s->limiting && missed) {
		v->left += ticks_of(RTE_MIN(missed, CREDIT + 1u) * s->length, rate_at(v, s->floor));
		v->left = RTE_MIN(v->left, credit(s, v));
	}
}

unsigned share_admit_limited(struct share *s, uint32_t vnet, unsigned n)
{
	struct share_vnet *v = &s->vnets[vnet];
	int64_t left, room, mean = RTE_MAX(v->mean, 1u);
	unsigned pass = 0;

	if (v->epoch != s->epoch)
		share_touch(s, vnet);
	left = v->left + earned(s, v, s->now - s->start) - (int64_t)used(v);
	if (s->backlog && v->over && s->innocent && s->busy < BACKLOG && left < credit(s, v) / 2)
		left = 0;
	/* Some in a row are cheaper than each by itself, and must not keep the others waiting. */
	room = left > 0 ? RTE_MAX(left, (int64_t)s->quantum) - v->promised : 0;
	if (room > 0)
		pass = (unsigned)RTE_MIN((room + mean - 1) / mean, (int64_t)n);
	v->promised = (uint32_t)RTE_MIN(v->promised + (uint64_t)mean * pass, UINT32_MAX);
	v->dropped += n - pass;
	return pass;
}

static void learn_cost(struct share_vnet *v)
{
	uint32_t packets = (uint32_t)v->packets - v->packets_before;
	uint64_t mean;

	if (!packets)
		return;
	mean = RTE_MIN(used(v) / packets, UINT32_MAX / 4);
	v->mean = v->mean ? (uint32_t)((v->mean * 3ull + mean) / 4) : (uint32_t)mean;
}

/*
 * The level up to which the vnets' weights are filled so that all time is used: the largest one at
 * which the sum of min(claim, weight * level) is not over `ticks`. It starts as if all claims were
 * large, and sets aside those that turn out not to be. Stopping early leaves it too low, which is
 * safe. In 2^-32 of `time`.
 */
static uint64_t fill(struct share_claim *claims, unsigned n, uint64_t ticks, uint64_t time)
{
	uint64_t level = 0, weights = 0;

	for (unsigned i = 0; i < n; i++)
		weights += claims[i].weight;
	for (unsigned pass = 0; n && pass < FILL_PASSES; pass++) {
		unsigned kept = 0;

		level = (uint64_t)(((unsigned __int128)ticks << 32) / (time * weights));
		for (unsigned i = 0; i < n; i++) {
			struct share_claim c = claims[i];

			if (c.ticks <= (uint64_t)ticks_of(time, c.weight * level)) {
				ticks -= RTE_MIN(c.ticks, ticks);
				weights -= c.weight;
			} else {
				claims[kept++] = c;
			}
		}
		if (kept == n)
			return level;
		n = kept;
	}
	return n ? level : WHOLE;
}

/* While packets wait, who is within its share gets less than it wants, and nobody else should have
 * that: it is remembered for some epochs. */
static uint64_t wanted_of(struct share_vnet *v)
{
	uint64_t wanted = used(v) + (uint64_t)v->dropped * v->mean;

	wanted = RTE_MIN(RTE_MAX(wanted, v->wanted - v->wanted / 8u), UINT32_MAX);
	v->wanted = (uint32_t)wanted;
	return wanted;
}

/*
 * Looks at all who were active: sets floor and level. Returns the packets that were dropped.
 * The floor is what each always has, and does not depend on how much waits: while a core that has
 * become slower catches up, less is left for those who want more than that, but no less is promised.
 */
static uint64_t measure(struct share *s, uint64_t time)
{
	uint64_t ticks = time * s->capacity / CAPACITY_ONE, lost = 0, weights = 0;
	uint64_t all = time * CAPACITY_SURE / CAPACITY_ONE;
	unsigned n = 0;

	for (unsigned i = 0; i < s->active_count; i++) {
		struct share_vnet *v = &s->vnets[s->active[i]];
		uint64_t guaranteed = (uint64_t)ticks_of(time, v->guarantee), wanted;

		if (!v->weight) /* deleted in this epoch */
			continue;
		learn_cost(v);
		lost += v->dropped;
		weights += v->weight;
		wanted = wanted_of(v);
		all -= RTE_MIN(guaranteed, all);
		ticks -= RTE_MIN(RTE_MIN(guaranteed, wanted), ticks);
		if (wanted > guaranteed)
			s->claims[n++] = (struct share_claim){ wanted - guaranteed, v->weight };
	}
	s->floor = weights ? (uint64_t)(((unsigned __int128)all << 32) / (time * weights)) : WHOLE;
	s->level = RTE_MAX(fill(s->claims, n, ticks, time), s->floor);
	return lost;
}

/* All had what they asked for until now. The buckets are as if they had been full and CREDIT_USED
 * epochs like this one had passed: those of who is within its share are full, and a little over, as
 * when the worker catches up after it was away and has more of some than of others at first, costs
 * nobody a packet. */
static void limit_begin(struct share *s, uint64_t time)
{
	s->limiting = true;
	s->calm = s->busy = 0;
	measure(s, time);
	s->level = s->floor;
	for (unsigned i = 0; i < s->active_count; i++) {
		struct share_vnet *v = &s->vnets[s->active[i]];
		int64_t over = (int64_t)used(v) - ticks_of(time, rate_at(v, s->floor));

		v->left = RTE_MAX(credit(s, v) - CREDIT_USED * RTE_MAX(over, 0), 0);
	}
}

/* What the worker does besides, and errors of all estimates, come out as too little time that is
 * idle, or too much. A quarter of the difference is made up for in each epoch: there cannot be less
 * than none, so that vnets are given more faster than it is taken from them. */
static void adjust_capacity(struct share *s, uint64_t time)
{
	int64_t slack = (int64_t)time / SLACK, idle = RTE_MIN((int64_t)s->idle, IDLE_MAX * slack);
	int64_t capacity = s->capacity + (idle - slack) * CAPACITY_ONE / (4 * (int64_t)time);

	s->capacity = (uint32_t)RTE_MIN(RTE_MAX(capacity, CAPACITY_ONE / 2), CAPACITY_MAX);
}

static void limit_go_on(struct share *s, uint64_t time)
{
	uint64_t lost;

	for (unsigned i = 0; i < s->active_count; i++) {
		struct share_vnet *v = &s->vnets[s->active[i]];

		v->left += earned(s, v, time) - (int64_t)used(v);
	}
	adjust_capacity(s, time);
	lost = measure(s, time);
	s->busy = s->idle ? 0 : s->busy + 1;
	if (s->busy >= BACKLOG)
		s->level = s->floor;
	s->innocent = false;
	for (unsigned i = 0; i < s->active_count; i++) {
		struct share_vnet *v = &s->vnets[s->active[i]];

		settle(s, v);
		s->innocent |= !v->over;
	}
	s->calm = lost || !s->idle ? 0 : s->calm + 1;
	s->limiting = s->calm < CALM;
}

void share_epoch_end(struct share *s, uint64_t now, bool overloaded)
{
	uint64_t time = now - s->start;

	if (s->limiting)
		limit_go_on(s, time);
	else if (overloaded)
		limit_begin(s, time);
	s->epoch++;
	s->active_count = 0;
	s->idle = 0;
	s->start = s->now = now;
}

int share_vnet_set(struct share *s, uint32_t vnet, uint32_t guarantee, uint32_t weight)
{
	struct share_vnet *v;
	bool fresh;

	if (vnet >= s->vnet_count || guarantee > SHARE_GUARANTEE_MAX || weight < 1 ||
	    weight > SHARE_WEIGHT_MAX)
		return -EINVAL;
	v = &s->vnets[vnet];
	fresh = !v->weight;
	if (fresh)
		*v = (struct share_vnet){ .epoch = v->epoch };
	v->guarantee = (uint32_t)RTE_MIN(guarantee * WHOLE / SHARE_GUARANTEE_MAX, UINT32_MAX);
	v->weight = (uint16_t)weight;
	if (fresh)
		v->left = credit(s, v);
	return 0;
}

void share_vnet_del(struct share *s, uint32_t vnet)
{
	if (vnet < s->vnet_count)
		s->vnets[vnet].weight = 0;
}

int share_create(uint32_t vnets, uint64_t hz, uint64_t now, struct share **out)
{
	struct share *s;

	if (vnets < 1 || vnets > SHARE_VNETS_MAX || hz < 1000000 || hz > 100000000000)
		return -EINVAL;
	s = calloc(1, sizeof(*s));
	if (!s)
		return -ENOMEM;
	s->vnet_count = vnets;
	s->length = hz * EPOCH_US / 1000000;
	s->quantum = s->length / QUANTUMS;
	s->start = s->now = now;
	s->epoch = 1;
	s->capacity = CAPACITY_SURE;
	s->vnets = aligned_alloc(RTE_CACHE_LINE_SIZE, vnets * sizeof(*s->vnets));
	s->active = calloc(vnets, sizeof(*s->active));
	s->claims = calloc(vnets, sizeof(*s->claims));
	if (!s->vnets || !s->active || !s->claims) {
		share_destroy(s);
		return -ENOMEM;
	}
	memset(s->vnets, 0, vnets * sizeof(*s->vnets));
	*out = s;
	return 0;
}

void share_destroy(struct share *s)
{
	if (!s)
		return;
	free(s->vnets);
	free(s->active);
	free(s->claims);
	free(s);
}
