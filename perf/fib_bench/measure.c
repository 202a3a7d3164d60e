/* SPDX-License-Identifier: Apache-2.0 */
#include "perf/fib_bench/bench.h"

#include <time.h>

static const double ROUND_SECONDS = 0.02; /* a side's turn, at least */

static double clock_seconds(clockid_t clock)
{
	struct timespec t;

	clock_gettime(clock, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

double now(void)
{
	return clock_seconds(CLOCK_MONOTONIC);
}

double cpu_now(void)
{
	return clock_seconds(CLOCK_THREAD_CPUTIME_ID);
}

void check_same(const struct side *a, const struct side *b, const struct dsts *d)
{
	union answers of_a, of_b;

	for (unsigned first = 0; first < LOOKUPS; first += BURST) {
		a->pass(a->table, d, first, BURST, &of_a);
		b->pass(b->table, d, first, BURST, &of_b);
		for (unsigned i = 0; i < BURST; i++) {
			uint32_t x = a->hop(&of_a, i), y = b->hop(&of_b, i);

			if (x != y)
				fatal("address %u: next hop %u of %s, %u of %s", first + i, x,
				      a->name, y, b->name);
		}
	}
}

/* Million lookups a second, the caches as they are after a pass through all addresses. */
static double rate(const struct side *s, const struct dsts *d)
{
	union answers a;
	unsigned passes = 0;
	double begin, took;

	s->pass(s->table, d, 0, LOOKUPS, &a);
	begin = now();
	do {
		s->pass(s->table, d, 0, LOOKUPS, &a);
		took = now() - begin;
		passes++;
	} while (took < ROUND_SECONDS);
	return (double)passes * LOOKUPS / took / 1e6;
}

void measure(const char *metric, const struct side *sides, unsigned n, const struct dsts *d)
{
	double rates[8][ROUNDS];

	for (unsigned round = 0; round < ROUNDS; round++) {
		progress("%s: round %u of %u", metric, round + 1, (unsigned)ROUNDS);
		for (unsigned i = 0; i < n; i++)
			rates[i][round] = rate(&sides[i], d);
	}
	for (unsigned i = 0; i < n; i++)
		out_figures(metric, sides[i].name, rates[i], ROUNDS);
}
