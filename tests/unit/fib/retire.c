/* SPDX-License-Identifier: Apache-2.0 */
/* What a reader may still be in is not used again before it has reported. Then it is. */
#include "tests/unit/fib/fixture.h"
#include "tests/unit/fib/qsbr.h"

#include <errno.h>

enum { READERS = 2, STALLED = 0, PROMPT = 1, VALUE = 7 };

static const uint8_t constant[16] = { 0x30 };
static struct rte_rcu_qsbr *qsbr;
static struct fib_arena *arena;
static struct fib *fib;

/* With one route, so that its value is there for good. */
static void setup(enum fib_root root, uint64_t max_bytes)
{
	struct fib_arena_conf conf = { .max_bytes = max_bytes };

	qsbr = qsbr_new(READERS);
	conf.qsbr = qsbr;
	assert_int_equal(fib_arena_create(&conf, &arena), 0);
	fib = fib_new(arena, root);
	for (unsigned i = 0; i < READERS; i++)
		rte_rcu_qsbr_thread_online(qsbr, i);
	set(fib, 6, constant, 16, VALUE);
}

static void teardown(void)
{
	fib_destroy(fib);
	assert_int_equal(arena_stats(arena).bytes_used, 0);
	fib_arena_destroy(arena);
	free(qsbr);
}

static void both_quiescent(void)
{
	rte_rcu_qsbr_quiescent(qsbr, STALLED);
	rte_rcu_qsbr_quiescent(qsbr, PROMPT);
}

/* A long route that comes and goes, elsewhere each time. */
static int blink(uint32_t i)
{
	uint8_t addr[16] = { 0x20, (uint8_t)(i >> 16), (uint8_t)(i >> 8), (uint8_t)i, 5 };
	int r = fib_route_set(fib, 6, addr, 128, VALUE, NULL);

	return r ? r : fib_route_del(fib, 6, addr, 128, NULL);
}

static void stalled_reader(enum fib_root root)
{
	struct fib_arena_stats quiet, last, now;
	uint32_t i = 0, n = scaled(4000);
	uint64_t each;

	setup(root, 0);
	for (; i < n; i++) {
		assert_int_equal(blink(i), 0);
		both_quiescent();
	}
	quiet = arena_stats(arena);
	assert_true(quiet.bytes_retired < 64 << 10);
	/* What waited until now is used again; then nothing is, from the first change on, so that
	 * each adds the same. */
	assert_int_equal(blink(i++), 0);
	last = arena_stats(arena);
	each = last.bytes_retired;
	assert_true(each > 0);
	for (uint32_t end = i + n; i < end; i++) {
		assert_int_equal(blink(i), 0);
		rte_rcu_qsbr_quiescent(qsbr, PROMPT);
		now = arena_stats(arena);
		assert_int_equal(now.bytes_retired, last.bytes_retired + each);
		assert_int_equal(now.bytes_used, quiet.bytes_used);
		last = now;
	}
	assert_true(FIXTURE_SANITIZED || last.bytes_mapped > quiet.bytes_mapped);
	assert_true(last.bytes_retired > n * 14ull * 32); /* a node for each byte of it at least */
	both_quiescent();
	for (uint32_t end = i + 2 * n; i < end; i++) {
		assert_int_equal(blink(i), 0);
		both_quiescent();
	}
	now = arena_stats(arena);
	assert_true(now.bytes_retired < 64 << 10);
	assert_int_equal(now.bytes_mapped, last.bytes_mapped);
	assert_int_equal(now.bytes_used, quiet.bytes_used);
	teardown();
}

static void memory_waits_for_the_slowest(void **state)
{
	each_root(stalled_reader);
}

/* A small arena whose memory all waits for a reader refuses, and goes on when it has reported. */
static void full_of_retired(enum fib_root root)
{
	uint32_t i = 0, refused = 0;
	int r;

	setup(root, 1 << 20);
	for (r = 0; r == 0 && i < 100000; i++)
		r = blink(i);
	assert_int_equal(r, -ENOSPC);
	for (unsigned k = 0; k < 10; k++, i++)
		refused += blink(i) == -ENOSPC;
	assert_true(refused > 0);
	assert_int_equal(lookup_one(fib, 6, constant), VALUE);
	rte_rcu_qsbr_quiescent(qsbr, PROMPT);
	assert_int_equal(blink(i++), -ENOSPC);
	both_quiescent();
	wipe(fib);
	both_quiescent();
	for (unsigned k = 0; k < 1000; k++, i++) {
		assert_int_equal(blink(i), 0);
		both_quiescent();
	}
	teardown();
}

static void full_of_what_waits(void **state)
{
	each_root(full_of_retired);
}

/* A value that left may be looked up until then; so its place in the table is not another's. */
static void values_wait_too(void **state)
{
	uint8_t addr[16] = { 10, 1, 2 };
	struct fib_arena_stats last = { 0 }, now;

	setup(FIB_ROOT_SHARED, 0);
	for (uint32_t i = 0; i < 3000; i++) { /* the node stays the same, if only values change */
		set(fib, 4, addr, 24, i);
		assert_int_equal(lookup_one(fib, 4, addr), i);
		now = arena_stats(arena);
		assert_true(now.bytes_used + now.bytes_retired >=
			    last.bytes_used + last.bytes_retired);
		last = now;
	}
	assert_true(last.bytes_used + last.bytes_retired > 3000 * 4);
	for (uint32_t i = 0; i < 3000; i++) {
		both_quiescent();
		set(fib, 4, addr, 24, i);
		assert_int_equal(lookup_one(fib, 4, addr), i);
	}
	now = arena_stats(arena);
	assert_true(now.bytes_used <= last.bytes_used);
	teardown();
}

/* Destroyed tables leave when their last readers do. */
static void tables_that_go(void **state)
{
	struct fib *other;
	uint64_t mapped = 0;

	setup(FIB_ROOT_FLAT, 0);
	for (unsigned round = 0; round < 200; round++) {
		other = fib_new(arena, FIB_ROOT_FLAT);
		for (unsigned i = 0; i < 20; i++) {
			uint8_t addr[16] = { (uint8_t)i, (uint8_t)round };

			set(other, 4, addr, 24, i);
		}
		both_quiescent(); /* it is out of sight, and no reader has it */
		fib_destroy(other);
		both_quiescent();
		if (round == 20)
			mapped = arena_stats(arena).bytes_mapped;
	}
	assert_int_equal(arena_stats(arena).bytes_mapped, mapped);
	teardown();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(memory_waits_for_the_slowest),
		cmocka_unit_test(full_of_what_waits),
		cmocka_unit_test(values_wait_too),
		cmocka_unit_test(tables_that_go),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
