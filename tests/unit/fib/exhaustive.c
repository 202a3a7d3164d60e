/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Small universes, completely: every set of up to three routes, made and unmade in every order,
 * and after every change every key looked up.
 *
 * A universe is a window of some bits somewhere in the address, where the structure of the table
 * may have a seam; before it all addresses are alike. Either the window is narrow and all prefixes
 * that end in it are routes, or it is wide and the routes are those along two paths through it.
 */
#include "tests/unit/fib/fixture.h"

enum { PREFIXES_MAX = 32, WIDE = 10 };

struct universe {
	unsigned family, prefix_count, key_count;
	struct fib_route prefixes[PREFIXES_MAX]; /* by length */
	uint8_t keys[LOOKUP_MAX][16];
	uint32_t covers[LOOKUP_MAX]; /* bit i: prefixes[i] covers the key */
	struct fib *fib;
	uint32_t set; /* bit i: prefixes[i] is in the table */
};

static struct universe u;

static const uint8_t base[16] = { 0xa5, 0x3c, 0x69, 0xf0, 0x0f, 0x96, 0x5a, 0xc3,
				  0x81, 0x7e, 0x24, 0xdb, 0x42, 0xbd, 0x18, 0xe7 };

/* The base with the window's bits replaced, and ones or zeros behind it. */
static void window_addr(unsigned first, unsigned width, unsigned bits, bool ones, uint8_t out[16])
{
	memcpy(out, base, 16);
	addr_mask(out, first);
	for (unsigned i = 0; i < width; i++)
		if (bits >> (width - 1 - i) & 1)
			addr_flip(out, first + i);
	if (ones)
		addr_last(out, u.family, first + width);
}

static void add_prefix(unsigned first, unsigned width, unsigned bits, uint32_t value)
{
	struct fib_route *r = &u.prefixes[u.prefix_count++];

	*r = (struct fib_route){ .family = (uint8_t)u.family, .len = (uint8_t)(first + width) };
	window_addr(first, width, bits, false, r->addr);
	r->value = value;
}

/* All values of the window, with zeros and ones behind it, and what is next to it. */
static void add_keys(unsigned first, unsigned width)
{
	for (unsigned bits = 0; bits < 1u << width; bits++) {
		window_addr(first, width, bits, false, u.keys[u.key_count++]);
		if (width < WIDE)
			window_addr(first, width, bits, true, u.keys[u.key_count++]);
		else if (rnd(2))
			addr_last(u.keys[u.key_count - 1], u.family, first + width);
	}
	for (unsigned bits = 0; first > 0 && width < WIDE && bits < 2; bits++) {
		window_addr(first, width, bits ? (1u << width) - 1 : 0, bits, u.keys[u.key_count]);
		addr_flip(u.keys[u.key_count++], first - 1);
	}
	for (unsigned k = 0; k < u.key_count; k++) {
		u.covers[k] = 0;
		for (unsigned i = 0; i < u.prefix_count; i++)
			if (addr_covers(u.prefixes[i].addr, u.prefixes[i].len, u.keys[k]))
				u.covers[k] |= 1u << i;
	}
}

/* kinds: so many different values. */
static void narrow(unsigned family, unsigned first, unsigned width, unsigned kinds)
{
	u = (struct universe){ .family = family };
	for (unsigned len = 0; len <= width; len++)
		for (unsigned bits = 0; bits < 1u << len; bits++)
			add_prefix(first, len, bits, u.prefix_count % kinds);
	add_keys(first, width);
}

static void wide(unsigned family, unsigned first, unsigned routes)
{
	u = (struct universe){ .family = family };
	for (unsigned i = 0; i < routes; i++) {
		unsigned len = i * WIDE / (routes - 1), path = i % 3 == 2 ? 0x2aa : 0x3ff;

		add_prefix(first, len, path >> (WIDE - len), i);
	}
	add_keys(first, WIDE);
}

static void check(void)
{
	uint32_t values[LOOKUP_MAX];

	lookup_in(u.fib, u.family, (const uint8_t(*)[16])u.keys, values, u.key_count);
	for (unsigned k = 0; k < u.key_count; k++) {
		uint32_t hit = u.covers[k] & u.set;
		uint32_t want = hit ? u.prefixes[31 - __builtin_clz(hit)].value : FIB_MISS;

		if (values[k] != want)
			fail_msg("IPv%u: routes %#x: %s is %u, not %u", u.family, u.set,
				 addr_name(u.keys[k], u.family), values[k], want);
	}
}

static void in(unsigned i)
{
	set(u.fib, u.family, u.prefixes[i].addr, u.prefixes[i].len, u.prefixes[i].value);
	u.set |= 1u << i;
}

static void out(unsigned i)
{
	del(u.fib, u.family, u.prefixes[i].addr, u.prefixes[i].len);
	u.set &= ~(1u << i);
}

/* From the empty table to three routes, in this order, and back in every order. */
static void three(const unsigned order[3])
{
	for (unsigned way = 0; way < 6; way++) {
		unsigned x = way / 2, y = (x + 1 + way % 2) % 3;

		for (unsigned i = 0; i < 3; i++)
			in(order[i]);
		if (way == 0)
			check();
		out(order[x]);
		if (way % 2 == 0)
			check();
		out(order[y]);
		check();
		out(order[3 - x - y]);
	}
	assert_int_equal(u.set, 0);
}

/* All states of up to two routes by all ways, and the three of each beyond them. */
static void all_orders(enum fib_root root)
{
	struct fib_arena *arena = arena_new(NULL);

	u.fib = fib_new(arena, root);
	check();
	for (unsigned a = 0; a < u.prefix_count; a++) {
		for (unsigned b = 0; b < u.prefix_count; b++) {
			in(a);
			check();
			if (a != b) {
				in(b);
				check();
				out(b);
			}
			out(a);
			check();
			for (unsigned c = 0; c < u.prefix_count; c++)
				if (a != b && b != c && c != a)
					three((const unsigned[]){ a, b, c });
		}
	}
	check();
	fib_destroy(u.fib);
	fib_arena_destroy(arena);
}

/* A flat root is slow to come and go: there the widest window is only at its seam. */
static void narrow_at(unsigned family, unsigned first, enum fib_root root)
{
	bool all = !FIXTURE_SANITIZED && (root != FIB_ROOT_FLAT || (family == 4 && first == 15));

	narrow(family, first, all ? 3 : 2, PREFIXES_MAX);
	all_orders(root);
	if (root == FIB_ROOT_FLAT)
		return;
	narrow(family, first, 2, 2); /* neighbours have the same value */
	all_orders(root);
}

/* Of so few routes FIB_ROOT_AUTO makes what FIB_ROOT_SHARED does: once is enough. */
static void narrow_windows(enum fib_root root)
{
	static const unsigned at4[] = { 15, 0, 6, 13, 22, 29 }, at6[] = { 15, 0, 46, 62, 125 };

	for (unsigned i = 0; i < (root ? sizeof(at4) / sizeof(at4[0]) : 1); i++)
		narrow_at(4, at4[i], root);
	for (unsigned i = 0; i < (root ? sizeof(at6) / sizeof(at6[0]) : 1); i++)
		narrow_at(6, at6[i], root);
}

static void wide_windows(enum fib_root root)
{
	static const unsigned at4[] = { 12, 0, 6, 20, 22 }, at6[] = { 44, 6, 60, 118 };
	unsigned routes = FIXTURE_SANITIZED ? 4 : root == FIB_ROOT_FLAT ? 5 : 7;

	for (unsigned i = 0; i < (root ? sizeof(at4) / sizeof(at4[0]) : 1); i++) {
		wide(4, at4[i], routes);
		all_orders(root);
	}
	for (unsigned i = 0; i < (root ? sizeof(at6) / sizeof(at6[0]) : 1); i++) {
		wide(6, at6[i], routes);
		all_orders(root);
	}
}

static void every_prefix_of_a_narrow_window(void **state)
{
	each_root(narrow_windows);
}

static void paths_through_a_wide_window(void **state)
{
	each_root(wide_windows);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_prefix_of_a_narrow_window),
		cmocka_unit_test(paths_through_a_wide_window),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
