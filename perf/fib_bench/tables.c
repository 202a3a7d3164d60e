/* SPDX-License-Identifier: Apache-2.0 */
#include "perf/fib_bench/bench.h"

#include <errno.h>
#include <rte_errno.h>
#include <rte_fib.h>
#include <rte_fib6.h>
#include <rte_lpm.h>
#include <stdlib.h>
#include <string.h>

enum {
	TBL24 = 1 << 24,
	TBL8 = 256,
	TBL8S_1B = 127,   /* as many as DPDK takes with hops of a byte */
	TBL8S = 4000,     /* of IPv4 tables of wider hops */
	TBL8S_6 = 400000, /* it reserves more than it uses */
};

const char *peer_isa = "";

struct fib_arena *weft_arena(void *qsbr)
{
	struct fib_arena_conf conf = {.qsbr = qsbr};
	struct fib_arena *arena;
	int rc = fib_arena_create(&conf, &arena);

	if (rc)
		fatal("fib_arena_create: %s", strerror(-rc));
	return arena;
}

struct fib *weft_fib(struct fib_arena *arena, unsigned max_routes, enum fib_root root)
{
	struct fib_conf conf = {.arena = arena, .max_routes = max_routes, .root = root};
	struct fib *fib;
	int rc = fib_create(&conf, &fib);

	if (rc)
		fatal("fib_create: %s", strerror(-rc));
	return fib;
}

void weft_apply(struct fib *fib, struct fib_change *changes, size_t n)
{
	size_t bad;
	int rc = fib_apply(fib, changes, n, &bad);

	if (rc)
		fatal("fib_apply: change %zu of %zu: %s", bad, n, strerror(-rc));
}

struct rte_fib *peer_fib(unsigned hop_bytes, unsigned max_routes)
{
	struct rte_fib_conf conf = {.type = RTE_FIB_DIR24_8, .max_routes = (int)max_routes};
	struct rte_fib *fib;

	conf.dir24_8.nh_sz = (enum rte_fib_dir24_8_nh_sz)(hop_bytes / 2); /* of 1, 2, 4 */
	conf.dir24_8.num_tbl8 = hop_bytes == 1 ? TBL8S_1B : TBL8S;
	fib = rte_fib_create("ip4", 0, &conf);
	if (!fib)
		fatal("rte_fib_create: %s", rte_strerror(rte_errno));
	/* A new table looks up with the best there is. */
	peer_isa = "avx512";
	if (rte_fib_select_lookup(fib, RTE_FIB_LOOKUP_DIR24_8_VECTOR_AVX512) < 0)
		peer_isa = "scalar";
	return fib;
}

void peer_fib_load(struct rte_fib *fib, const struct routes *t)
{
	for (unsigned i = 0; i < t->count; i++) {
		const struct route *r = &t->routes[i];
		int rc = rte_fib_add(fib, route_ip4(r), r->len, r->hop);

		if (rc)
			fatal("rte_fib_add: route %u: %s", i, rte_strerror(-rc));
	}
}

struct rte_fib6 *peer_fib6(unsigned max_routes)
{
	/* 2-byte hops allow 32767 groups, which are too few for a full table. */
	struct rte_fib6_conf conf = {
		.type = RTE_FIB6_TRIE,
		.max_routes = (int)max_routes,
		.trie = {.nh_sz = RTE_FIB6_TRIE_4B, .num_tbl8 = TBL8S_6},
	};
	struct rte_fib6 *fib = rte_fib6_create("ip6", 0, &conf);

	if (!fib)
		fatal("rte_fib6_create: %s", rte_strerror(rte_errno));
	peer_isa = "avx512";
	if (rte_fib6_select_lookup(fib, RTE_FIB6_LOOKUP_TRIE_VECTOR_AVX512) < 0)
		peer_isa = "scalar";
	return fib;
}

void peer_fib6_load(struct rte_fib6 *fib, const struct routes *t)
{
	for (unsigned i = 0; i < t->count; i++) {
		const struct route *r = &t->routes[i];
		int rc = rte_fib6_add(fib, r->addr, r->len, r->hop);

		if (rc)
			fatal("rte_fib6_add: route %u: %s", i, rte_strerror(-rc));
	}
}

struct rte_lpm *peer_lpm(unsigned max_routes)
{
	struct rte_lpm_config conf = {.max_rules = max_routes, .number_tbl8s = TBL8S};
	struct rte_lpm *lpm = rte_lpm_create("lpm", 0, &conf);

	if (!lpm)
		fatal("rte_lpm_create: %s", rte_strerror(rte_errno));
	return lpm;
}

void peer_lpm_load(struct rte_lpm *lpm, const struct routes *t)
{
	for (unsigned i = 0; i < t->count; i++) {
		const struct route *r = &t->routes[i];
		int rc = rte_lpm_add(lpm, route_ip4(r), r->len, r->hop);

		if (rc)
			fatal("rte_lpm_add: route %u: %s", i, rte_strerror(-rc));
		if (i % 65536 == 0)
			progress("rte_lpm takes its routes: %u %%", 100 * i / t->count);
	}
}

static int by_prefix(const void *a, const void *b)
{
	const struct route *x = a, *y = b;
	int order = memcmp(x->addr, y->addr, sizeof(x->addr));

	return order ? order : x->len - y->len;
}

static bool covers(const struct route *r, const struct route *longer)
{
	unsigned whole = r->len / 8;
	uint8_t mask = (uint8_t)(0xff00u >> r->len % 8);

	return r->len <= longer->len && !memcmp(r->addr, longer->addr, whole) &&
	       (!mask || !((r->addr[whole] ^ longer->addr[whole]) & mask));
}

/* Groups that a route needs, and that the one before it has not got. */
static unsigned new_groups(const struct route *r, uint8_t (*last)[16])
{
	unsigned n = 0;

	for (unsigned bytes = 3; bytes * 8 < r->len; bytes++) {
		n += memcmp(last[bytes], r->addr, bytes) != 0;
		memcpy(last[bytes], r->addr, bytes);
	}
	return n;
}

uint64_t peer_bytes(const struct routes *t, unsigned hop_bytes)
{
	struct route *routes = malloc(t->count * sizeof(*routes));
	const struct route *above[129];
	uint8_t last[16][16] = {0};
	unsigned depth = 0;
	uint64_t groups = 0;

	if (!routes)
		fatal("no memory for %u routes", t->count);
	memcpy(routes, t->routes, t->count * sizeof(*routes));
	qsort(routes, t->count, sizeof(*routes), by_prefix);
	for (unsigned i = 0; i < t->count; i++) {
		while (depth && !covers(above[depth - 1], &routes[i]))
			depth--;
		/* A route that says what the one above it says does not get into the table. */
		if (!depth || above[depth - 1]->hop != routes[i].hop)
			groups += new_groups(&routes[i], last);
		above[depth++] = &routes[i];
	}
	free(routes);
	return (TBL24 + groups * TBL8) * hop_bytes;
}
