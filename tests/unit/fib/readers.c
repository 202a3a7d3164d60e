/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Readers beside the writer. The writer numbers its changes, and writes down before each what all
 * keys will have for answers after it. A reader knows which changes were done before its lookups
 * began, and which had begun when they ended: an answer that none of these versions has is wrong.
 */
#include "tests/unit/fib/fixture.h"
#include "tests/unit/fib/qsbr.h"

#include <pthread.h>
#include <stdlib.h>

enum { READERS = 2, KEYS = 32, RING = 1 << 14, BATCH = 8, BRANCHES = 4, FILLER = 41000 };

static struct rte_rcu_qsbr *qsbr;
static struct fib_arena *arena;
static struct fib *fib, *still; /* the one that changes, and one that has only a default route */
static unsigned family;
static struct oracle o;
static uint8_t keys[KEYS][16];
static uint32_t (*ring)[KEYS]; /* the answers of each version, by its low bits */
static unsigned long started, done; /* versions */
static unsigned long checked[READERS], wrong;
static bool stop;

enum { STILL_VALUE = 77 };

#define LOAD(x)     __atomic_load_n(&(x), __ATOMIC_ACQUIRE)
#define STORE(x, v) __atomic_store_n(&(x), (v), __ATOMIC_RELEASE)

/* The first len bits of a branch; branches differ from bit 2 on. */
static void branch_addr(unsigned branch, unsigned len, uint8_t addr[16])
{
	memset(addr, (int)(branch * 0x15), 16);
	addr_mask(addr, family == 4 && len > 32 ? 32 : len);
}

static bool version_has(unsigned long from, unsigned long to, unsigned key, uint32_t value)
{
	for (unsigned long v = from; v <= to; v++)
		if (__atomic_load_n(&ring[v % RING][key], __ATOMIC_RELAXED) == value)
			return true;
	return false;
}

/* Returns false when the ring went round meanwhile, so that nothing can be said. */
static bool check_burst(const struct fib *const *fibs, unsigned long from, unsigned long to,
			const uint32_t *values)
{
	unsigned bad = 0;

	if (to - from >= RING)
		return false;
	for (unsigned k = 0; k < KEYS; k++)
		if (fibs[k] == still)
			bad += values[k] != STILL_VALUE;
		else
			bad += !version_has(from, to, k, values[k]);
	if (LOAD(started) - from >= RING)
		return false;
	__atomic_add_fetch(&wrong, bad, __ATOMIC_RELAXED);
	return true;
}

static void *reader(void *arg)
{
	unsigned id = (unsigned)(uintptr_t)arg;
	const struct fib *fibs[KEYS];
	uint32_t values[KEYS];

	rte_rcu_qsbr_thread_online(qsbr, id);
	for (unsigned long burst = 0; !LOAD(stop); burst++) {
		unsigned long from = LOAD(done), to;

		for (unsigned k = 0; k < KEYS; k++) /* of one table, or mixed */
			fibs[k] = burst % 2 && k % 3 == 0 ? still : fib;
		lookup_as_is(fibs, family, (const uint8_t(*)[16])keys, values, KEYS);
		to = LOAD(started);
		if (check_burst(fibs, from, to, values))
			STORE(checked[id], checked[id] + 1);
		rte_rcu_qsbr_quiescent(qsbr, id);
	}
	rte_rcu_qsbr_thread_offline(qsbr, id);
	return NULL;
}

/* The oracle has what comes next. */
static void announce(void)
{
	for (unsigned k = 0; k < KEYS; k++)
		__atomic_store_n(&ring[(started + 1) % RING][k],
				 oracle_lookup(&o, family, keys[k]), __ATOMIC_RELAXED);
	STORE(started, started + 1);
}

static void announced(void)
{
	STORE(done, started);
}

static struct fib_change random_change(uint32_t value)
{
	struct fib_change c = { .family = (uint8_t)family, .value = value };

	c.len = (uint8_t)rnd(addr_bits(family) + 1);
	branch_addr(rnd(BRANCHES), c.len, c.addr);
	if (rnd(2) || (rnd(16) && c.len == 0))
		c.value = rnd(2) ? FIB_MISS : value % 3;
	if (c.value == FIB_MISS)
		oracle_del(&o, family, c.addr, c.len);
	else
		oracle_set(&o, family, c.addr, c.len, c.value);
	return c;
}

static void step(uint32_t i)
{
	struct fib_change c[BATCH];
	unsigned n = i % 4 ? 1 : 1 + rnd(BATCH);

	for (unsigned k = 0; k < n; k++)
		c[k] = random_change(i + k);
	announce();
	assert_int_equal(fib_apply(fib, c, n, NULL), 0);
	announced();
}

/* Another table of the same routes, which no reader sees: it shares, and lets go. */
static void come_and_go(void)
{
	struct fib *other = fib_new(arena, FIB_ROOT_SHARED);

	load(other, o.routes, o.count);
	fib_destroy(other);
}

static void start(unsigned in, enum fib_root root, pthread_t threads[READERS])
{
	uint8_t zero[16] = { 0 };

	family = in;
	rnd_seed(family + root);
	qsbr = qsbr_new(READERS);
	arena = arena_new(qsbr);
	fib = fib_new(arena, root);
	still = fib_new(arena, FIB_ROOT_SHARED);
	set(still, family, zero, 0, STILL_VALUE);
	ring = calloc(RING, sizeof(*ring));
	assert_non_null(ring);
	for (unsigned k = 0; k < KEYS; k++) {
		branch_addr(k % BRANCHES, k < 16 ? 128 : k * addr_bits(family) / 32, keys[k]);
		if (k >= 8 && k < 16)
			addr_flip(keys[k], rnd(addr_bits(family)));
	}
	stop = false;
	started = done = wrong = 0;
	announce();
	announced();
	for (unsigned i = 0; i < READERS; i++) {
		checked[i] = 0;
		assert_int_equal(pthread_create(&threads[i], NULL, reader,
						(void *)(uintptr_t)i), 0);
	}
}

static bool all_checked(unsigned long bursts)
{
	for (unsigned i = 0; i < READERS; i++)
		if (LOAD(checked[i]) < bursts)
			return false;
	return true;
}

static void finish(pthread_t threads[READERS])
{
	STORE(stop, true);
	for (unsigned i = 0; i < READERS; i++)
		pthread_join(threads[i], NULL);
	assert_int_equal(wrong, 0);
	fib_destroy(fib);
	fib_destroy(still);
	assert_int_equal(arena_stats(arena).bytes_used, 0);
	assert_int_equal(arena_stats(arena).nodes, 0);
	fib_arena_destroy(arena);
	oracle_free(&o);
	free(ring);
	free(qsbr);
}

static void churn(unsigned in, enum fib_root root)
{
	unsigned changes = scaled(6000), bursts = scaled(4000);
	pthread_t threads[READERS];

	start(in, root, threads);
	for (uint32_t i = 0; i < changes || !all_checked(bursts); i++) {
		step(i);
		if (i % 512 == 0)
			come_and_go();
	}
	print_message("IPv%u, root %s, %s: %lu changes, %lu and %lu bursts\n", family,
		      root_name(root), fib_isa_name(fib_isa()), done, LOAD(checked[0]),
		      LOAD(checked[1]));
	finish(threads);
}

/* Vectors load more than they use, and with no more order than the CPU gives: to ThreadSanitizer
 * each of that is a race. */
static void each_isa(void (*body)(unsigned in, enum fib_root root), enum fib_root root)
{
	enum fib_isa best = fib_isa(), last = FIXTURE_TSAN ? FIB_ISA_SCALAR : FIB_ISA_COUNT - 1;

	for (enum fib_isa isa = FIB_ISA_SCALAR; isa <= last; isa++)
		if (fib_isa_use(isa) == 0)
			for (unsigned in = 4; in <= 6; in += 2)
				body(in, root);
	assert_int_equal(fib_isa_use(best), 0);
}

static void shared_root(void **state)
{
	each_isa(churn, FIB_ROOT_SHARED);
}

static void flat_root(void **state)
{
	each_isa(churn, FIB_ROOT_FLAT);
}

/* So many routes, none of which covers a key, come or go at once. */
static void filler(bool come)
{
	struct fib_change *c = calloc(FILLER, sizeof(*c));

	assert_non_null(c);
	for (uint32_t i = 0; i < FILLER; i++) {
		c[i] = (struct fib_change){ .family = (uint8_t)family, .len = 32,
					    .value = come ? i % 50 : FIB_MISS };
		c[i].addr[0] = (uint8_t)(0xc0 | i >> 16);
		c[i].addr[1] = (uint8_t)(i >> 8);
		c[i].addr[2] = (uint8_t)i;
		c[i].addr[3] = (uint8_t)(i * 7);
	}
	announce();
	assert_int_equal(fib_apply(fib, c, FILLER, NULL), 0);
	announced();
	free(c);
}

static void back_and_forth(unsigned in, enum fib_root root)
{
	pthread_t threads[READERS];

	if (FIXTURE_TSAN && in == 4) /* IPv6 does all that, and takes long enough */
		return;
	start(in, root, threads);
	for (uint32_t i = 0; i < (FIXTURE_SANITIZED ? 1 : 3) || !all_checked(scaled(400)); i++) {
		for (unsigned k = 0; k < 20; k++)
			step(i + k);
		filler(true);
		assert_true(table_stats(fib).bytes_lookup > 256 << 10);
		for (unsigned k = 0; k < 20; k++)
			step(i + k);
		filler(false);
		assert_true(table_stats(fib).bytes_lookup < 256 << 10);
	}
	print_message("IPv%u, %s: %lu changes, %lu and %lu bursts\n", family,
		      fib_isa_name(fib_isa()), done, LOAD(checked[0]), LOAD(checked[1]));
	finish(threads);
}

static void auto_root_back_and_forth(void **state)
{
	each_isa(back_and_forth, FIB_ROOT_AUTO);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(shared_root),
		cmocka_unit_test(flat_root),
		cmocka_unit_test(auto_root_back_and_forth),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
