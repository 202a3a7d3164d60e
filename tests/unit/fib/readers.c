/* SPDX-License-Identifier: Apache-2.0 */
/* Readers beside a writer: only values of routes that cover the address, and nodes are reused
 * only when the readers have let go of them. */
#include "tests/unit/fib/oracle.h"
#include "tests/unit/test.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>

#include <rte_rcu_qsbr.h>

enum { BURST = 32, BURSTS = 20000, CHANGES = 200000 };

static struct rte_rcu_qsbr *qsbr;
static struct fib_arena *arena;
static struct fib *fib;
static atomic_ulong bursts, wrong;
static atomic_bool stop;

static void setup(void)
{
	struct fib_arena_conf arena_conf;
	struct fib_conf conf = { .max_routes = 100000 };
	size_t size = rte_rcu_qsbr_get_memsize(1);

	size = (size + 63) & ~(size_t)63;
	qsbr = aligned_alloc(64, size);
	assert_non_null(qsbr);
	assert_int_equal(rte_rcu_qsbr_init(qsbr, 1), 0);
	assert_int_equal(rte_rcu_qsbr_thread_register(qsbr, 0), 0);
	rte_rcu_qsbr_thread_online(qsbr, 0);
	arena_conf = (struct fib_arena_conf){ .qsbr = qsbr };
	assert_int_equal(fib_arena_create(&arena_conf, &arena), 0);
	conf.arena = arena;
	assert_int_equal(fib_create(&conf, &fib), 0);
}

static void teardown(void)
{
	fib_destroy(fib);
	fib_arena_destroy(arena);
	free(qsbr);
}

/* Route (branch, len) is the first len bits of 128 that differ between the branches from bit 2 on.
 * Its value says which it is. */
static void route_addr(unsigned branch, unsigned len, uint8_t addr[16])
{
	memset(addr, (int)(branch * 0x15), 16);
	oracle_mask(addr, 16, len);
}

static bool value_ok(uint32_t value, const uint8_t addr[16])
{
	uint8_t prefix[16];

	if (value == FIB_MISS) /* the default route is always there */
		return false;
	route_addr(value >> 16 & 0xff, value >> 8 & 0xff, prefix);
	return oracle_covers(prefix, value >> 8 & 0xff, addr);
}

static void *reader(void *arg)
{
	const struct fib *fibs[BURST];
	uint8_t dst[BURST][16];
	uint32_t values[BURST];

	for (unsigned i = 0; i < BURST; i++) {
		fibs[i] = fib;
		route_addr(i % 4, i < 16 ? 128 : i * 4, dst[i]);
	}
	while (!stop) {
		fib_lookup6_bulk(fibs, (const uint8_t(*)[16])dst, values, BURST);
		for (unsigned i = 0; i < BURST; i++)
			if (!value_ok(values[i], dst[i]))
				wrong++;
		rte_rcu_qsbr_quiescent(qsbr, 0);
		bursts++;
	}
	rte_rcu_qsbr_thread_offline(qsbr, 0);
	return NULL;
}

static void reader_beside_a_writer(void **state)
{
	pthread_t thread;
	uint8_t addr[16];

	setup();
	route_addr(0, 0, addr);
	assert_int_equal(fib_route_set(fib, 6, addr, 0, 0, NULL), 0);
	assert_int_equal(pthread_create(&thread, NULL, reader, NULL), 0);
	for (uint32_t i = 0; i < CHANGES || bursts < BURSTS; i++) {
		unsigned branch = (unsigned)random() % 4;
		unsigned len = 1 + (unsigned)random() % 128;

		route_addr(branch, len, addr);
		if (random() % 2)
			assert_int_equal(fib_route_set(fib, 6, addr, len,
						       branch << 16 | len << 8 | (i & 0xff),
						       NULL), 0);
		else
			fib_route_del(fib, 6, addr, len, NULL);
	}
	stop = true;
	pthread_join(thread, NULL);
	assert_int_equal(wrong, 0);
	teardown();
}

static uint64_t churn(bool quiet)
{
	struct fib_arena_stats stats;

	for (unsigned i = 0; i < 1000; i++) {
		uint8_t addr[16] = { (uint8_t)i };

		assert_int_equal(fib_route_set(fib, 6, addr, 128, 1, NULL), 0);
		assert_int_equal(fib_route_del(fib, 6, addr, 128, NULL), 0);
		if (quiet)
			rte_rcu_qsbr_quiescent(qsbr, 0);
	}
	fib_arena_stats(arena, &stats);
	return stats.bytes_used + stats.bytes_retired;
}

static void nodes_wait_for_readers(void **state)
{
	uint64_t quiet, held;

	setup();
	quiet = churn(true);
	assert_true(churn(true) <= quiet + 4096);
	held = churn(false);
	/* 14 nodes of 32 bytes a change: none may be reused while the reader is in its burst. */
	assert_true(held >= 900 * 14 * 32);
	rte_rcu_qsbr_quiescent(qsbr, 0);
	assert_true(churn(true) <= quiet + 4096);
	teardown();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(nodes_wait_for_readers),
		cmocka_unit_test(reader_beside_a_writer),
	};

	srandom(1);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
