/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Streams of batches against the oracle, clustered where the structure may have seams: at the
 * lengths around byte boundaries, and on addresses that agree in their first bits. After each batch
 * the table answers like one that was built from its routes at once, and takes as much memory:
 * exactly as much, if it never had many values.
 */
#include "tests/unit/fib/check.h"

#include <errno.h>

enum { BATCHES = 1000, ROUTES = 400, CHANGES = 48, PROBES = 160, TRUNKS = 4, VALUES = 14 };

static uint8_t trunks[TRUNKS][16];
static struct oracle o;
static struct fib_arena *arena, *scratch; /* of the table alone; of what it is compared with */
static struct fib *fib;
static enum fib_root root;
static uint32_t values_most; /* how many a table had at once */

/* Few: what holds the values is as small as it gets, and no larger after any history. */
static bool few_values(void)
{
	return values_most <= VALUES;
}

static uint32_t random_value(void)
{
	if (few_values())
		return rnd(8) ? rnd(VALUES - 2) : FIB_VALUE_MAX - rnd(2);
	return rnd(4) ? rnd(values_most) : rnd(FIB_VALUE_MAX);
}

/* A trunk, and from some bit on something else. */
static void random_addr(unsigned family, uint8_t addr[16])
{
	unsigned bits = addr_bits(family), from = rnd(bits);

	memcpy(addr, trunks[rnd(TRUNKS)], 16);
	if (rnd(4) == 0)
		for (unsigned bit = from; bit < bits; bit++)
			if (rnd(2))
				addr_flip(addr, bit);
	if (rnd(2))
		addr_flip(addr, from);
	addr_mask(addr, bits);
}

static unsigned random_len(unsigned family)
{
	static const uint8_t seams[] = { 7, 8, 9, 15, 16, 17, 23, 24, 25, 31, 32, /* IPv4: these */
					 47, 48, 49, 63, 64, 65, 127, 128 };

	if (rnd(5) == 0)
		return rnd(addr_bits(family) + 1);
	return seams[rnd(family == 4 ? 11 : sizeof(seams))];
}

static struct fib_change random_change(unsigned deletes)
{
	struct fib_change c = { .family = rnd(2) ? 4 : 6 };

	c.len = (uint8_t)random_len(c.family);
	random_addr(c.family, c.addr);
	addr_mask(c.addr, c.len);
	c.value = random_value();
	if (o.count && (rnd(3) == 0 || o.count >= ROUTES)) {
		const struct fib_route *r = &o.routes[rnd(o.count)];

		c.family = r->family;
		c.len = r->len;
		memcpy(c.addr, r->addr, 16);
		if (rnd(8) == 0)
			c.value = r->value;
	}
	if (rnd(16) < deletes || o.count >= ROUTES)
		c.value = FIB_MISS;
	return c;
}

static uint32_t change_oracle(const struct fib_change *c)
{
	if (c->value == FIB_MISS)
		return oracle_del(&o, c->family, c->addr, c->len);
	return oracle_set(&o, c->family, c->addr, c->len, c->value);
}

static void apply(unsigned n, unsigned deletes)
{
	struct fib_change changes[CHANGES];
	uint32_t old[CHANGES];
	size_t bad = 12345;

	for (unsigned i = 0; i < n; i++) {
		changes[i] = i && rnd(6) == 0 ? changes[rnd(i)] : random_change(deletes);
		if (i && rnd(12) == 0)
			changes[i].value = rnd(2) ? FIB_MISS : 3;
		if (changes[i].family == 4 && rnd(2)) /* ignored */
			changes[i].addr[4 + rnd(12)] = 0x5a;
		changes[i].old = 77;
		old[i] = change_oracle(&changes[i]);
	}
	assert_int_equal(fib_apply(fib, changes, n, rnd(2) ? &bad : NULL), 0);
	for (unsigned i = 0; i < n; i++)
		assert_int_equal(changes[i].old, old[i]);
}

static void one_by_one(unsigned n, unsigned deletes)
{
	for (unsigned i = 0; i < n; i++) {
		struct fib_change c = random_change(deletes);
		uint32_t old = 7, found = 7, had = change_oracle(&c);

		if (c.value != FIB_MISS) {
			assert_int_equal(fib_route_set(fib, c.family, c.addr, c.len, c.value, &old),
					 0);
			assert_int_equal(old, had);
			assert_int_equal(fib_route_find(fib, c.family, c.addr, c.len, &found), 0);
			assert_int_equal(found, c.value);
			continue;
		}
		assert_int_equal(fib_route_del(fib, c.family, c.addr, c.len, &old),
				 had == FIB_MISS ? -ENOENT : 0);
		assert_int_equal(old, had == FIB_MISS ? 7 : had);
		assert_int_equal(fib_route_find(fib, c.family, c.addr, c.len, &found), -ENOENT);
	}
}

static void forget(const struct fib_route *r, void *arg)
{
	uint32_t value;

	assert_int_equal(oracle_del(&o, r->family, r->addr, r->len), r->value);
	assert_int_equal(fib_route_find(fib, r->family, r->addr, r->len, &value), -ENOENT);
	++*(uint32_t *)arg;
}

/* A part is set again, some with their values and some with others, and some new ones: the sweep
 * deletes exactly the rest. */
static void resynchronise(void)
{
	uint32_t count = o.count, kept = 0, swept = 0;
	bool *keep = calloc(count + 1, sizeof(bool));

	assert_non_null(keep);
	fib_mark(fib);
	for (uint32_t i = 0; i < count; i++) {
		struct fib_change c = change_of(&o.routes[i]);

		keep[i] = rnd(4);
		if (!keep[i])
			continue;
		kept++;
		c.value = rnd(3) ? c.value : rnd(5);
		o.routes[i].value = c.value;
		if (rnd(2))
			set(fib, c.family, c.addr, c.len, c.value);
		else
			assert_int_equal(fib_apply(fib, &c, 1, NULL), 0);
	}
	assert_int_equal(fib_sweep(fib, forget, &swept), count - kept);
	assert_int_equal(swept, count - kept);
	assert_int_equal(o.count, kept);
	free(keep);
}

/* At and beside the ends of routes, and anywhere. */
static void random_dst(unsigned family, uint8_t dst[16])
{
	const struct fib_route *r = o.count ? &o.routes[rnd(o.count)] : NULL;

	random_addr(family, dst);
	if (!r || r->family != family || rnd(4) == 0)
		return;
	memcpy(dst, r->addr, 16);
	if (rnd(2))
		addr_last(dst, family, r->len);
	if (rnd(2))
		addr_step(dst, family, rnd(2));
}

/* fib alone in its arena, and a table of the same routes alone in the other. Colors that are used
 * again may be wider than those of a fresh table, and there may be more of them. */
static void expect_same_memory(const struct fib *anew)
{
	struct fib_stats a = table_stats(fib), b = table_stats(anew);
	struct fib_arena_stats x = arena_stats(arena), y = arena_stats(scratch);

	assert_int_equal(a.routes4, b.routes4);
	assert_int_equal(a.routes6, b.routes6);
	if (!few_values()) {
		assert_true(a.bytes_lookup <= 2 * b.bytes_lookup + 8 * values_most);
		return;
	}
	assert_int_equal(a.bytes, b.bytes);
	assert_int_equal(a.bytes_rib, b.bytes_rib);
	assert_int_equal(a.bytes_lookup, b.bytes_lookup);
	assert_int_equal(a.bytes_shared, b.bytes_shared);
	assert_int_equal(x.bytes_used, y.bytes_used);
	assert_int_equal(x.nodes, y.nodes);
}

static void expect_as_built_anew(unsigned rounds)
{
	struct fib *anew = fib_new(scratch, root);
	uint8_t dst[PROBES][16];
	uint32_t is[PROBES], want[PROBES];

	load(anew, o.routes, o.count);
	for (unsigned round = 0; round < 2 * rounds; round++) {
		unsigned family = round % 2 ? 6 : 4;

		for (unsigned i = 0; i < PROBES; i++)
			random_dst(family, dst[i]);
		expect(fib, &o, family, (const uint8_t(*)[16])dst, PROBES);
		lookup_in(fib, family, (const uint8_t(*)[16])dst, is, PROBES);
		lookup_in(anew, family, (const uint8_t(*)[16])dst, want, PROBES);
		assert_memory_equal(is, want, sizeof(is));
	}
	expect_same_memory(anew);
	fib_destroy(anew);
}

static void begin(enum fib_root in, uint32_t values)
{
	root = in;
	values_most = values;
	oracle_free(&o);
	rnd_seed(in + values);
	for (unsigned i = 0; i < TRUNKS * 16; i++)
		trunks[i / 16][i % 16] = (uint8_t)(rnd(3) ? rnd(256) : rnd(2) * 0xff);
	arena = arena_new(NULL);
	scratch = arena_new(NULL);
	fib = fib_new(arena, root);
}

/* All routes go; what is left is an empty table, and then nothing. */
static void finish(void)
{
	struct fib *empty = fib_new(scratch, root);
	struct fib_arena_stats x, y;

	wipe(fib);
	oracle_free(&o);
	expect_routes(fib, &o);
	x = arena_stats(arena);
	y = arena_stats(scratch);
	assert_int_equal(x.nodes, y.nodes);
	if (few_values())
		assert_int_equal(x.bytes_used, y.bytes_used);
	assert_true(x.bytes_used <= y.bytes_used + 8 * values_most);
	fib_destroy(empty);
	fib_destroy(fib);
	assert_int_equal(arena_stats(arena).bytes_used, 0);
	assert_int_equal(arena_stats(scratch).bytes_used, 0);
	fib_arena_destroy(arena);
	fib_arena_destroy(scratch);
}

/* It grows, it shrinks, to nothing at times. */
static void stream(enum fib_root in, uint32_t values)
{
	begin(in, values);
	for (unsigned i = 0; i < scaled(BATCHES); i++) {
		unsigned deletes = i % 100 < 60 ? 4 : 14;

		if (i % 16 == 15)
			resynchronise();
		else if (rnd(3))
			apply(rnd(CHANGES + 1), deletes);
		else
			one_by_one(1 + rnd(12), deletes);
		expect_routes(fib, &o);
		check_arena(arena, &fib, 1);
		expect_as_built_anew(1);
		assert_int_equal(arena_stats(scratch).bytes_used, 0);
		assert_int_equal(arena_stats(scratch).nodes, 0);
	}
	finish();
}

static void stream_of_few(enum fib_root in)
{
	stream(in, VALUES);
}

static void stream_of_many(enum fib_root in)
{
	stream(in, ROUTES);
}

static void few_different_values(void **state)
{
	each_root(stream_of_few);
}

static void many_different_values(void **state)
{
	each_root(stream_of_many);
}

enum { BIG = 60000 };

/* As many routes as a small full table has, by batches, churned, and away again. */
static void big_table(enum fib_root in)
{
	struct fib_change *changes = calloc(BIG, sizeof(*changes));
	unsigned n = scaled(BIG);

	assert_non_null(changes);
	begin(in, VALUES);
	for (unsigned round = 0; round < 6; round++) {
		for (unsigned i = 0; i < n; i++) {
			struct fib_change *c = &changes[i];

			*c = (struct fib_change){ .family = rnd(3) ? 4 : 6 };
			c->value = random_value();
			c->len = (uint8_t)(c->family == 4 ? 12 + rnd(15) : 28 + rnd(30));
			for (unsigned b = 0; b < 6; b++)
				c->addr[b] = (uint8_t)(b < 2 ? rnd(6) : rnd(256));
			addr_mask(c->addr, c->len);
			if (o.count && (round % 3 == 2 || rnd(4) == 0)) {
				*c = change_of(&o.routes[rnd(o.count)]);
				c->value = rnd(6) ? FIB_MISS : random_value();
			}
			change_oracle(c);
		}
		assert_int_equal(fib_apply(fib, changes, n, NULL), 0);
		expect_routes(fib, &o);
		check_arena(arena, &fib, 1);
		expect_as_built_anew(40);
	}
	finish();
	free(changes);
}

static void many_routes(void **state)
{
	each_root(big_table);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(few_different_values),
		cmocka_unit_test(many_different_values),
		cmocka_unit_test(many_routes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
