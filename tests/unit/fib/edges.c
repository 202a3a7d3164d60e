/* SPDX-License-Identifier: Apache-2.0 */
/* Every prefix length of both families, at its first and last address and next to them. */
#include "tests/unit/fib/fixture.h"

#include <errno.h>

static const uint8_t patterns[][16] = {
	{ 0 },
	{ 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
	  0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff },
	{ 0xa5, 0x5a, 0xa5, 0x5a, 0xa5, 0x5a, 0xa5, 0x5a,
	  0xa5, 0x5a, 0xa5, 0x5a, 0xa5, 0x5a, 0xa5, 0x5a },
	{ 0x20, 0x01, 0x0d, 0xb8, 0xff, 0, 0, 0x80, 1, 0xfe, 0xff, 0xff, 0, 0, 0, 1 },
};

enum { PATTERNS = sizeof(patterns) / sizeof(patterns[0]) };

static void prefix_of(unsigned pattern, unsigned family, unsigned len, uint8_t out[16])
{
	memcpy(out, patterns[pattern], 16);
	addr_mask(out, family == 4 && len > 32 ? 32 : len);
}

/* First, last, before, behind, and some other address. */
static unsigned around(const uint8_t *addr, unsigned family, unsigned len, uint8_t (*dst)[16])
{
	for (unsigned i = 0; i < 5; i++)
		memcpy(dst[i], addr, 16);
	addr_last(dst[1], family, len);
	addr_step(dst[2], family, false);
	addr_last(dst[3], family, len);
	addr_step(dst[3], family, true);
	addr_flip(dst[4], rnd(addr_bits(family)));
	return 5;
}

static void one_route_each(enum fib_root root)
{
	static const uint32_t values[] = { 0, 1, FIB_VALUE_MAX, FIB_VALUE_MAX - 1 };
	struct fib_arena *arena = arena_new(NULL);
	struct fib *fib = fib_new(arena, root);
	struct oracle o = { 0 };
	uint8_t addr[16], dst[5][16];

	for (unsigned family = 4; family <= 6; family += 2)
		for (unsigned len = 0; len <= addr_bits(family); len++)
			for (unsigned p = 0; p < PATTERNS; p++) {
				prefix_of(p, family, len, addr);
				around(addr, family, len, dst);
				set(fib, family, addr, len, values[p]);
				oracle_set(&o, family, addr, len, values[p]);
				expect(fib, &o, family, (const uint8_t(*)[16])dst, 5);
				/* The other family knows nothing of it. */
				assert_int_equal(lookup_one(fib, 10 - family, addr), FIB_MISS);
				del(fib, family, addr, len);
				oracle_del(&o, family, addr, len);
				expect(fib, &o, family, (const uint8_t(*)[16])dst, 5);
			}
	oracle_free(&o);
	fib_destroy(fib);
	fib_arena_destroy(arena);
}

static void every_length_alone(void **state)
{
	each_root(one_route_each);
}

/* What leaves the nested prefixes at each bit, and stays in them to the end. */
static void expect_chain(struct fib *fib, struct oracle *o, unsigned family, unsigned pattern)
{
	unsigned bits = addr_bits(family);
	uint8_t dst[129][16];

	for (unsigned len = 0; len <= bits; len++) {
		prefix_of(pattern, family, bits, dst[len]);
		if (len < bits)
			addr_flip(dst[len], len);
	}
	expect(fib, o, family, (const uint8_t(*)[16])dst, bits + 1);
}

enum order { SHORTEST_FIRST, LONGEST_FIRST, OUTSIDE_IN, EVEN_THEN_ODD, ORDERS };

static unsigned nth(enum order order, unsigned i, unsigned count)
{
	switch (order) {
	case SHORTEST_FIRST:
		return i;
	case LONGEST_FIRST:
		return count - 1 - i;
	case OUTSIDE_IN:
		return i % 2 ? count - 1 - i / 2 : i / 2;
	default:
		return i <= (count - 1) / 2 ? 2 * i : 2 * (i - (count - 1) / 2) - 1;
	}
}

/* In by one order, out by another; all values alike (which hides every route) or all different. */
static void chain(enum fib_root root, unsigned family, enum order in, enum order out, bool alike)
{
	struct fib_arena *arena = arena_new(NULL);
	struct fib *fib = fib_new(arena, root);
	unsigned count = addr_bits(family) + 1, pattern = (in + out) % PATTERNS;
	struct oracle o = { 0 };
	uint8_t addr[16];

	for (unsigned i = 0; i < 2 * count; i++) {
		unsigned len = i < count ? nth(in, i, count) : nth(out, i - count, count);
		uint32_t value = alike ? 7 : len;

		prefix_of(pattern, family, len, addr);
		if (i < count) {
			set(fib, family, addr, len, value);
			oracle_set(&o, family, addr, len, value);
		} else {
			del(fib, family, addr, len);
			assert_int_equal(oracle_del(&o, family, addr, len), value);
		}
		expect_chain(fib, &o, family, pattern);
	}
	assert_int_equal(o.count, 0);
	oracle_free(&o);
	fib_destroy(fib);
	fib_arena_destroy(arena);
}

static void chains(enum fib_root root)
{
	for (enum order in = 0; in < ORDERS; in++)
		for (enum order out = 0; out < ORDERS; out++)
			for (unsigned alike = 0; alike < 2; alike++) {
				chain(root, 4, in, out, alike);
				if (!FIXTURE_SANITIZED || in == out)
					chain(root, 6, in, out, alike);
			}
}

static void all_lengths_nested(void **state)
{
	each_root(chains);
}

/* Both halves of a prefix, with one value and with two, with and without the whole. */
static void halves(struct fib *fib, unsigned family, unsigned len, unsigned pattern, unsigned bits)
{
	struct oracle o = { 0 };
	uint8_t half[2][16], whole[16], dst[15][16];

	prefix_of(pattern, family, len, half[0]);
	memcpy(half[1], half[0], 16);
	addr_flip(half[1], len - 1);
	prefix_of(pattern, family, len - 1, whole);
	around(half[0], family, len, dst);
	around(half[1], family, len, dst + 5);
	around(whole, family, len - 1, dst + 10);
	if (bits & 1)
		oracle_set(&o, family, half[0], len, 1);
	if (bits & 2)
		oracle_set(&o, family, half[1], len, bits & 8 ? 1 : 2);
	if (bits & 4)
		oracle_set(&o, family, whole, len - 1, bits & 16 ? 1 : 3);
	for (unsigned i = 0; i < o.count; i++)
		set(fib, family, o.routes[i].addr, o.routes[i].len, o.routes[i].value);
	expect(fib, &o, family, (const uint8_t(*)[16])dst, 15);
	while (o.count) {
		struct fib_route r = o.routes[rnd(o.count)];

		del(fib, family, r.addr, r.len);
		oracle_del(&o, family, r.addr, r.len);
		expect(fib, &o, family, (const uint8_t(*)[16])dst, 15);
	}
	oracle_free(&o);
}

static void siblings_each(enum fib_root root)
{
	struct fib_arena *arena = arena_new(NULL);
	struct fib *fib = fib_new(arena, root);

	for (unsigned family = 4; family <= 6; family += 2)
		for (unsigned len = 1; len <= addr_bits(family); len++)
			for (unsigned bits = 1; bits < 32; bits++)
				halves(fib, family, len, (len + bits) % PATTERNS, bits);
	fib_destroy(fib);
	fib_arena_destroy(arena);
}

static void siblings(void **state)
{
	each_root(siblings_each);
}

static void default_each(enum fib_root root)
{
	static const uint32_t values[] = { 0, 5, 0, FIB_VALUE_MAX, FIB_VALUE_MAX - 1 };
	struct fib_arena *arena = arena_new(NULL);
	struct fib *fib = fib_new(arena, root);
	struct oracle o = { 0 };
	uint8_t dst[64][16];

	for (unsigned i = 0; i < 64; i++)
		for (unsigned b = 0; b < 16; b++)
			dst[i][b] = i < PATTERNS ? patterns[i][b] : (uint8_t)rnd(256);
	for (unsigned family = 4; family <= 6; family += 2) {
		expect(fib, &o, family, (const uint8_t(*)[16])dst, 64);
		for (unsigned i = 0; i < sizeof(values) / sizeof(values[0]); i++) {
			uint32_t old = 1;

			assert_int_equal(fib_route_set(fib, family, patterns[0], 0, values[i],
						       &old), 0);
			assert_int_equal(old, i ? values[i - 1] : FIB_MISS);
			oracle_set(&o, family, patterns[0], 0, values[i]);
			expect(fib, &o, family, (const uint8_t(*)[16])dst, 64);
			expect(fib, &o, 10 - family, (const uint8_t(*)[16])dst, 64);
		}
		del(fib, family, patterns[0], 0);
		oracle_del(&o, family, patterns[0], 0);
		assert_int_equal(fib_route_del(fib, family, patterns[0], 0, NULL), -ENOENT);
		expect(fib, &o, family, (const uint8_t(*)[16])dst, 64);
	}
	oracle_free(&o);
	fib_destroy(fib);
	fib_arena_destroy(arena);
}

static void default_route_and_nothing(void **state)
{
	each_root(default_each);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_length_alone),
		cmocka_unit_test(all_lengths_nested),
		cmocka_unit_test(siblings),
		cmocka_unit_test(default_route_and_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
