/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How many different values a table has decides how they are stored: tables with so many of them,
 * around each power of two that may be a limit, in as few addresses as they need, and across that
 * limit and back, route by route.
 */
#include "tests/unit/fib/fixture.h"

enum { ROUTES_MAX = 70010 };

struct dense {
	struct fib *fib;
	struct fib_arena *arena;
	unsigned family, len, count;
	uint32_t spread;
	uint32_t values[ROUTES_MAX];
};

static struct dense d;

/* The i-th of neighbouring prefixes; so the routes fill whole nodes. */
static void nth_addr(uint32_t i, uint8_t addr[16])
{
	unsigned last = d.len / 8 - 1;

	memset(addr, 0, 16);
	addr[0] = 0x2a;
	addr[last] = (uint8_t)i;
	addr[last - 1] = (uint8_t)(i >> 8);
	addr[last - 2] = (uint8_t)(i >> 16);
}

/* Different for different i. */
static uint32_t nth_value(uint32_t i)
{
	return d.spread ? FIB_VALUE_MAX - i * d.spread : i;
}

static void open_dense(enum fib_root root, unsigned family, unsigned len, uint32_t spread)
{
	d.arena = arena_new(NULL);
	d.fib = fib_new(d.arena, root);
	d.family = family;
	d.len = len;
	d.count = 0;
	d.spread = spread;
}

static void close_dense(void)
{
	fib_destroy(d.fib);
	assert_int_equal(arena_stats(d.arena).bytes_used, 0);
	assert_int_equal(arena_stats(d.arena).nodes, 0);
	fib_arena_destroy(d.arena);
}

/* Every route, or about so many of them and the last ones. */
static void check(unsigned some)
{
	uint8_t dst[LOOKUP_MAX][16];
	uint32_t values[LOOKUP_MAX], place[LOOKUP_MAX];
	unsigned step = d.count > some ? d.count / some : 1, n = 0;

	for (uint32_t i = 0; i < d.count; i += d.count - i < 300 ? 1 : step) {
		place[n] = i;
		nth_addr(i, dst[n]);
		if (rnd(2))
			addr_last(dst[n], d.family, d.len);
		if (++n < LOOKUP_MAX && i + 1 < d.count)
			continue;
		lookup_in(d.fib, d.family, (const uint8_t(*)[16])dst, values, n);
		for (unsigned k = 0; k < n; k++)
			if (values[k] != d.values[place[k]])
				fail_msg("IPv%u/%u: %u routes: route %u is %u, not %u", d.family,
					 d.len, d.count, place[k], values[k], d.values[place[k]]);
		n = 0;
	}
	nth_addr(d.count, dst[0]);
	assert_int_equal(lookup_one(d.fib, d.family, dst[0]), FIB_MISS);
}

static void give(uint32_t i, uint32_t value)
{
	uint8_t addr[16];

	nth_addr(i, addr);
	set(d.fib, d.family, addr, d.len, value);
	d.values[i] = value;
	if (i == d.count)
		d.count++;
}

static void take_last(void)
{
	uint8_t addr[16];

	nth_addr(--d.count, addr);
	del(d.fib, d.family, addr, d.len);
}

static void load_to(uint32_t n)
{
	struct fib_route *routes = calloc(n + 1, sizeof(*routes));

	assert_non_null(routes);
	for (uint32_t i = 0; i < n; i++) {
		routes[i] = (struct fib_route){ .family = (uint8_t)d.family,
						.len = (uint8_t)d.len,
						.value = nth_value(i) };
		nth_addr(i, routes[i].addr);
		d.values[i] = routes[i].value;
	}
	load(d.fib, routes, n);
	d.count = n;
	free(routes);
}

/* From below the limit to above it and back: by new routes, by new values, by a second owner of
 * a value, and by values that come and go at random. */
static void cross(uint32_t limit)
{
	uint32_t low = limit > 3 ? limit - 3 : 0, high = limit + 3;
	unsigned some = limit > 1000 ? 2000 : LOOKUP_MAX;

	load_to(low);
	check(ROUTES_MAX);
	for (uint32_t i = low; i < high; i++) {
		give(i, nth_value(i));
		check(some);
	}
	check(ROUTES_MAX);
	for (uint32_t i = high; i-- > low;) { /* fewer values, not fewer routes */
		give(i, nth_value(0));
		check(some);
	}
	for (uint32_t i = low; i < high; i++) {
		give(i, nth_value(high + i));
		check(some);
	}
	for (unsigned k = 0; k < 24; k++) {
		uint32_t i = rnd(4) ? low + rnd(high - low) : rnd(high);

		give(i, nth_value(rnd(3) ? i : 2 * high + rnd(5)));
		check(some);
	}
	check(ROUTES_MAX);
	while (d.count > low) {
		take_last();
		check(some);
	}
	check(ROUTES_MAX);
}

static void all_widths(enum fib_root root)
{
	static const uint32_t limits[] = { 1, 2, 16, 127, 128, 255, 256, 257, 600 };

	for (unsigned i = 0; i < sizeof(limits) / sizeof(limits[0]); i++) {
		open_dense(root, 4, 32, i % 2);
		cross(limits[i]);
		close_dense();
		open_dense(root, 4, 24, 30011);
		cross(limits[i]);
		close_dense();
		open_dense(root, 6, i % 2 ? 56 : 128, 30011 * (i % 3));
		cross(limits[i]);
		close_dense();
	}
}

static void few_values(void **state)
{
	each_root(all_widths);
}

static void wide_values(enum fib_root root)
{
	uint32_t limit = FIXTURE_SANITIZED ? 32768 : 65536;

	for (unsigned i = 0; i < 2; i++) {
		open_dense(root, i ? 6 : 4, i ? 64 : 32, i ? 10007 : 0);
		cross(i ? limit : limit - 1);
		wipe(d.fib);
		cross(FIXTURE_SANITIZED ? limit + 1 : 70000);
		close_dense();
	}
}

static void very_many_values(void **state)
{
	each_root(wide_values);
}

/* Values come and go for long: what is forgotten does not add up. */
static void values_wear_out(void **state)
{
	struct fib_arena_stats first, now;
	uint32_t fresh = 0;

	open_dense(FIB_ROOT_SHARED, 4, 32, 0);
	load_to(100);
	for (unsigned i = 0; i < 100; i++)
		give(i, 1000000 + fresh++);
	first = arena_stats(d.arena);
	for (unsigned round = 0; round < scaled(2000); round++) {
		for (unsigned i = 0; i < 100; i++)
			give(i, 1000000 + fresh++);
		if (round % 100 == 0)
			check(LOOKUP_MAX);
		now = arena_stats(d.arena);
		assert_int_equal(now.bytes_used, first.bytes_used);
		assert_int_equal(now.nodes, first.nodes);
	}
	check(LOOKUP_MAX);
	close_dense();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(few_values),
		cmocka_unit_test(very_many_values),
		cmocka_unit_test(values_wear_out),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
