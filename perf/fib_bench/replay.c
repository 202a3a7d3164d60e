/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What bounds the lookups: the cache lines that those of a pattern touch are found beforehand, and
 * then loaded as a lookup would, a burst at a time and step by step, but with nothing to find out
 * in between. No lookup that touches these lines is faster than that.
 */
#include "perf/fib_bench/bench.h"

#include "fib/fib_priv.h"

#include <rte_malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { LINE = 64, STEPS = 2 * LEVELS + 2, BURSTS = LOOKUPS / BURST };

struct replay {
	const uint8_t *base;
	uint32_t *lines;               /* by burst and step: offset in the arena / LINE */
	uint32_t (*ends)[STEPS];       /* by burst: where each step's lines end in it */
	const struct fib *const *fibs; /* NULL: one table, whose roots are read once a burst */
};

static const uint8_t *value_at(const struct fib *fib, uint32_t word, uint8_t slot)
{
	enum code c = word & CODE_MASK;
	const uint8_t *line = line_of(fib->base, word, slot);
	unsigned run = 0;

	while (run < forms.starts[c] && line[run] > slot)
		run++;
	if (c == BITMAP32)
		run = bitmap_value(line, slot);
	else if (forms.islands[c])
		run = run % 2 ? run / 2 + 1 : 0;
	return line + forms.values[c] + (run << forms.width[c]);
}

/* The word that the value stands for, of nodes whose values are words; others have leaves. */
static uint32_t word_at(const uint8_t *value, enum code c)
{
	uint32_t word = 0;

	memcpy(&word, value, 1u << forms.width[c]);
	return forms.width[c] == 2 ? word : leaf_of(word);
}

/* The lines that a lookup touches one after the other, and how many. */
static unsigned path_of(const struct fib *fib, unsigned table, const uint8_t *addr, bool few,
			uint32_t lines[STEPS])
{
	uint32_t word = fib->root[table];
	unsigned level = 0, n = 0;

	if (word & FLAT) {
		const uint8_t *at = fib->base + (word & NODE_MASK) + 4 * (addr[0] | addr[1] << 8);

		lines[n++] = (uint32_t)((at - fib->base) / LINE);
		word = word_at(at, DIRECT32);
		level = 2;
	}
	for (; !is_leaf(word); level++) {
		const uint8_t *at = value_at(fib, word, addr[level]);
		uint32_t line = (word & NODE_MASK) / LINE;

		if ((word & CODE_MASK) == BITMAP32 && line != (at - fib->base) / LINE)
			lines[n++] = line;
		lines[n++] = (uint32_t)((at - fib->base) / LINE);
		word = word_at(at, word & CODE_MASK);
	}
	if (!few)
		lines[n++] = (fib->palette.offset + 4 * color_of(word)) / LINE;
	return n;
}

/* Of packet i. The values of one table that has few are in registers. */
static unsigned path(const struct fib *fib, const struct dsts *d, unsigned i,
		     uint32_t lines[STEPS])
{
	bool few = !d->fibs && fib->palette.cap <= PALETTE_SMALL;

	if (d->fibs)
		fib = d->fibs[i];
	if (d->ip6)
		return path_of(fib, 1, d->ip6[i], few, lines);
	return path_of(fib, 0, (const uint8_t *)&d->net4[i], few, lines);
}

static void record_burst(struct replay *r, const struct fib *fib, const struct dsts *d,
			 unsigned burst)
{
	uint32_t paths[BURST][STEPS], at = burst ? r->ends[burst - 1][STEPS - 1] : 0;
	unsigned len[BURST];

	for (unsigned i = 0; i < BURST; i++)
		len[i] = path(fib, d, burst * BURST + i, paths[i]);
	for (unsigned step = 0; step < STEPS; step++) {
		for (unsigned i = 0; i < BURST; i++)
			if (step < len[i])
				r->lines[at++] = paths[i][step];
		r->ends[burst][step] = at;
	}
}

/* How many lines are touched, and how many different ones. */
static void tell(const struct replay *r, const struct fib *fib, const char *pattern)
{
	uint8_t *touched = calloc(fib->arena->blocks.top / LINE + 1, 1);
	uint32_t count = r->ends[BURSTS - 1][STEPS - 1], distinct = 0;
	char metric[64];

	if (!touched)
		fatal("no memory for the lines");
	for (uint32_t i = 0; i < count; i++) {
		distinct += !touched[r->lines[i]];
		touched[r->lines[i]] = 1;
	}
	free(touched);
	snprintf(metric, sizeof(metric), "lines of %s", pattern);
	out_figure(metric, "weft", (double)count / LOOKUPS);
	snprintf(metric, sizeof(metric), "bytes of %s", pattern);
	out_figure(metric, "weft", (double)distinct * LINE);
}

static inline void replay(const struct replay *r, unsigned first, unsigned n, union answers *a,
			  bool many)
{
	unsigned burst = first / BURST;
	uint32_t at = burst ? r->ends[burst - 1][STEPS - 1] : 0, sum = 0;

	for (; burst < (first + n) / BURST; burst++) {
		for (unsigned i = 0; i < BURST && many; i++)
			sum += r->fibs[burst * BURST + i]->root[0];
		for (unsigned step = 0; at < r->ends[burst][STEPS - 1]; step++) {
			uint32_t end = r->ends[burst][step];

			for (uint32_t i = at; i < end && many; i++)
				__builtin_prefetch(r->base + (uint64_t)r->lines[i] * LINE);
			for (; at < end; at++)
				sum += *(const uint32_t *)(r->base + (uint64_t)r->lines[at] * LINE);
		}
	}
	a->v32[0] = sum;
}

/* Of one table the loads alone are the fastest, of many with prefetches before. */
static void replay_one(void *table, const struct dsts *d, unsigned first, unsigned n,
		       union answers *a)
{
	replay(table, first, n, a, false);
}

static void replay_many(void *table, const struct dsts *d, unsigned first, unsigned n,
			union answers *a)
{
	replay(table, first, n, a, true);
}

struct side replay_side(const struct fib *fib, const struct dsts *d, const char *pattern)
{
	struct replay *r = malloc(sizeof(*r));
	uint32_t lines[STEPS];
	size_t count = 0;

	if (!r)
		fatal("no memory for the lines");
	for (unsigned i = 0; i < LOOKUPS; i++)
		count += path(fib, d, i, lines);
	*r = (struct replay){.base = fib->base,
			     .lines = alloc(count * sizeof(*r->lines)),
			     .ends = alloc(BURSTS * sizeof(*r->ends)),
			     .fibs = d->fibs};
	for (unsigned burst = 0; burst < BURSTS; burst++)
		record_burst(r, fib, d, burst);
	tell(r, fib, pattern);
	return (struct side){.name = "its lines alone",
			     .table = r,
			     .pass = d->fibs ? replay_many : replay_one};
}

void replay_free(struct side *side)
{
	struct replay *r = side->table;

	rte_free(r->lines);
	rte_free(r->ends);
	free(r);
}
