/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TESTS_UNIT_FIB_FIXTURE_H
#define TESTS_UNIT_FIB_FIXTURE_H

/* What all tests of the FIB do: arenas and tables, and lookups by every body in every root. */

#include "tests/unit/fib/oracle.h"
#include "tests/unit/test.h"

#if defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define FIXTURE_SANITIZED 1
#endif
#endif
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define FIXTURE_SANITIZED 1
#endif
#ifndef FIXTURE_SANITIZED
#define FIXTURE_SANITIZED 0
#endif
#ifdef __SANITIZE_THREAD__
#define FIXTURE_TSAN 1
#else
#define FIXTURE_TSAN 0
#endif

enum { LOOKUP_MAX = 1024 };

/* As many as n, or an eighth where sanitizers make everything slow. */
static inline unsigned scaled(unsigned n)
{
	return FIXTURE_SANITIZED ? n / 8 : n;
}

static uint64_t rnd_state = 1;

static inline void rnd_seed(uint64_t seed)
{
	rnd_state = seed * 0x9e3779b97f4a7c15 + 1;
}

/* 0..n-1; the same on every machine. */
static inline uint32_t rnd(uint32_t n)
{
	rnd_state ^= rnd_state << 13;
	rnd_state ^= rnd_state >> 7;
	rnd_state ^= rnd_state << 17;
	return (uint32_t)((rnd_state >> 32) % n);
}

static inline struct fib_arena *arena_new(struct rte_rcu_qsbr *qsbr)
{
	struct fib_arena_conf conf = { .qsbr = qsbr };
	struct fib_arena *arena = NULL;

	assert_int_equal(fib_arena_create(&conf, &arena), 0);
	assert_non_null(arena);
	return arena;
}

static inline struct fib *fib_new(struct fib_arena *arena, enum fib_root root)
{
	struct fib_conf conf = { .arena = arena, .max_routes = 1u << 20, .root = root };
	struct fib *fib = NULL;

	assert_int_equal(fib_create(&conf, &fib), 0);
	assert_non_null(fib);
	return fib;
}

static inline struct fib_arena_stats arena_stats(const struct fib_arena *arena)
{
	struct fib_arena_stats stats;

	fib_arena_stats(arena, &stats);
	assert_true(stats.bytes_used + stats.bytes_retired <= stats.bytes_mapped);
	return stats;
}

static inline struct fib_stats table_stats(const struct fib *fib)
{
	struct fib_stats stats;

	fib_stats(fib, &stats);
	assert_true(stats.bytes >= stats.bytes_rib);
	assert_true(stats.bytes_shared <= stats.bytes_lookup);
	return stats;
}

static inline const char *root_name(enum fib_root root)
{
	return root == FIB_ROOT_SHARED ? "shared" : root == FIB_ROOT_FLAT ? "flat" : "auto";
}

/* The whole of a test, for each way to look up the first 16 bits. */
static inline void each_root(void (*body)(enum fib_root root))
{
	for (enum fib_root root = FIB_ROOT_AUTO; root <= FIB_ROOT_FLAT; root++) {
		print_message("root %s\n", root_name(root));
		body(root);
	}
}

static inline void lookup_as_is(const struct fib *const *fibs, unsigned family,
				const uint8_t (*dst)[16], uint32_t *values, unsigned n)
{
	uint32_t dst4[LOOKUP_MAX];

	assert_true(n <= LOOKUP_MAX);
	if (family == 6) {
		fib_lookup6_bulk(fibs, dst, values, n);
		return;
	}
	for (unsigned i = 0; i < n; i++)
		memcpy(&dst4[i], dst[i], 4);
	fib_lookup4_bulk(fibs, dst4, values, n);
}

/* values[i] = what all bodies that this CPU has say of dst[i] in *fibs[i]: they must agree. */
static inline void lookup(const struct fib *const *fibs, unsigned family,
			  const uint8_t (*dst)[16], uint32_t *values, unsigned n)
{
	enum fib_isa best = fib_isa();
	uint32_t other[LOOKUP_MAX];

	assert_int_equal(fib_isa_use(FIB_ISA_SCALAR), 0);
	lookup_as_is(fibs, family, dst, values, n);
	for (enum fib_isa isa = FIB_ISA_SCALAR + 1; isa < FIB_ISA_COUNT; isa++) {
		if (fib_isa_use(isa) < 0)
			continue;
		lookup_as_is(fibs, family, dst, other, n);
		for (unsigned i = 0; i < n; i++)
			if (other[i] != values[i])
				fail_msg("%s in lane %u of %u: %s is %u, not %u", fib_isa_name(isa),
					 i, n, addr_name(dst[i], family), other[i], values[i]);
	}
	assert_int_equal(fib_isa_use(best), 0);
}

/* The same in one table. */
static inline void lookup_in(const struct fib *fib, unsigned family, const uint8_t (*dst)[16],
			     uint32_t *values, unsigned n)
{
	const struct fib *fibs[LOOKUP_MAX];

	assert_true(n <= LOOKUP_MAX);
	for (unsigned i = 0; i < n; i++)
		fibs[i] = fib;
	lookup(fibs, family, dst, values, n);
}

static inline uint32_t lookup_one(const struct fib *fib, unsigned family, const uint8_t *addr)
{
	uint8_t dst[1][16] = { { 0 } };
	uint32_t value;

	memcpy(dst[0], addr, addr_bits(family) / 8);
	lookup_in(fib, family, (const uint8_t(*)[16])dst, &value, 1);
	return value;
}

/* All bodies against the oracle. */
static inline void expect(const struct fib *fib, struct oracle *o, unsigned family,
			  const uint8_t (*dst)[16], unsigned n)
{
	uint32_t values[LOOKUP_MAX], want;

	lookup_in(fib, family, dst, values, n);
	for (unsigned i = 0; i < n; i++) {
		want = oracle_lookup(o, family, dst[i]);
		if (values[i] != want)
			fail_msg("IPv%u: %s is %u, not %u", family, addr_name(dst[i], family),
				 values[i], want);
	}
}

static inline void set(struct fib *fib, unsigned family, const uint8_t *addr, unsigned len,
		       uint32_t value)
{
	assert_int_equal(fib_route_set(fib, family, addr, len, value, NULL), 0);
}

static inline void del(struct fib *fib, unsigned family, const uint8_t *addr, unsigned len)
{
	assert_int_equal(fib_route_del(fib, family, addr, len, NULL), 0);
}

static inline struct fib_change change_of(const struct fib_route *r)
{
	struct fib_change c = { .family = r->family, .len = r->len, .value = r->value };

	memcpy(c.addr, r->addr, 16);
	return c;
}

/* All routes in one batch. */
static inline void load(struct fib *fib, const struct fib_route *routes, size_t n)
{
	struct fib_change *changes = calloc(n ? n : 1, sizeof(*changes));

	assert_non_null(changes);
	for (size_t i = 0; i < n; i++)
		changes[i] = change_of(&routes[i]);
	assert_int_equal(fib_apply(fib, changes, n, NULL), 0);
	free(changes);
}

static inline void wipe_one(const struct fib_route *route, void *arg)
{
	(*(uint32_t *)arg)++;
}

/* Deletes all routes, in one batch. */
static inline void wipe(struct fib *fib)
{
	struct fib_stats stats = table_stats(fib);
	uint32_t swept = 0;

	fib_mark(fib);
	assert_int_equal(fib_sweep(fib, wipe_one, &swept), stats.routes4 + stats.routes6);
	assert_int_equal(swept, stats.routes4 + stats.routes6);
}

/* fib_each_route() gives exactly the oracle's routes, each once; so does fib_next_routes(), page by
 * page, and when that behind which a page begins is not there. */
struct seen {
	struct oracle *o;
	bool *there;
	uint32_t count;
	unsigned family;
	struct fib_route last;
};

static inline void see(const struct fib_route *route, void *arg)
{
	struct seen *s = arg;
	const struct fib_route *r = oracle_find(s->o, route->family, route->addr, route->len);

	assert_non_null(r);
	assert_int_equal(route->family, s->family);
	assert_memory_equal(r->addr, route->addr, 16);
	assert_int_equal(r->value, route->value);
	assert_false(s->there[r - s->o->routes]);
	s->there[r - s->o->routes] = true;
	s->count++;
	s->last = *route;
}

static inline void expect_pages(const struct fib *fib, struct seen *s, uint32_t count)
{
	const struct fib_route *after = NULL;
	unsigned page;
	long n;

	memset(s->there, 0, s->o->count);
	s->count = 0;
	do {
		page = 1 + rnd(9);
		n = fib_next_routes(fib, s->family, after, page, see, s);
		assert_in_range(n, 0, page);
		after = &s->last;
	} while (n == page);
	assert_int_equal(s->count, count);
}

static inline void expect_routes(const struct fib *fib, struct oracle *o)
{
	struct fib_stats stats = table_stats(fib);
	struct seen s = { .o = o, .there = calloc(o->count + 1, sizeof(bool)) };

	assert_non_null(s.there);
	for (s.family = 4; s.family <= 6; s.family += 2) {
		s.count = 0;
		fib_each_route(fib, s.family, see, &s);
		assert_int_equal(s.count, s.family == 4 ? stats.routes4 : stats.routes6);
		expect_pages(fib, &s, s.count);
	}
	assert_int_equal(stats.routes4 + stats.routes6, o->count);
	free(s.there);
}

#endif
