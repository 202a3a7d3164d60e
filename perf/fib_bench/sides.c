/* SPDX-License-Identifier: Apache-2.0 */
#include "perf/fib_bench/bench.h"

#include <rte_fib.h>
#include <rte_fib6.h>
#include <rte_lpm.h>

/*
 * The loops that are timed: a burst after the other through all addresses, the answers always to
 * the same place, as a pipeline does it. Weft gets addresses in network order, DPDK in host order.
 */

static void weft4_pass(void *table, const struct dsts *d, unsigned first, unsigned n,
		       union answers *a)
{
	const struct fib *fibs[BURST];

	for (unsigned i = 0; i < BURST; i++)
		fibs[i] = table;
	for (unsigned i = first; i < first + n; i += BURST)
		fib_lookup4_bulk(fibs, d->net4 + i, a->v32, BURST);
}

static void weft6_pass(void *table, const struct dsts *d, unsigned first, unsigned n,
		       union answers *a)
{
	const struct fib *fibs[BURST];

	for (unsigned i = 0; i < BURST; i++)
		fibs[i] = table;
	for (unsigned i = first; i < first + n; i += BURST)
		fib_lookup6_bulk(fibs, (const uint8_t(*)[16])d->ip6 + i, a->v32, BURST);
}

static void weft_many_pass(void *table, const struct dsts *d, unsigned first, unsigned n,
			   union answers *a)
{
	for (unsigned i = first; i < first + n; i += BURST)
		fib_lookup4_bulk(d->fibs + i, d->net4 + i, a->v32, BURST);
}

static void fib_pass(void *table, const struct dsts *d, unsigned first, unsigned n,
		     union answers *a)
{
	for (unsigned i = first; i < first + n; i += BURST)
		rte_fib_lookup_bulk(table, d->host4 + i, a->v64, BURST);
}

static void fib6_pass(void *table, const struct dsts *d, unsigned first, unsigned n,
		      union answers *a)
{
	for (unsigned i = first; i < first + n; i += BURST)
		rte_fib6_lookup_bulk(table, d->ip6 + i, a->v64, BURST);
}

static void lpm_pass(void *table, const struct dsts *d, unsigned first, unsigned n,
		     union answers *a)
{
	for (unsigned i = first; i < first + n; i += BURST) {
		rte_lpm_lookup_bulk(table, d->host4 + i, a->v32, BURST);
		/* It is a function of this file: all answers are made, not only the last. */
		__asm__ volatile("" : : "r"(a->v32) : "memory");
	}
}

static uint32_t weft_hop(const union answers *a, unsigned i)
{
	return a->v32[i] == FIB_MISS ? 0 : a->v32[i] - VALUE_BASE;
}

static uint32_t fib_hop(const union answers *a, unsigned i)
{
	return (uint32_t)a->v64[i];
}

static uint32_t lpm_hop(const union answers *a, unsigned i)
{
	return a->v32[i] & RTE_LPM_LOOKUP_SUCCESS ? a->v32[i] & 0xffffff : 0;
}

struct side side_weft(unsigned family, struct fib *fib)
{
	return (struct side){.name = "weft",
			     .table = fib,
			     .pass = family == 4 ? weft4_pass : weft6_pass,
			     .hop = weft_hop};
}

struct side side_weft_many(void)
{
	return (struct side){.name = "weft", .pass = weft_many_pass, .hop = weft_hop};
}

struct side side_fib(const char *name, struct rte_fib *fib)
{
	return (struct side){.name = name, .table = fib, .pass = fib_pass, .hop = fib_hop};
}

struct side side_fib6(const char *name, struct rte_fib6 *fib)
{
	return (struct side){.name = name, .table = fib, .pass = fib6_pass, .hop = fib_hop};
}

struct side side_lpm(const char *name, struct rte_lpm *lpm)
{
	return (struct side){.name = name, .table = lpm, .pass = lpm_pass, .hop = lpm_hop};
}
