/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TESTS_UNIT_FIB_IMAGE_H
#define TESTS_UNIT_FIB_IMAGE_H

/* All that can be seen of a table, to compare it with what it was before something that failed. */

#include "tests/unit/fib/fixture.h"

enum { IMAGE_DST = 512 };

struct image {
	const struct fib *fib;
	const struct fib_arena *arena;
	struct fib_stats stats;
	struct fib_arena_stats arena_stats;
	struct oracle routes;
	uint8_t dst[2][IMAGE_DST][16];
	uint32_t answers[2][IMAGE_DST];
};

static inline void image_add(const struct fib_route *r, void *arg)
{
	assert_int_equal(oracle_set(arg, r->family, r->addr, r->len, r->value), FIB_MISS);
}

/* Ends of routes, what is next to them, and anything. */
static inline void image_dst(struct image *im, unsigned family, uint8_t dst[16])
{
	const struct fib_route *r = im->routes.count ? &im->routes.routes[rnd(im->routes.count)] :
						       NULL;

	for (unsigned b = 0; b < 16; b++)
		dst[b] = (uint8_t)rnd(256);
	if (!r || r->family != family || rnd(8) == 0)
		return;
	memcpy(dst, r->addr, 16);
	if (rnd(2))
		addr_last(dst, family, r->len);
	if (rnd(3) == 0)
		addr_step(dst, family, rnd(2));
}

static inline void image_take(struct image *im, const struct fib *fib,
			      const struct fib_arena *arena)
{
	*im = (struct image){ .fib = fib, .arena = arena };
	for (unsigned i = 0; i < 2; i++)
		fib_each_route(fib, i ? 6 : 4, image_add, &im->routes);
	for (unsigned i = 0; i < 2; i++) {
		for (unsigned k = 0; k < IMAGE_DST; k++)
			image_dst(im, i ? 6 : 4, im->dst[i][k]);
		lookup_in(fib, i ? 6 : 4, (const uint8_t(*)[16])im->dst[i], im->answers[i],
			  IMAGE_DST);
	}
	im->stats = table_stats(fib);
	im->arena_stats = arena_stats(arena);
}

/* The quick part. Of what failed, a larger array of values may stay; not nodes. */
static inline void image_expect_stats(const struct image *im)
{
	struct fib_stats now = table_stats(im->fib);
	struct fib_arena_stats arena = arena_stats(im->arena);
	uint64_t spare = now.bytes_lookup - im->stats.bytes_lookup;

	assert_int_equal(now.routes4, im->stats.routes4);
	assert_int_equal(now.routes6, im->stats.routes6);
	assert_true(now.bytes_lookup >= im->stats.bytes_lookup);
	assert_int_equal(now.bytes, im->stats.bytes);
	assert_int_equal(now.bytes_rib, im->stats.bytes_rib);
	assert_int_equal(now.bytes_shared, im->stats.bytes_shared);
	assert_int_equal(arena.bytes_used, im->arena_stats.bytes_used + spare);
	assert_int_equal(arena.nodes, im->arena_stats.nodes);
}

static inline void image_expect(struct image *im)
{
	uint32_t values[IMAGE_DST];

	image_expect_stats(im);
	expect_routes(im->fib, &im->routes);
	for (unsigned i = 0; i < im->routes.count; i++) {
		const struct fib_route *r = &im->routes.routes[i];
		uint32_t value;

		assert_int_equal(fib_route_find(im->fib, r->family, r->addr, r->len, &value), 0);
		assert_int_equal(value, r->value);
	}
	for (unsigned i = 0; i < 2; i++) {
		lookup_in(im->fib, i ? 6 : 4, (const uint8_t(*)[16])im->dst[i], values, IMAGE_DST);
		assert_memory_equal(values, im->answers[i], sizeof(values));
	}
}

static inline void image_free(struct image *im)
{
	oracle_free(&im->routes);
}

#endif
