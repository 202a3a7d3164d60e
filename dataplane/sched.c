/* SPDX-License-Identifier: Apache-2.0 */
#include "dataplane/sched_types_priv.h"

#include <errno.h>
#include <rte_common.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

enum {
	TARGET_US = 5000, /* RFC 8289 */
	INTERVAL_US = 100000,
	/* How far a bucket runs ahead after a pause, in time and in full frames, whichever is more: a
	 * worker that sleeps or is busy elsewhere for less makes up for it. */
	BURST_US = 200,
	GUARANTEE_BURST_US = 1000,
	BURST_FRAMES = 4,
};
#define HUGE_PAGE ((size_t)2 << 20)

static uint64_t ticks_of(const struct sched *s, uint64_t us)
{
	return s->hz * us / 1000000;
}

static void bucket_set(const struct sched *s, struct bucket *b, uint64_t rate, uint64_t burst_us,
		       uint64_t now)
{
	uint64_t burst;

	*b = (struct bucket){ .due = now };
	if (!rate)
		return;
	b->cost = (uint64_t)(((unsigned __int128)s->hz * 8 << COST_SHIFT) / rate) + 1;
	b->inverse = (uint64_t)(((unsigned __int128)rate << INVERSE_SHIFT) / (s->hz * 8));
	burst = b->cost * QUANTUM * BURST_FRAMES >> COST_SHIFT;
	b->burst = RTE_MAX(burst, ticks_of(s, burst_us));
}

/*
 * The wheel: slot q holds whom to look at again at tick q << wheel_shift. Who must wait for longer
 * than it reaches is looked at early and comes back.
 */

static void wheel_add(struct sched *s, uint16_t i, uint64_t when)
{
	uint64_t q = (when + (1ull << s->wheel_shift) - 1) >> s->wheel_shift;
	unsigned slot;

	q = RTE_MIN(RTE_MAX(q, s->wheel_at + 1), s->wheel_at + WHEEL - 1);
	slot = q % WHEEL;
	link_add(s->wheel, (uint16_t)(s->vnet_count + slot), i);
	s->wheel_used[slot / 64] |= 1ull << slot % 64;
	s->vnets[i].in_wheel = true;
}

static void wheel_del(struct sched *s, uint16_t i)
{
	uint16_t head = s->wheel[i].next;

	link_del(s->wheel, i);
	if (head >= s->vnet_count && link_empty(s->wheel, head)) {
		unsigned slot = head - s->vnet_count;

		s->wheel_used[slot / 64] &= ~(1ull << slot % 64);
	}
	s->vnets[i].in_wheel = false;
}

/* The first slot after q, within a turn, that holds somebody; UINT64_MAX: the wheel is empty. */
static uint64_t wheel_first(const struct sched *s, uint64_t q)
{
	unsigned start = (q + 1) % WHEEL;

	for (unsigned i = 0; i <= WHEEL / 64; i++) {
		unsigned word = (start / 64 + i) % (WHEEL / 64);
		uint64_t used = s->wheel_used[word];

		if (i == 0)
			used &= ~0ull << start % 64;
		if (used) {
			unsigned slot = word * 64 + (unsigned)__builtin_ctzll(used);

			return q + 1 + (slot - start) % WHEEL;
		}
	}
	return UINT64_MAX;
}

static void wheel_empty_slot(struct sched *s, unsigned slot, uint64_t now)
{
	uint16_t head = (uint16_t)(s->vnet_count + slot), i = s->wheel[head].next, next;

	link_init(s->wheel, head);
	s->wheel_used[slot / 64] &= ~(1ull << slot % 64);
	for (; i != head; i = next) {
		next = s->wheel[i].next; /* before it is placed, perhaps here again */
		s->vnets[i].in_wheel = false;
		if (s->vnets[i].state == VNET_SHARE)
			link_del(s->turns, i);
		sched_place(s, i, now);
	}
}

void sched_wheel_turn(struct sched *s, uint64_t now)
{
	uint64_t q = s->wheel_at, end = now >> s->wheel_shift;

	if (q >= end)
		return;
	s->wheel_at = end;
	end = RTE_MIN(end, q + WHEEL);
	for (q = wheel_first(s, q); q <= end; q = wheel_first(s, q))
		wheel_empty_slot(s, q % WHEEL, now);
}

void sched_place(struct sched *s, uint16_t i, uint64_t now)
{
	struct sched_vnet *v = &s->vnets[i];

	if (!v->len) {
		v->state = VNET_IDLE;
		return;
	}
	v->slice = SLICE;
	if (v->ceiling.cost) {
		bucket_cap(&v->ceiling, now);
		if (!bucket_ready(&v->ceiling, now)) {
			v->state = VNET_PARKED;
			wheel_add(s, i, v->ceiling.due);
			return;
		}
	}
	if (v->guarantee.cost) {
		bucket_cap(&v->guarantee, now);
		if (bucket_ready(&v->guarantee, now)) {
			v->state = VNET_FIRST;
			link_add(s->turns, s->first, i);
			return;
		}
		wheel_add(s, i, v->guarantee.due);
	}
	v->state = VNET_SHARE;
	link_add(s->turns,
		 v->round == s->round && v->deficit <= 0 ? s->next_round : s->now_round, i);
}

void sched_unplace(struct sched *s, uint16_t i)
{
	struct sched_vnet *v = &s->vnets[i];

	if (v->state == VNET_FIRST || v->state == VNET_SHARE)
		link_del(s->turns, i);
	if (v->in_wheel)
		wheel_del(s, i);
}

uint64_t sched_next(const struct sched *s, uint64_t now)
{
	uint64_t at = now, q;

	if (!s->queued)
		return UINT64_MAX;
	if (link_empty(s->turns, s->first) && link_empty(s->turns, s->now_round) &&
	    link_empty(s->turns, s->next_round)) {
		q = wheel_first(s, s->wheel_at) << s->wheel_shift;
		at = RTE_MAX(q, now);
	}
	return bucket_ready(&s->port, at) ? at : s->port.due;
}

/* The lightest vnet sends a full frame in each round, others so much more as they weigh more. */
static void weigh(struct sched *s, uint32_t old, uint32_t new)
{
	unsigned least = 1;

	if (old)
		s->weights[old]--;
	if (new)
		s->weights[new]++;
	while (least < SCHED_WEIGHT_MAX && !s->weights[least])
		least++;
	s->unit = ((uint64_t)QUANTUM << UNIT_SHIFT) / least;
}

static bool rate_ok(uint64_t rate)
{
	return !rate || rate >= SCHED_RATE_MIN;
}

int sched_vnet_set(struct sched *s, uint32_t vnet, const struct sched_vnet_conf *conf, uint64_t now)
{
	struct sched_vnet *v;

	if (vnet >= s->vnet_count || conf->weight < 1 || conf->weight > SCHED_WEIGHT_MAX ||
	    !rate_ok(conf->guarantee) || !rate_ok(conf->ceiling) ||
	    (conf->ceiling && conf->ceiling < conf->guarantee))
		return -EINVAL;
	v = &s->vnets[vnet];
	if (v->state == VNET_UNSET)
		*v = (struct sched_vnet){ .state = VNET_IDLE,
					  .fresh.head = NONE,
					  .old.head = NONE,
					  .round = s->round - 1 };
	sched_unplace(s, (uint16_t)vnet);
	weigh(s, v->weight, conf->weight);
	v->weight = (uint16_t)conf->weight;
	v->limited = conf->guarantee || conf->ceiling;
	bucket_set(s, &v->guarantee, conf->guarantee, GUARANTEE_BURST_US, now);
	bucket_set(s, &v->ceiling, conf->ceiling, BURST_US, now);
	sched_place(s, (uint16_t)vnet, now);
	return 0;
}

uint32_t sched_vnet_del(struct sched *s, uint32_t vnet)
{
	struct sched_vnet *v = vnet < s->vnet_count ? &s->vnets[vnet] : NULL;
	uint32_t n;

	if (!v || v->state == VNET_UNSET)
		return 0;
	sched_unplace(s, (uint16_t)vnet);
	n = v->len;
	sched_flush(s, v);
	weigh(s, v->weight, 0);
	v->weight = 0;
	v->state = VNET_UNSET;
	return n;
}

int sched_rate_set(struct sched *s, uint64_t rate, uint64_t now)
{
	if (!rate_ok(rate))
		return -EINVAL;
	bucket_set(s, &s->port, rate, BURST_US, now);
	return 0;
}

uint32_t sched_queued(const struct sched *s)
{
	return s->queued;
}

void sched_vnet_stats(const struct sched *s, uint32_t vnet, struct sched_stats *out)
{
	const struct sched_vnet *v = &s->vnets[vnet];

	*out = (struct sched_stats){ .marked = v->marked, .queued = v->len };
	memcpy(out->drops, v->drops, sizeof(out->drops));
	memcpy(out->delay, v->delay, sizeof(out->delay));
	for (unsigned i = 0; i < SCHED_DELAYS; i++)
		out->packets += out->delay[i];
	out->bytes = v->bytes - out->packets * s->overhead;
}

uint64_t sched_delay_bound(const struct sched *s, unsigned bucket)
{
	return bucket < SCHED_DELAYS - 1 ? 1ull << (bucket + s->stamp_shift) : UINT64_MAX;
}

static bool conf_ok(const struct sched_conf *conf)
{
	return conf->hz >= 1000000 && conf->hz <= 100000000000 && rate_ok(conf->rate) &&
	       conf->overhead <= 256 && conf->vnets >= 1 && conf->vnets <= SCHED_VNETS_MAX &&
	       conf->limit >= 2 * conf->vnets && conf->limit <= SCHED_LIMIT_MAX &&
	       conf->flows >= 1 && conf->flows <= SCHED_FLOWS_MAX &&
	       rte_is_power_of_2(conf->flows) && conf->drop;
}

/* All arrays are in one piece, which huge pages may back: with small ones a packet's five or six
 * lines would cost as many misses of the TLB. */
static void *carve(struct sched *s, size_t n, size_t size)
{
	size_t bytes = RTE_ALIGN_CEIL(n * size, (size_t)RTE_CACHE_LINE_SIZE);
	void *p = s->memory ? (char *)s->memory + s->memory_used : NULL;

	s->memory_used += bytes;
	return p;
}

static void carve_all(struct sched *s, const struct sched_conf *conf)
{
	/* Each packet has a slot, and each flow that is not empty an empty one. */
	uint32_t slots = 2 * conf->limit;

	s->memory_used = 0;
	s->vnets = carve(s, conf->vnets + HEADS, sizeof(*s->vnets));
	s->flows = carve(s, (size_t)conf->vnets * conf->flows, sizeof(*s->flows));
	s->slots = carve(s, slots, sizeof(*s->slots));
	s->free = carve(s, slots, sizeof(*s->free));
	s->turns = carve(s, conf->vnets + HEADS, sizeof(*s->turns));
	s->wheel = carve(s, conf->vnets + WHEEL, sizeof(*s->wheel));
}

static int sched_alloc(struct sched *s, const struct sched_conf *conf)
{
	carve_all(s, conf);
	s->memory_size = RTE_ALIGN_CEIL(s->memory_used, HUGE_PAGE);
	s->memory = aligned_alloc(HUGE_PAGE, s->memory_size);
	if (!s->memory)
		return -ENOMEM;
	madvise(s->memory, s->memory_size, MADV_HUGEPAGE);
	memset(s->memory, 0, s->memory_size);
	carve_all(s, conf);
	for (uint32_t i = 2 * conf->limit; i-- > 0;)
		s->free[s->free_count++] = i;
	for (uint32_t i = 0; i < HEADS; i++)
		link_init(s->turns, (uint16_t)(conf->vnets + i));
	for (uint32_t i = 0; i < WHEEL; i++)
		link_init(s->wheel, (uint16_t)(conf->vnets + i));
	return 0;
}

int sched_create(const struct sched_conf *conf, struct sched **out)
{
	struct sched *s;

	if (!conf_ok(conf))
		return -EINVAL;
	s = calloc(1, sizeof(*s));
	if (!s)
		return -ENOMEM;
	s->hz = conf->hz;
	s->vnet_count = conf->vnets;
	s->overhead = conf->overhead;
	s->flow_shift = (uint32_t)__builtin_ctz(conf->flows);
	s->flow_mask = conf->flows - 1;
	s->reserve = conf->limit / 2 / conf->vnets;
	s->shared = conf->limit - s->reserve * conf->vnets;
	s->stamp_shift = 63 - (unsigned)__builtin_clzll(conf->hz / 1000000);
	s->target = (uint32_t)(ticks_of(s, TARGET_US) >> s->stamp_shift);
	s->interval = (uint32_t)(ticks_of(s, INTERVAL_US) >> s->stamp_shift);
	s->wheel_shift = 63 - (unsigned)__builtin_clzll(ticks_of(s, WHEEL_US));
	s->first = (uint16_t)conf->vnets;
	s->now_round = (uint16_t)(conf->vnets + 1);
	s->next_round = (uint16_t)(conf->vnets + 2);
	s->drop = conf->drop;
	s->ctx = conf->ctx;
	bucket_set(s, &s->port, conf->rate, BURST_US, 0);
	if (sched_alloc(s, conf)) {
		sched_destroy(s);
		return -ENOMEM;
	}
	*out = s;
	return 0;
}

void sched_destroy(struct sched *s)
{
	if (!s)
		return;
	for (uint32_t i = 0; s->queued && i < s->vnet_count; i++)
		sched_vnet_del(s, i);
	free(s->memory);
	free(s);
}
