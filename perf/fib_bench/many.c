/* SPDX-License-Identifier: Apache-2.0 */
/* 256 tables, a random one for every packet. */
#include "perf/fib_bench/bench.h"

#include <rte_fib.h>
#include <stdlib.h>

enum { TABLES = 256, SMALL_MIN = 1000, SMALL_MAX = 10000 };

/* Full tables: of each, one route in 100 has another next hop than in the base table. */
static uint32_t full_hop(const struct routes *t, unsigned table, unsigned route)
{
	uint64_t h = mix((uint64_t)(table + 1) << 32 | route);
	uint32_t hop = t->routes[route].hop;

	if (h % 100)
		return hop;
	return 1 + (hop + (uint32_t)((h >> 32) % (HOPS - 1))) % HOPS;
}

static uint64_t arena_used(const struct fib_arena *arena)
{
	struct fib_arena_stats stats;

	fib_arena_stats(arena, &stats);
	return stats.bytes_used;
}

/* Of one table alone, which is gone afterwards. */
static uint64_t base_bytes(struct fib_arena *arena, struct fib_change *changes, unsigned n)
{
	struct fib *fib = weft_fib(arena, n, FIB_ROOT_SHARED);
	uint64_t bytes;

	weft_apply(fib, changes, n);
	bytes = arena_used(arena);
	fib_destroy(fib);
	return bytes;
}

static unsigned load_full(struct fib *fib, unsigned k, const struct routes *t,
			  struct fib_change *changes)
{
	unsigned different = 0;

	for (unsigned i = 0; i < t->count; i++) {
		uint32_t hop = full_hop(t, k, i);

		changes[i].value = VALUE_BASE + hop;
		different += hop != t->routes[i].hop;
	}
	weft_apply(fib, changes, t->count);
	return different;
}

static void build_full(const struct routes *t, struct fib **fibs)
{
	struct fib_arena *arena = weft_arena(NULL);
	struct fib_change *changes = table_changes(t);
	uint64_t base = base_bytes(arena, changes, t->count), all, different = 0;
	struct fib_stats stats;

	for (unsigned k = 0; k < TABLES; k++) {
		progress("%u full tables: number %u", (unsigned)TABLES, k + 1);
		fibs[k] = weft_fib(arena, t->count, FIB_ROOT_SHARED);
		different += load_full(fibs[k], k, t, changes);
	}
	free(changes);
	all = arena_used(arena);
	fib_stats(fibs[0], &stats);
	out_figure("bytes", "weft", (double)all);
	out_figure("bytes", "rte_fib 1 B", (double)TABLES * (double)peer_bytes(t, 1));
	out_figure("bytes of the first", "weft", (double)base);
	out_figure("different routes", "weft", (double)different);
	out_figure("bytes a different route", "weft",
		   ((double)all - (double)base) / (double)different);
	out_figure("rib bytes a route", "weft", (double)stats.bytes_rib / t->count);
}

/* The longest match does not depend on the next hops, so one peer's table that holds the numbers
 * of the routes answers for all. */
static void check_full(const struct routes *t, const struct dsts *d, const uint8_t *table_of)
{
	struct rte_fib *oracle = peer_fib(4, t->count);
	struct side weft = side_weft_many(), peer = side_fib("rte_fib", oracle);
	union answers of_weft, of_peer;

	for (unsigned i = 0; i < t->count; i++)
		if (rte_fib_add(oracle, route_ip4(&t->routes[i]), t->routes[i].len, i + 1))
			fatal("rte_fib_add: route %u", i);
	for (unsigned first = 0; first < LOOKUPS; first += BURST) {
		weft.pass(NULL, d, first, BURST, &of_weft);
		peer.pass(oracle, d, first, BURST, &of_peer);
		for (unsigned i = 0; i < BURST; i++) {
			uint32_t route = peer.hop(&of_peer, i) - 1;
			unsigned table = table_of[first + i];

			if (route >= t->count || weft.hop(&of_weft, i) != full_hop(t, table, route))
				fatal("address %u of table %u: wrong next hop %u", first + i, table,
				      weft.hop(&of_weft, i));
		}
	}
	rte_fib_free(oracle);
}

static void measure_many(const struct dsts *d)
{
	struct side sides[2] = {side_weft_many(), replay_side(d->fibs[0], d, "mixed")};

	measure("mixed", sides, 2, d);
}

void case_many_full(struct routes *t)
{
	static struct fib *fibs[TABLES];
	uint8_t *table_of = alloc(LOOKUPS);
	uint64_t seed = 10;
	struct dsts d;

	build_full(t, fibs);
	dsts_alloc(&d, 4);
	dsts_fill(&d, t, PATTERN_PREFIX);
	d.fibs = alloc(LOOKUPS * sizeof(*d.fibs));
	for (unsigned i = 0; i < LOOKUPS; i++) {
		table_of[i] = (uint8_t)rnd_below(&seed, TABLES);
		d.fibs[i] = fibs[table_of[i]];
	}
	progress("the answers are compared");
	check_full(t, &d, table_of);
	measure_many(&d);
}

/* Small tables: a random sample of the full one each. */
struct small {
	struct routes table;
	struct fib *fib;
};

static void sample(const struct routes *t, unsigned *order, uint64_t *seed, struct routes *out)
{
	out->family = 4;
	out->count = SMALL_MIN + rnd_below(seed, SMALL_MAX - SMALL_MIN + 1);
	out->routes = malloc(out->count * sizeof(*out->routes));
	if (!out->routes)
		fatal("no memory for a sample");
	for (unsigned i = 0; i < out->count; i++) {
		unsigned k = i + rnd_below(seed, t->count - i), at = order[k];

		order[k] = order[i];
		order[i] = at;
		out->routes[i] = t->routes[at];
	}
}

static void build_small(const struct routes *t, struct small *smalls)
{
	struct fib_arena *arena = weft_arena(NULL);
	unsigned *order = malloc(t->count * sizeof(*order)), routes = 0;
	uint64_t seed = 11, peer = 0;

	if (t->count < SMALL_MAX)
		fatal("%u routes are too few to take samples of", t->count);
	if (!order)
		fatal("no memory for %u numbers", t->count);
	for (unsigned i = 0; i < t->count; i++)
		order[i] = i;
	progress("%u small tables", (unsigned)TABLES);
	for (unsigned k = 0; k < TABLES; k++) {
		struct small *s = &smalls[k];
		struct fib_change *changes;

		sample(t, order, &seed, &s->table);
		changes = table_changes(&s->table);
		s->fib = weft_fib(arena, s->table.count, FIB_ROOT_AUTO);
		weft_apply(s->fib, changes, s->table.count);
		free(changes);
		routes += s->table.count;
		peer += peer_bytes(&s->table, 1);
	}
	free(order);
	out_figure("routes", "weft", routes);
	out_figure("bytes", "weft", (double)arena_used(arena));
	out_figure("bytes a route", "weft", (double)arena_used(arena) / routes);
	out_figure("bytes a route", "rte_fib 1 B", (double)peer / routes);
}

static void check_small(const struct small *smalls, const struct dsts *d)
{
	for (unsigned k = 0; k < TABLES; k++) {
		const struct routes *t = &smalls[k].table;
		struct rte_fib *oracle = peer_fib(1, t->count);

		peer_fib_load(oracle, t);
		for (unsigned i = 0; i < LOOKUPS; i++) {
			uint64_t hop;
			uint32_t value;

			if (d->fibs[i] != smalls[k].fib)
				continue;
			rte_fib_lookup_bulk(oracle, &d->host4[i], &hop, 1);
			fib_lookup4_bulk(&d->fibs[i], &d->net4[i], &value, 1);
			if (value != VALUE_BASE + hop)
				fatal("address %u of table %u: wrong value %u", i, k, value);
		}
		rte_fib_free(oracle);
	}
}

void case_many_small(struct routes *t)
{
	static struct small smalls[TABLES];
	uint64_t seed = 12;
	struct dsts d;

	build_small(t, smalls);
	dsts_alloc(&d, 4);
	d.fibs = alloc(LOOKUPS * sizeof(*d.fibs));
	for (unsigned i = 0; i < LOOKUPS; i++) {
		const struct small *s = &smalls[rnd_below(&seed, TABLES)];
		uint8_t addr[16];

		route_random_addr(&s->table.routes[rnd_below(&seed, s->table.count)], 4, &seed,
				  addr);
		dsts_set(&d, i, addr);
		d.fibs[i] = s->fib;
	}
	progress("the answers are compared");
	check_small(smalls, &d);
	measure_many(&d);
}
