/* SPDX-License-Identifier: Apache-2.0 */
/* Random routes, set and deleted in several fibs at once, against the oracle. */
#include "tests/unit/fib/oracle.h"
#include "tests/unit/test.h"

#include <errno.h>
#include <stdlib.h>

enum { FIBS = 3, STEPS = 12000, BATCH = 97, ROUTES = 400 };

static struct oracle oracles[FIBS];
static struct fib *fibs[FIBS];

static uint32_t rnd(uint32_t n)
{
	return (uint32_t)random() % n;
}

/* Few distinct bytes, so that prefixes nest and addresses meet them. */
static void random_addr(uint8_t addr[16])
{
	static const uint8_t bytes[] = { 0, 1, 0x0f, 0x10, 0x80, 0xfe, 0xff, 10 };

	for (unsigned i = 0; i < 16; i++)
		addr[i] = rnd(4) ? bytes[rnd(2)] : bytes[rnd(sizeof(bytes))];
}

static void compare(unsigned family)
{
	const struct fib *which[BATCH];
	uint8_t dst6[BATCH][16];
	uint32_t dst4[BATCH], values[BATCH];
	unsigned index[BATCH];

	for (unsigned i = 0; i < BATCH; i++) {
		const struct oracle *o;

		index[i] = rnd(FIBS);
		which[i] = fibs[index[i]];
		o = &oracles[index[i]];
		random_addr(dst6[i]);
		if (o->count && rnd(2)) { /* a route's own first address, or one off */
			memcpy(dst6[i], o->routes[rnd(o->count)].addr, 16);
			dst6[i][rnd(16)] ^= (uint8_t)rnd(2);
		}
		memcpy(&dst4[i], dst6[i], 4);
	}
	if (family == 4)
		fib_lookup4_bulk(which, dst4, values, BATCH);
	else
		fib_lookup6_bulk(which, (const uint8_t(*)[16])dst6, values, BATCH);
	for (unsigned i = 0; i < BATCH; i++)
		assert_int_equal(values[i], oracle_lookup(&oracles[index[i]], family, dst6[i]));
}

static void step(unsigned family)
{
	unsigned bytes = family == 4 ? 4 : 16, len = rnd(bytes * 8 + 1), at = rnd(FIBS);
	struct oracle *o = &oracles[at];
	uint32_t old = 7, value = rnd(8) ? rnd(50) : FIB_VALUE_MAX - rnd(2);
	struct fib_route *known;
	uint8_t addr[16];

	random_addr(addr);
	oracle_mask(addr, bytes, len);
	if (o->count && (rnd(3) == 0 || o->count >= ROUTES)) { /* one that is there */
		const struct fib_route *r = &o->routes[rnd(o->count)];

		if (r->family == family) {
			memcpy(addr, r->addr, 16);
			len = r->len;
		}
	}
	known = oracle_find(o, family, addr, len);
	if (rnd(2) && o->count < ROUTES) {
		assert_int_equal(fib_route_set(fibs[at], family, addr, len, value, &old), 0);
		assert_int_equal(old, known ? known->value : FIB_MISS);
		oracle_set(o, family, addr, len, value);
		assert_int_equal(fib_route_find(fibs[at], family, addr, len, &old), 0);
		assert_int_equal(old, value);
	} else {
		assert_int_equal(fib_route_del(fibs[at], family, addr, len, &old),
				 known ? 0 : -ENOENT);
		assert_int_equal(old, known ? known->value : 7);
		oracle_del(o, family, addr, len);
		assert_int_equal(fib_route_find(fibs[at], family, addr, len, &old), -ENOENT);
	}
}

static void is_in_oracle(const struct fib_route *route, void *arg)
{
	struct fib_route *r = oracle_find(arg, route->family, route->addr, route->len);

	assert_non_null(r);
	assert_int_equal(r->value, route->value);
}

static void setup(void)
{
	struct fib_conf conf = { .arena = test_arena(), .max_routes = ORACLE_MAX };

	srandom(1);
	memset(oracles, 0, sizeof(oracles));
	for (unsigned i = 0; i < FIBS; i++)
		assert_int_equal(fib_create(&conf, &fibs[i]), 0);
}

static void against_the_oracle(void **state)
{
	setup();
	for (unsigned i = 0; i < STEPS; i++) {
		step(rnd(2) ? 4 : 6);
		if (i % 8 == 0)
			compare(i % 16 ? 4 : 6);
	}
	for (unsigned i = 0; i < FIBS; i++) {
		struct fib_stats stats;

		fib_each_route(fibs[i], 4, is_in_oracle, &oracles[i]);
		fib_each_route(fibs[i], 6, is_in_oracle, &oracles[i]);
		fib_stats(fibs[i], &stats);
		assert_int_equal(stats.routes4 + stats.routes6, oracles[i].count);
		assert_true(stats.routes4 > 0 && stats.routes6 > 0);
		fib_destroy(fibs[i]);
	}
}

static void forget(const struct fib_route *route, void *arg)
{
	is_in_oracle(route, arg);
	assert_true(oracle_del(arg, route->family, route->addr, route->len));
}

/* After mark, a part is set again; sweep must delete exactly the rest, and say so. */
static void mark_and_sweep(void **state)
{
	setup();
	for (unsigned round = 0; round < 30; round++) {
		struct oracle *o = &oracles[0];
		struct oracle kept = { .count = 0 };
		uint32_t count;

		for (unsigned i = 0; i < 600; i++)
			step(rnd(2) ? 4 : 6);
		count = o->count;
		fib_mark(fibs[0]);
		for (unsigned i = 0; i < count; i++) {
			const struct fib_route *r = &o->routes[i];

			if (rnd(2))
				continue;
			kept.routes[kept.count++] = *r;
			assert_int_equal(fib_route_set(fibs[0], r->family, r->addr, r->len,
						       r->value, NULL), 0);
		}
		assert_int_equal(fib_sweep(fibs[0], forget, o), count - kept.count);
		assert_int_equal(o->count, kept.count);
		for (unsigned i = 0; i < kept.count; i++)
			is_in_oracle(&kept.routes[i], o);
		compare(4);
		compare(6);
	}
	for (unsigned i = 0; i < FIBS; i++)
		fib_destroy(fibs[i]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(against_the_oracle),
		cmocka_unit_test(mark_and_sweep),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
