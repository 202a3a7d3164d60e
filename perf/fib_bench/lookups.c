/* SPDX-License-Identifier: Apache-2.0 */
/* One full table: Weft with an array of its own at the root, beside DPDK's tables. */
#include "perf/fib_bench/bench.h"

#include <stdlib.h>

enum { GROWN = 1200000, MANY_HOPS = 500 };

struct contest {
	const struct routes *table;
	struct fib *fib;
	struct side sides[4]; /* Weft first, and room for one more */
	unsigned n;
};

static struct fib *weft_full(const struct routes *t)
{
	struct fib *fib = weft_fib(weft_arena(NULL), t->count, FIB_ROOT_FLAT);
	struct fib_change *changes = table_changes(t);
	struct fib_stats stats;

	progress("weft takes %u routes", t->count);
	weft_apply(fib, changes, t->count);
	free(changes);
	fib_stats(fib, &stats);
	if (stats.routes4 + stats.routes6 != t->count)
		fatal("weft holds %u + %u of %u routes", stats.routes4, stats.routes6, t->count);
	out_figure("bytes", "weft", (double)stats.bytes_lookup);
	return fib;
}

static void contest_run(struct contest *c)
{
	struct dsts d;

	dsts_alloc(&d, c->table->family);
	for (enum pattern p = 0; p < PATTERNS; p++) {
		dsts_fill(&d, c->table, p);
		progress("%s: the answers are compared", pattern_names[p]);
		for (unsigned i = 1; i < c->n; i++)
			check_same(&c->sides[0], &c->sides[i], &d);
		c->sides[c->n] = replay_side(c->fib, &d, pattern_names[p]);
		measure(pattern_names[p], c->sides, c->n + 1, &d);
		replay_free(&c->sides[c->n]);
	}
}

static struct contest contest_begin(const struct routes *t)
{
	struct contest c = {.table = t, .fib = weft_full(t), .n = 1};

	c.sides[0] = side_weft(t->family, c.fib);
	return c;
}

static void contest_fib(struct contest *c, const char *name, unsigned hop_bytes)
{
	struct rte_fib *fib = peer_fib(hop_bytes, c->table->count);

	progress("rte_fib takes %u routes", c->table->count);
	peer_fib_load(fib, c->table);
	c->sides[c->n++] = side_fib(name, fib);
	out_figure("bytes", name, (double)peer_bytes(c->table, hop_bytes));
}

void case_ip4(struct routes *t)
{
	struct contest c = contest_begin(t);
	struct rte_lpm *lpm = peer_lpm(t->count);

	contest_fib(&c, "rte_fib 1 B", 1);
	peer_lpm_load(lpm, t);
	c.sides[c.n++] = side_lpm("rte_lpm", lpm);
	contest_run(&c);
}

void case_ip4_hops(struct routes *t)
{
	struct contest c;

	table_spread(t, MANY_HOPS);
	c = contest_begin(t);
	contest_fib(&c, "rte_fib 2 B", 2);
	contest_run(&c);
}

void case_ip4_grown(struct routes *t)
{
	struct contest c;

	table_grow(t, GROWN);
	c = contest_begin(t);
	contest_fib(&c, "rte_fib 1 B", 1);
	contest_run(&c);
}

void case_ip6(struct routes *t)
{
	struct contest c = contest_begin(t);
	struct rte_fib6 *fib6 = peer_fib6(t->count);

	progress("rte_fib6 takes %u routes", t->count);
	peer_fib6_load(fib6, t);
	c.sides[c.n++] = side_fib6("rte_fib6 4 B", fib6);
	out_figure("bytes", "rte_fib6 4 B", (double)peer_bytes(t, 4));
	contest_run(&c);
}
