/* SPDX-License-Identifier: Apache-2.0 */
/* What is refused, and that a refusal changes nothing; memory comes back. */
#include "tests/unit/fib/oracle.h"
#include "tests/unit/test.h"

#include <errno.h>

static struct fib *create(uint32_t max_routes)
{
	struct fib_conf conf = { .arena = test_arena(), .max_routes = max_routes };
	struct fib *fib;

	assert_int_equal(fib_create(&conf, &fib), 0);
	return fib;
}

static void bad_configuration(void **state)
{
	struct fib_conf conf = { .arena = test_arena() };
	struct fib *fib = NULL;

	assert_int_equal(fib_create(&conf, &fib), -EINVAL);
	conf.max_routes = FIB_ROUTES_MAX + 1;
	assert_int_equal(fib_create(&conf, &fib), -EINVAL);
	assert_null(fib);
	fib_destroy(NULL);
	fib_destroy(create(FIB_ROUTES_MAX));
}

static void bad_prefixes(void **state)
{
	static const uint8_t zero[16], odd[16] = { 10, 0, 0, 1 }, low[16] = { [15] = 1 };
	struct fib *fib = create(8);
	uint32_t value;

	assert_int_equal(fib_route_set(fib, 5, zero, 0, 1, NULL), -EINVAL);
	assert_int_equal(fib_route_set(fib, 4, zero, 33, 1, NULL), -EINVAL);
	assert_int_equal(fib_route_set(fib, 6, zero, 129, 1, NULL), -EINVAL);
	assert_int_equal(fib_route_set(fib, 4, odd, 31, 1, NULL), -EINVAL);
	assert_int_equal(fib_route_set(fib, 4, odd, 8, 1, NULL), -EINVAL);
	assert_int_equal(fib_route_set(fib, 6, low, 127, 1, NULL), -EINVAL);
	assert_int_equal(fib_route_set(fib, 4, zero, 0, FIB_VALUE_MAX + 1, NULL), -EINVAL);
	assert_int_equal(fib_route_set(fib, 4, zero, 0, FIB_MISS, NULL), -EINVAL);
	assert_int_equal(fib_route_del(fib, 4, odd, 31, NULL), -EINVAL);
	assert_int_equal(fib_route_find(fib, 4, odd, 31, &value), -EINVAL);
	assert_int_equal(fib_lookup_one(fib, 4, odd), FIB_MISS);
	assert_int_equal(fib_lookup_one(fib, 6, low), FIB_MISS);
	fib_destroy(fib);
}

static void full_table_refuses(void **state)
{
	static const uint8_t a[16] = { 10 }, b[16] = { 10, 1 }, c[16] = { 10, 1, 2, 3 };
	struct fib *fib = create(2);
	struct fib_stats before, after;
	uint32_t old = 5;

	assert_int_equal(fib_route_set(fib, 4, a, 8, 1, NULL), 0);
	assert_int_equal(fib_route_set(fib, 6, b, 16, 2, NULL), 0);
	fib_stats(fib, &before);
	assert_int_equal(fib_route_set(fib, 4, c, 32, 3, &old), -ENOSPC);
	assert_int_equal(fib_route_set(fib, 6, c, 128, 3, &old), -ENOSPC);
	assert_int_equal(old, 5);
	fib_stats(fib, &after);
	assert_memory_equal(&before, &after, sizeof(before));
	assert_int_equal(fib_lookup_one(fib, 4, c), 1);
	assert_int_equal(fib_lookup_one(fib, 6, c), 2);
	assert_int_equal(fib_route_find(fib, 4, c, 32, &old), -ENOENT);

	/* A replacement is no new route, and a delete makes room. */
	assert_int_equal(fib_route_set(fib, 4, a, 8, 4, NULL), 0);
	assert_int_equal(fib_route_del(fib, 6, b, 16, NULL), 0);
	assert_int_equal(fib_route_set(fib, 4, c, 32, 3, NULL), 0);
	assert_int_equal(fib_lookup_one(fib, 4, c), 3);
	assert_int_equal(fib_lookup_one(fib, 4, b), 4);
	fib_destroy(fib);
}

static void memory_comes_back(void **state)
{
	struct fib *fib = create(64);
	struct fib_stats first, now;

	for (unsigned round = 0; round < 1000; round++) {
		uint8_t addr[16] = { 0x20, 1, (uint8_t)round, (uint8_t)(round >> 8) };

		for (uint8_t i = 0; i < 64; i++) {
			addr[7] = i;
			assert_int_equal(fib_route_set(fib, 6, addr, 128, i, NULL), 0);
		}
		fib_stats(fib, &now);
		if (round == 0)
			first = now;
		assert_int_equal(now.bytes, first.bytes);
		for (uint8_t i = 0; i < 64; i++) {
			addr[7] = i;
			assert_int_equal(fib_route_del(fib, 6, addr, 128, NULL), 0);
		}
	}
	fib_destroy(fib);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(bad_configuration),
		cmocka_unit_test(bad_prefixes),
		cmocka_unit_test(full_table_refuses),
		cmocka_unit_test(memory_comes_back),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
