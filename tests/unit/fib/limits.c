/* SPDX-License-Identifier: Apache-2.0 */
/* What is refused, and that a refusal changes nothing. */
#include "tests/unit/fib/image.h"

#include <errno.h>

static const uint8_t zero[16];

static struct fib *create(struct fib_arena *arena, enum fib_root root, uint32_t max_routes,
			  uint64_t max_bytes)
{
	struct fib_conf conf = { arena, max_routes, max_bytes, root };
	struct fib *fib;

	assert_int_equal(fib_create(&conf, &fib), 0);
	return fib;
}

static void bad_configuration(void **state)
{
	struct fib_arena_conf arena_conf = { .max_bytes = FIB_ARENA_BYTES_MAX + 1 };
	struct fib_arena *arena = NULL;
	struct fib_conf conf = { 0 };
	struct fib *fib = NULL;

	assert_int_equal(fib_arena_create(&arena_conf, &arena), -EINVAL);
	assert_null(arena);
	arena_conf.max_bytes = FIB_ARENA_BYTES_MAX;
	assert_int_equal(fib_arena_create(&arena_conf, &arena), 0);
	conf.arena = arena;
	assert_int_equal(fib_create(&conf, &fib), -EINVAL);
	conf.max_routes = FIB_ROUTES_MAX + 1;
	assert_int_equal(fib_create(&conf, &fib), -EINVAL);
	conf.max_routes = 1;
	conf.root = FIB_ROOT_FLAT + 1;
	assert_int_equal(fib_create(&conf, &fib), -EINVAL);
	assert_null(fib);
	assert_int_equal(arena_stats(arena).bytes_used, 0);
	fib_destroy(NULL);
	fib_destroy(create(arena, FIB_ROOT_FLAT, FIB_ROUTES_MAX, 1));
	fib_arena_destroy(arena);
	fib_arena_destroy(NULL);
}

static const struct fib_change bad_changes[] = {
	{ .family = 5 },
	{ .family = 0 },
	{ .family = 4, .len = 33 },
	{ .family = 4, .len = 255 },
	{ .family = 6, .len = 129 },
	{ .family = 4, .len = 31, .addr = { 10, 0, 0, 1 } },
	{ .family = 4, .len = 8, .addr = { 10, 0, 0, 1 } },
	{ .family = 4, .len = 0, .addr = { 0x80 } },
	{ .family = 4, .len = 9, .addr = { 10, 0x40 } },
	{ .family = 4, .len = 16, .addr = { 10, 0, 1 } },
	{ .family = 6, .len = 127, .addr = { [15] = 1 } },
	{ .family = 6, .len = 64, .addr = { [8] = 0x80 } },
	{ .family = 6, .len = 0, .addr = { [15] = 1 } },
	{ .family = 4, .len = 0, .value = FIB_VALUE_MAX + 1 },
	{ .family = 6, .len = 0, .value = FIB_MISS - 1 },
};

enum { BAD = sizeof(bad_changes) / sizeof(bad_changes[0]) };

/* Some routes of both families, with values and lengths of all kinds. */
static void fill(struct fib *fib, unsigned n)
{
	for (unsigned i = 0; i < n; i++) {
		unsigned family = i % 3 ? 4 : 6, len = rnd(addr_bits(family) + 1);
		uint8_t addr[16];

		for (unsigned b = 0; b < 16; b++)
			addr[b] = (uint8_t)(b < 3 ? rnd(3) : rnd(256));
		addr_mask(addr, len);
		set(fib, family, addr, len, rnd(40));
	}
}

/* A good batch but for one change in it, which is named. */
static void bad_batch(struct fib *fib, const struct fib_change *bad_one, int error)
{
	struct fib_change changes[20];
	unsigned n = 1 + rnd(20), at = rnd(n);
	size_t bad = 999;

	for (unsigned i = 0; i < n; i++) {
		changes[i] = (struct fib_change){ .family = 4, .len = (uint8_t)(8 + i) };
		changes[i].value = i;
		changes[i].addr[0] = (uint8_t)rnd(3);
		if (rnd(4) == 0)
			changes[i].value = FIB_MISS;
	}
	changes[at] = *bad_one;
	assert_int_equal(fib_apply(fib, changes, n, &bad), error);
	assert_int_equal(bad, at);
}

static void bad_prefixes_in(enum fib_root root)
{
	struct fib_arena *arena = arena_new(NULL);
	struct fib *fib = create(arena, root, 1000, 0);
	struct image before;

	fill(fib, 200);
	image_take(&before, fib, arena);
	for (unsigned i = 0; i < BAD; i++) {
		const struct fib_change *c = &bad_changes[i];
		uint32_t value = 5;

		assert_int_equal(fib_route_set(fib, c->family, c->addr, c->len, c->value, &value),
				 -EINVAL);
		for (unsigned k = 0; k < 8; k++)
			bad_batch(fib, c, -EINVAL);
		if (c->value == 0) {
			assert_int_equal(fib_route_del(fib, c->family, c->addr, c->len, &value),
					 -EINVAL);
			assert_int_equal(fib_route_find(fib, c->family, c->addr, c->len, &value),
					 -EINVAL);
		}
		assert_int_equal(value, 5);
		image_expect(&before);
	}
	assert_int_equal(fib_route_set(fib, 4, zero, 0, FIB_MISS, NULL), -EINVAL);
	image_expect(&before);
	image_free(&before);
	fib_destroy(fib);
	fib_arena_destroy(arena);
}

static void bad_prefixes(void **state)
{
	each_root(bad_prefixes_in);
}

/* Up to the limit; replacing is no new route, and a delete makes room, also within a batch. */
static void max_routes_in(enum fib_root root)
{
	struct fib_arena *arena = arena_new(NULL);
	struct fib *fib = create(arena, root, 3, 0);
	struct fib_change c[6] = { { .family = 4, .len = 8, .addr = { 10 }, .value = 1 },
				   { .family = 6, .len = 16, .addr = { 10, 1 }, .value = 2 },
				   { .family = 4, .len = 9, .addr = { 10 }, .value = 3 },
				   { .family = 6, .len = 128, .addr = { 1 }, .value = 4 },
				   { .family = 4, .len = 8, .addr = { 10 }, .value = FIB_MISS },
				   { .family = 4, .len = 32, .addr = { 10, 9 }, .value = 5 } };
	struct image before;
	uint32_t old = 77;
	size_t bad = 99;

	assert_int_equal(fib_apply(fib, c, 4, &bad), -ENOSPC);
	assert_int_equal(bad, 3);
	assert_int_equal(table_stats(fib).routes4 + table_stats(fib).routes6, 0);
	assert_int_equal(lookup_one(fib, 4, c[0].addr), FIB_MISS);
	assert_int_equal(fib_apply(fib, c, 3, NULL), 0);
	image_take(&before, fib, arena);
	assert_int_equal(fib_route_set(fib, 6, c[3].addr, 128, 4, &old), -ENOSPC);
	assert_int_equal(old, 77);
	image_expect(&before);
	/* In their order: the fourth comes before the fifth makes room. */
	assert_int_equal(fib_apply(fib, c, 5, &bad), -ENOSPC);
	assert_int_equal(bad, 3);
	image_expect(&before);
	assert_int_equal(fib_apply(fib, c + 4, 2, &bad), 0);
	assert_int_equal(c[4].old, 1);
	assert_int_equal(c[5].old, FIB_MISS);
	assert_int_equal(lookup_one(fib, 4, c[5].addr), 5);
	assert_int_equal(lookup_one(fib, 4, zero), FIB_MISS);
	set(fib, 4, c[2].addr, 9, 8);
	assert_int_equal(fib_route_set(fib, 4, c[0].addr, 8, 1, NULL), -ENOSPC);
	del(fib, 4, c[2].addr, 9);
	set(fib, 4, c[0].addr, 8, 1);
	image_free(&before);
	fib_destroy(fib);
	fib_arena_destroy(arena);
}

static void max_routes(void **state)
{
	each_root(max_routes_in);
}

/* A failed batch has unmarked nothing. */
static void refusals_keep_marks(void **state)
{
	struct fib_arena *arena = arena_new(NULL);
	struct fib *fib = create(arena, FIB_ROOT_SHARED, 2, 0);
	struct fib_change c[3] = { { .family = 4, .len = 8, .addr = { 10 }, .value = 1 },
				   { .family = 4, .len = 9, .addr = { 10 }, .value = 2 },
				   { .family = 4, .len = 10, .addr = { 10 }, .value = 3 } };

	assert_int_equal(fib_apply(fib, c, 2, NULL), 0);
	fib_mark(fib);
	assert_int_equal(fib_apply(fib, c, 3, NULL), -ENOSPC);
	c[0].value = FIB_MISS;
	assert_int_equal(fib_apply(fib, (struct fib_change[]){ c[0], c[2], c[1], bad_changes[0] },
				   4, NULL), -EINVAL);
	assert_int_equal(fib_route_set(fib, 4, c[2].addr, 10, 3, NULL), -ENOSPC);
	assert_int_equal(fib_sweep(fib, NULL, NULL), 2);
	assert_int_equal(fib_sweep(fib, NULL, NULL), 0);
	fib_destroy(fib);
	fib_arena_destroy(arena);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(bad_configuration),
		cmocka_unit_test(bad_prefixes),
		cmocka_unit_test(max_routes),
		cmocka_unit_test(refusals_keep_marks),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
