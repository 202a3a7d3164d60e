/* SPDX-License-Identifier: Apache-2.0 */
/* The limits of memory, a table's and the arena's: refusals change nothing, and room comes back. */
#include "tests/unit/fib/check.h"
#include "tests/unit/fib/image.h"

#include <errno.h>

static struct fib *create(struct fib_arena *arena, enum fib_root root, uint64_t max_bytes)
{
	struct fib_conf conf = { arena, FIB_ROUTES_MAX, max_bytes, root };
	struct fib *fib;

	assert_int_equal(fib_create(&conf, &fib), 0);
	return fib;
}

static struct fib_change random_change(void)
{
	struct fib_change c = { .family = rnd(2) ? 4 : 6, .value = rnd(50) };

	c.len = (uint8_t)(c.family == 4 ? 16 + rnd(17) : 32 + rnd(97));
	for (unsigned b = 0; b < 16; b++)
		c.addr[b] = (uint8_t)(b < 2 ? rnd(40) : rnd(256));
	addr_mask(c.addr, c.len);
	if (c.family == 4)
		addr_mask(c.addr, 32);
	return c;
}

/* Routes one by one and in batches until so many were refused; each refusal but the first is looked
 * at. */
static unsigned until_full(struct fib *fib, struct fib_arena *arena, uint64_t max_bytes,
			   unsigned refusals)
{
	struct fib_change c[16];
	unsigned taken = 0, refused = 0;
	struct image before = { 0 };

	while (refused < refusals) {
		unsigned n = rnd(3) ? 1 : 1 + rnd(16);
		size_t bad = 99;
		int r;

		for (unsigned i = 0; i < n; i++)
			c[i] = random_change();
		r = fib_apply(fib, c, n, &bad);
		if (max_bytes && (r || taken % 8 == 0) && table_stats(fib).bytes > max_bytes)
			fail_msg("%llu bytes of %llu after %u refusals",
				 (unsigned long long)table_stats(fib).bytes,
				 (unsigned long long)max_bytes, refused + !!r);
		if (r == 0) {
			taken += n;
		} else {
			assert_int_equal(r, -ENOSPC);
			assert_true(bad <= n);
			if (refused++)
				image_expect(&before);
		}
		if (r && refused > 1)
			continue;
		image_free(&before);
		if (refused)
			image_take(&before, fib, arena);
	}
	image_free(&before);
	return taken;
}

/* Where nothing new has room, deletes go on (but for a few that split what was one), and so does
 * setting what is there; then there is room again. */
static void recovers(struct fib *fib, struct fib_arena *arena)
{
	struct image im;
	struct fib_stats stats = table_stats(fib);
	unsigned half, refused = 0;

	image_take(&im, fib, arena);
	half = im.routes.count / 2;
	assert_int_equal(stats.routes4 + stats.routes6, im.routes.count);
	for (unsigned i = 0; i < im.routes.count; i++) {
		const struct fib_route *r = &im.routes.routes[i];
		int error;

		if (i >= half) {
			set(fib, r->family, r->addr, r->len, r->value);
			continue;
		}
		error = fib_route_del(fib, r->family, r->addr, r->len, NULL);
		assert_true(error == 0 || error == -ENOSPC);
		refused += error < 0;
	}
	assert_true(refused <= half / 10);
	check_arena(arena, &fib, 1);
	wipe(fib);
	check_arena(arena, &fib, 1);
	image_free(&im);
}

static void max_bytes_in(enum fib_root root)
{
	struct fib_arena *arena = arena_new(NULL);
	struct fib *fib = create(arena, root, 0);
	uint64_t empty = table_stats(fib).bytes, bytes;
	unsigned taken, again;

	rnd_seed(11);
	for (unsigned i = 0; i < 1000; i++) {
		struct fib_change c = random_change();

		assert_int_equal(fib_apply(fib, &c, 1, NULL), 0);
	}
	bytes = table_stats(fib).bytes;
	fib_destroy(fib);
	assert_true(empty < bytes / 10);
	fib = create(arena, root, bytes);
	taken = until_full(fib, arena, bytes, scaled(30));
	print_message("%llu bytes of 1000 routes took %u of others\n", (unsigned long long)bytes,
		      taken);
	assert_true(taken > 500); /* it may be careful, but not too much */
	recovers(fib, arena);
	again = until_full(fib, arena, bytes, 20);
	assert_true(again > taken / 2);
	fib_destroy(fib);
	assert_int_equal(arena_stats(arena).bytes_used, 0);
	fib_arena_destroy(arena);
}

/* Of so few routes FIB_ROOT_AUTO makes what FIB_ROOT_SHARED does. */
static void max_bytes(void **state)
{
	max_bytes_in(FIB_ROOT_SHARED);
	max_bytes_in(FIB_ROOT_FLAT);
}

/* Not even by what it needed to find out. And deletes are not refused. */
static void refused_batches_cost_nothing(void **state)
{
	enum { MANY = 100000, LIMIT = 256 << 10 };
	struct fib_arena *arena = arena_new(NULL);
	struct fib *fib = create(arena, FIB_ROOT_SHARED, LIMIT);
	struct fib_change *changes = calloc(MANY, sizeof(*changes));
	struct image before;

	assert_non_null(changes);
	for (unsigned i = 0; i < 200; i++) {
		struct fib_change c = random_change();

		set(fib, c.family, c.addr, c.len, c.value);
	}
	image_take(&before, fib, arena);
	for (unsigned i = 0; i < MANY; i++) {
		changes[i] = random_change();
		changes[i].value = i;
	}
	assert_int_equal(fib_apply(fib, changes, MANY, NULL), -ENOSPC);
	image_expect(&before);
	assert_true(table_stats(fib).bytes <= LIMIT);
	recovers(fib, arena);
	image_free(&before);
	free(changes);
	fib_destroy(fib);
	fib_arena_destroy(arena);
}

static void arena_max_bytes_in(enum fib_root root)
{
	struct fib_arena_conf conf = { .max_bytes = root == FIB_ROOT_FLAT ? 2 << 20 : 512 << 10 };
	struct fib_arena *arena;
	struct fib *fib[2];
	unsigned taken;

	rnd_seed(12);
	assert_int_equal(fib_arena_create(&conf, &arena), 0);
	for (unsigned i = 0; i < 2; i++)
		fib[i] = create(arena, root, 0);
	taken = until_full(fib[0], arena, 0, scaled(24));
	assert_true(arena_stats(arena).bytes_used <= conf.max_bytes);
	assert_true(arena_stats(arena).bytes_used >= conf.max_bytes / 2);
	print_message("%llu bytes took %u changes\n", (unsigned long long)conf.max_bytes, taken);
	/* The other one gets nothing but what is there already. */
	until_full(fib[1], arena, 0, 20);
	fib_destroy(fib[1]);
	recovers(fib[0], arena);
	assert_true(until_full(fib[0], arena, 0, 20) > taken / 2);
	fib_destroy(fib[0]);
	assert_int_equal(arena_stats(arena).bytes_used, 0);
	assert_int_equal(arena_stats(arena).nodes, 0);
	fib_arena_destroy(arena);
}

static void arena_max_bytes(void **state)
{
	arena_max_bytes_in(FIB_ROOT_SHARED);
	arena_max_bytes_in(FIB_ROOT_FLAT);
}

static void memory_comes_back(void **state)
{
	struct fib_arena *arena = arena_new(NULL);
	struct fib *fib = create(arena, FIB_ROOT_SHARED, 0);
	struct fib_arena_stats first = { 0 }, now;

	for (unsigned round = 0; round < scaled(1000); round++) {
		uint8_t addr[16] = { 0x20, 1, (uint8_t)round, (uint8_t)(round >> 8) };

		for (uint8_t i = 0; i < 64; i++) {
			addr[7] = i;
			set(fib, 6, addr, 128, i);
		}
		now = arena_stats(arena);
		if (round == 20)
			first = now;
		assert_true(round < 20 || now.bytes_used == first.bytes_used);
		assert_true(round < 20 || now.bytes_mapped == first.bytes_mapped);
		for (uint8_t i = 0; i < 64; i++) {
			addr[7] = i;
			del(fib, 6, addr, 128);
		}
	}
	fib_destroy(fib);
	fib_arena_destroy(arena);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(max_bytes),
		cmocka_unit_test(refused_batches_cost_nothing),
		cmocka_unit_test(arena_max_bytes),
		cmocka_unit_test(memory_comes_back),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
