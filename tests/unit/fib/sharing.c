/* SPDX-License-Identifier: Apache-2.0 */
/* Many tables in one arena: what they have in common is there once, and none feels another. */
#include "tests/unit/fib/check.h"

enum { TABLES = 26, COMMON = 8000, PLACES = 70000 };

static struct fib_route *routes; /* distinct */

/* Routes as tables have them: clustered, of many lengths, of some dozens of values. */
static void make_routes(unsigned n)
{
	struct oracle o = { 0 };

	rnd_seed(3);
	routes = calloc(n, sizeof(*routes));
	assert_non_null(routes);
	while (o.count < n) {
		unsigned family = rnd(4) ? 4 : 6;
		unsigned len = family == 4 ? 14 + rnd(13) : 30 + rnd(35);
		uint8_t addr[16] = { (uint8_t)(10 + rnd(3)), (uint8_t)rnd(20) };

		for (unsigned b = 2; b < 9; b++)
			addr[b] = (uint8_t)(rnd(3) ? rnd(256) : 0);
		addr_mask(addr, len);
		if (family == 4)
			addr_mask(addr, 32);
		oracle_set(&o, family, addr, len, rnd(50));
	}
	memcpy(routes, o.routes, n * sizeof(*routes));
	oracle_free(&o);
}

static void shuffle(struct fib_route *list, unsigned n)
{
	for (unsigned i = n; i > 1; i--) {
		unsigned j = rnd(i);
		struct fib_route r = list[j];

		list[j] = list[i - 1];
		list[i - 1] = r;
	}
}

/* What one more table of these routes, in another order and with other values, adds. */
static uint64_t one_more(struct fib_arena *arena, unsigned n, uint32_t times, uint32_t plus,
			 struct fib **out)
{
	struct fib_route *other = calloc(n, sizeof(*other));
	uint64_t before = arena_stats(arena).bytes_used;

	assert_non_null(other);
	for (unsigned i = 0; i < n; i++) {
		other[i] = routes[i];
		other[i].value = routes[i].value * times % 53 + plus; /* 53 is prime */
	}
	shuffle(other, n);
	*out = fib_new(arena, FIB_ROOT_SHARED);
	load(*out, other, n);
	for (unsigned i = 0; i < 300; i++) {
		uint32_t value;
		const struct fib_route *r = &other[rnd(n)];

		assert_int_equal(fib_route_find(*out, r->family, r->addr, r->len, &value), 0);
		assert_int_equal(value, r->value);
	}
	free(other);
	return arena_stats(arena).bytes_used - before;
}

static void alike_tables_cost_nothing(void **state)
{
	enum { ALIKE = 8 };
	struct fib_arena *arena = arena_new(NULL);
	struct fib *fibs[ALIKE], *mixed;
	unsigned n = scaled(COMMON);
	uint64_t first, more;

	make_routes(n);
	first = one_more(arena, n, 1, 0, &fibs[0]);
	assert_true(table_stats(fibs[0]).bytes_lookup == first);
	for (unsigned i = 1; i < ALIKE; i++) { /* the same values, and values all moved up */
		more = one_more(arena, n, 1, i < 3 ? 0 : i * 1000, &fibs[i]);
		if (more > first / 50 + 1024)
			fail_msg("table %u adds %llu bytes to %llu", i, (unsigned long long)more,
				 (unsigned long long)first);
	}
	print_message("%u routes take %.1f bytes each; the same again %llu bytes", n,
		      (double)first / n, (unsigned long long)more);
	more = one_more(arena, n, 7, 0, &mixed);
	fib_destroy(mixed);
	print_message(", with their values mixed up %llu\n", (unsigned long long)more);
	assert_true(more < first + first / 10);
	for (unsigned i = 0; i < ALIKE; i++) {
		struct fib_stats stats = table_stats(fibs[i]);

		assert_true(stats.bytes_shared >= stats.bytes_lookup / 10 * 9);
		assert_true(stats.bytes_lookup == first);
	}
	for (unsigned i = 0; i < ALIKE; i++)
		fib_destroy(fibs[i]);
	assert_int_equal(arena_stats(arena).bytes_used, 0);
	assert_int_equal(arena_stats(arena).nodes, 0);
	fib_arena_destroy(arena);
	free(routes);
}

static void a_little_different_costs_little(void **state)
{
	struct fib_arena *arena = arena_new(NULL);
	struct fib *fibs[TABLES];
	unsigned n = scaled(COMMON);
	uint64_t first, before, more;

	make_routes(n);
	fibs[0] = fib_new(arena, FIB_ROOT_SHARED);
	load(fibs[0], routes, n);
	first = arena_stats(arena).bytes_used;
	for (unsigned i = 1; i < TABLES; i++) {
		before = arena_stats(arena).bytes_used;
		fibs[i] = fib_new(arena, FIB_ROOT_SHARED);
		load(fibs[i], routes, n);
		for (unsigned k = 0; k < 4; k++) {
			const struct fib_route *r = &routes[rnd(n)];

			set(fibs[i], r->family, r->addr, r->len, 60 + i);
		}
		more = arena_stats(arena).bytes_used - before;
		assert_true(more < first / 50 + 1024 + 4 * 4096);
	}
	while (arena_stats(arena).nodes) { /* all of them, in some order, some of them again */
		unsigned i = rnd(TABLES);

		fib_destroy(fibs[i]);
		fibs[i] = NULL;
	}
	assert_int_equal(arena_stats(arena).bytes_used, 0);
	for (unsigned i = 0; i < TABLES; i++)
		fib_destroy(fibs[i]);
	fib_arena_destroy(arena);
	free(routes);
}

/* Of the first n routes, and of longer ones in them. */
static void random_changes(struct fib *fib, struct oracle *o, unsigned n)
{
	for (unsigned k = 0; k < 60; k++) {
		struct fib_route r = routes[rnd(n)];

		if (rnd(2))
			r.len += (uint8_t)rnd(addr_bits(r.family) - r.len + 1);
		r.value = rnd(6);
		if (oracle_find(o, r.family, r.addr, r.len) && rnd(4)) {
			del(fib, r.family, r.addr, r.len);
			oracle_del(o, r.family, r.addr, r.len);
		} else {
			set(fib, r.family, r.addr, r.len, r.value);
			oracle_set(o, r.family, r.addr, r.len, r.value);
		}
	}
}

/* However a table came to its routes, another one of the same has all its nodes. */
static void history_does_not_matter(void **state)
{
	static const uint8_t keep[16] = { 0xe0 };
	struct fib_arena *arena = arena_new(NULL);
	struct fib *fib = fib_new(arena, FIB_ROOT_SHARED), *anew;
	struct oracle o = { 0 };

	make_routes(COMMON);
	for (uint32_t i = 0; i < 6; i++) /* so that values are numbered once and for all */
		oracle_set(&o, 4, keep, 10 + i, i);
	load(fib, o.routes, o.count);
	for (unsigned round = 0; round < scaled(800); round++) {
		uint32_t nodes;

		random_changes(fib, &o, 40);
		nodes = arena_stats(arena).nodes;
		anew = fib_new(arena, FIB_ROOT_SHARED);
		load(anew, o.routes, o.count);
		assert_int_equal(arena_stats(arena).nodes, nodes);
		fib_destroy(anew);
		assert_int_equal(arena_stats(arena).nodes, nodes);
	}
	oracle_free(&o);
	fib_destroy(fib);
	fib_arena_destroy(arena);
	free(routes);
}

static void shared_bytes(void **state)
{
	static const uint8_t a[16] = { 10, 1, 1 }, b[16] = { 10, 9, 1 };
	struct fib_arena *arena = arena_new(NULL);
	struct fib *x = fib_new(arena, FIB_ROOT_SHARED), *y = fib_new(arena, FIB_ROOT_SHARED);

	set(x, 4, a, 24, 1);
	assert_int_equal(table_stats(x).bytes_shared, 0);
	assert_int_equal(table_stats(y).bytes_shared, 0);
	set(y, 4, a, 24, 2);
	assert_true(table_stats(x).bytes_shared > 0);
	assert_int_equal(table_stats(x).bytes_shared, table_stats(y).bytes_shared);
	fib_destroy(y);
	assert_int_equal(table_stats(x).bytes_shared, 0);
	set(x, 4, b, 24, 1); /* the same below 10.1 and 10.9 */
	assert_true(table_stats(x).bytes_shared > 0);
	assert_true(table_stats(x).bytes_shared < table_stats(x).bytes_lookup);
	del(x, 4, a, 24);
	assert_int_equal(table_stats(x).bytes_shared, 0);
	fib_destroy(x);
	assert_int_equal(arena_stats(arena).bytes_used, 0);
	fib_arena_destroy(arena);
}

static struct oracle oracles[TABLES];
static struct fib *tables[TABLES];

static void fill_dst(uint8_t (*dst)[16], unsigned n, unsigned family)
{
	for (unsigned i = 0; i < n; i++) {
		const struct fib_route *r = &routes[rnd(COMMON / 8)];

		memcpy(dst[i], r->addr, 16);
		if (rnd(2))
			addr_last(dst[i], r->family, r->len);
		if (rnd(3) == 0)
			addr_flip(dst[i], rnd(addr_bits(family)));
	}
}

/* Bulks in which each packet has a table of its own. */
static void expect_mixed(void)
{
	const struct fib *fibs[LOOKUP_MAX];
	uint8_t dst[LOOKUP_MAX][16];
	uint32_t values[LOOKUP_MAX];
	unsigned which[LOOKUP_MAX];

	for (unsigned family = 4; family <= 6; family += 2) {
		fill_dst(dst, LOOKUP_MAX, family);
		for (unsigned i = 0; i < LOOKUP_MAX; i++) {
			do
				which[i] = rnd(TABLES);
			while (!tables[which[i]]);
			fibs[i] = tables[which[i]];
		}
		lookup(fibs, family, (const uint8_t(*)[16])dst, values, LOOKUP_MAX);
		for (unsigned i = 0; i < LOOKUP_MAX; i++)
			assert_int_equal(values[i],
					 oracle_lookup(&oracles[which[i]], family, dst[i]));
	}
}

static void change_one(unsigned t)
{
	for (unsigned k = 0; k < 40; k++) {
		const struct fib_route *r = &routes[rnd(COMMON / 8)];
		uint32_t value = rnd(200);

		if (rnd(2)) {
			set(tables[t], r->family, r->addr, r->len, value);
			oracle_set(&oracles[t], r->family, r->addr, r->len, value);
		} else if (oracle_del(&oracles[t], r->family, r->addr, r->len) != FIB_MISS) {
			del(tables[t], r->family, r->addr, r->len);
		}
	}
}

/* Tables of all roots, most alike, changed one after the other. */
static void no_table_feels_another(void **state)
{
	struct fib_arena *arena = arena_new(NULL);
	unsigned n = COMMON / 8;

	make_routes(n);
	for (unsigned t = 0; t < TABLES; t++) {
		tables[t] = fib_new(arena, (enum fib_root)(t % 3));
		load(tables[t], routes, n);
		for (unsigned i = 0; i < n; i++)
			oracle_set(&oracles[t], routes[i].family, routes[i].addr, routes[i].len,
				   routes[i].value);
	}
	for (unsigned round = 0; round < scaled(160); round++) {
		change_one(rnd(TABLES));
		expect_mixed();
		if (round % 8 == 0)
			check_arena(arena, tables, TABLES);
	}
	for (unsigned t = 0; t < TABLES; t++)
		expect_routes(tables[t], &oracles[t]);
	for (unsigned left = TABLES; left > 0; left--) {
		unsigned t = rnd(TABLES);

		expect_mixed();
		while (!tables[t])
			t = (t + 1) % TABLES;
		if (rnd(2))
			wipe(tables[t]);
		fib_destroy(tables[t]);
		tables[t] = NULL;
		oracle_free(&oracles[t]);
	}
	assert_int_equal(arena_stats(arena).bytes_used, 0);
	assert_int_equal(arena_stats(arena).nodes, 0);
	fib_arena_destroy(arena);
	free(routes);
}

/* Each place has a route of its own value, and below its neighbour what all places have. */
static void one_part_in_very_many_places(void **state)
{
	struct fib_arena *arena = arena_new(NULL);
	struct fib *fib = fib_new(arena, FIB_ROOT_SHARED);
	struct fib_route *all = calloc(2 * PLACES, sizeof(*all));
	unsigned n = scaled(PLACES);

	assert_non_null(all);
	for (unsigned i = 0; i < n; i++) {
		uint8_t addr[16] = { 0x20, (uint8_t)(i >> 16), (uint8_t)(i >> 8), (uint8_t)i };

		all[2 * i] = (struct fib_route){ .family = 6, .len = 40, .value = 7 + i };
		memcpy(all[2 * i].addr, addr, 16);
		addr[4] = 2;
		all[2 * i + 1] = (struct fib_route){ .family = 6, .len = 48, .value = 5 };
		memcpy(all[2 * i + 1].addr, addr, 16);
	}
	load(fib, all, 2 * n);
	for (unsigned i = 0; i < 2 * n; i++)
		assert_int_equal(lookup_one(fib, 6, all[i].addr), all[i].value);
	check_arena(arena, &fib, 1);
	for (unsigned i = 0; i < 2 * n; i += 2) /* what is below is as before */
		all[i].value = FIB_MISS;
	load(fib, all, 2 * n);
	for (unsigned i = 0; i < 2 * n; i++)
		assert_int_equal(lookup_one(fib, 6, all[i].addr), i % 2 ? 5 : FIB_MISS);
	assert_int_equal(table_stats(fib).routes6, n);
	check_arena(arena, &fib, 1);
	fib_destroy(fib);
	assert_int_equal(arena_stats(arena).bytes_used, 0);
	assert_int_equal(arena_stats(arena).nodes, 0);
	fib_arena_destroy(arena);
	free(all);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(alike_tables_cost_nothing),
		cmocka_unit_test(a_little_different_costs_little),
		cmocka_unit_test(history_does_not_matter),
		cmocka_unit_test(shared_bytes),
		cmocka_unit_test(no_table_feels_another),
		cmocka_unit_test(one_part_in_very_many_places),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
