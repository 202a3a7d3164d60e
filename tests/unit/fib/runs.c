/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A byte of the address in which the answer changes any number of times: every number of runs from
 * 1 to 256, in every byte of an IPv4 address and some of an IPv6 one, with few and with many
 * values, alone and with longer routes below.
 */
#include "tests/unit/fib/fixture.h"

enum { FANOUT = 256 };

static struct fib_arena *arena;
static struct fib *fib;

struct node {
	unsigned family, level; /* the byte */
	uint32_t values[FANOUT]; /* FIB_MISS: no route */
};

static void slot_addr(const struct node *n, unsigned slot, uint8_t addr[16])
{
	for (unsigned b = 0; b < 16; b++)
		addr[b] = (uint8_t)(b < n->level ? 0x20 + b : b == n->level ? slot : 0);
}

/* Cuts at random into so many runs; a neighbour never has the same value. */
static void cut(struct node *n, unsigned runs, unsigned kinds)
{
	bool starts[FANOUT] = { false };
	uint32_t value = rnd(kinds);

	for (unsigned made = 1; made < runs;) {
		unsigned at = 1 + rnd(FANOUT - 1);

		made += !starts[at];
		starts[at] = true;
	}
	for (unsigned slot = 0; slot < FANOUT; slot++) {
		if (starts[slot])
			value = (value + 1 + rnd(kinds - 1)) % kinds;
		n->values[slot] = value ? value + 1000000 : FIB_MISS;
	}
}

static void add(struct fib_change *c, const struct node *n, unsigned slot, unsigned len,
		uint32_t value)
{
	*c = (struct fib_change){ .family = (uint8_t)n->family,
				  .len = (uint8_t)len,
				  .value = value };
	slot_addr(n, slot, c->addr);
}

/* The answers for the whole byte, and below each slot for its last address. */
static void check(const struct node *n, const bool *deep)
{
	uint8_t dst[2 * FANOUT][16];
	uint32_t values[2 * FANOUT];

	for (unsigned slot = 0; slot < FANOUT; slot++) {
		slot_addr(n, slot, dst[2 * slot]);
		slot_addr(n, slot, dst[2 * slot + 1]);
		addr_last(dst[2 * slot + 1], n->family, 8 * n->level + 8);
	}
	lookup_in(fib, n->family, (const uint8_t(*)[16])dst, values, 2 * FANOUT);
	for (unsigned slot = 0; slot < FANOUT; slot++) {
		uint32_t first = deep[slot] ? slot : n->values[slot];

		if (values[2 * slot] != first || values[2 * slot + 1] != n->values[slot])
			fail_msg("IPv%u, byte %u, slot %u: %u and %u, not %u and %u", n->family,
				 n->level, slot, values[2 * slot], values[2 * slot + 1], first,
				 n->values[slot]);
	}
}

/* All slots by one batch; then some of them get longer routes, one by one, and lose them. */
static void one_node(struct node *n, unsigned runs, unsigned kinds, unsigned deeps)
{
	struct fib_change changes[FANOUT];
	bool deep[FANOUT] = { false };
	unsigned len = 8 * n->level + 8, bits = addr_bits(n->family), longer;

	cut(n, runs, kinds);
	for (unsigned slot = 0; slot < FANOUT; slot++)
		add(&changes[slot], n, slot, len, n->values[slot]);
	assert_int_equal(fib_apply(fib, changes, FANOUT, NULL), 0);
	check(n, deep);
	if (len == bits)
		return;
	for (unsigned i = 0; i < deeps; i++) {
		unsigned slot = rnd(FANOUT);

		longer = rnd(2) ? len + 1 : len + 1 + rnd(bits - len);
		add(&changes[i], n, slot, longer, slot);
		deep[slot] = true;
		set(fib, n->family, changes[i].addr, longer, slot);
	}
	check(n, deep);
	for (unsigned i = 0; i < deeps; i++)
		changes[i].value = FIB_MISS;
	assert_int_equal(fib_apply(fib, changes, deeps, NULL), 0);
	memset(deep, 0, sizeof(deep));
	check(n, deep);
}

static void all_runs(enum fib_root root)
{
	static const uint8_t levels6[] = { 0, 1, 2, 5, 6, 15 };
	unsigned step = FIXTURE_SANITIZED || root == FIB_ROOT_AUTO ? 5 : 1;

	rnd_seed(7);
	arena = arena_new(NULL);
	fib = fib_new(arena, root);
	for (unsigned i = 0; i < 4 + sizeof(levels6); i++) {
		struct node n = { .family = i < 4 ? 4 : 6, .level = i < 4 ? i : levels6[i - 4] };

		for (unsigned runs = 1; runs <= FANOUT; runs += step) {
			one_node(&n, runs, 2, 2);
			one_node(&n, runs, 40, runs % 30);
			if (runs % 3 == 0)
				one_node(&n, runs, 300, runs);
			if (runs % 3 == 1)
				one_node(&n, runs, 70000, FANOUT);
		}
		wipe(fib);
		assert_int_equal(lookup_one(fib, n.family, (const uint8_t[16]){ 0x20, 0x21 }),
				 FIB_MISS);
	}
	fib_destroy(fib);
	assert_int_equal(arena_stats(arena).bytes_used, 0);
	assert_int_equal(arena_stats(arena).nodes, 0);
	fib_arena_destroy(arena);
}

static void every_number_of_runs(void **state)
{
	each_root(all_runs);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_number_of_runs),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
