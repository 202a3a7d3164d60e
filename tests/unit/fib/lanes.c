/* SPDX-License-Identifier: Apache-2.0 */
/* Bulk lookups of every size: each lane has its own answer, and no byte beside is touched. */
#include "tests/unit/fib/fixture.h"

#include <sys/mman.h>
#include <unistd.h>

enum { N_MAX = 257, DEPTHS = 20, TABLES = 3, GUARD = 0x5aa5a55a };

static struct fib_arena *arena;
static struct fib *tables[TABLES]; /* shared, flat, empty */
static uint32_t wants[2][TABLES][DEPTHS]; /* [IPv6] */

/* Where a lookup ends sooner or later, or finds nothing. */
static void depth_addr(unsigned family, unsigned depth, uint8_t addr[16])
{
	for (unsigned b = 0; b < 16; b++)
		addr[b] = (uint8_t)(b < depth ? 0x31 + b : 0x91 + b);
	addr_mask(addr, addr_bits(family));
}

static void fill(unsigned t, struct oracle *o)
{
	for (unsigned family = 4; family <= 6; family += 2)
		for (unsigned len = 3 + t; len <= addr_bits(family); len += 4 + t) {
			uint8_t addr[16];

			depth_addr(family, 16, addr);
			addr_mask(addr, len);
			set(tables[t], family, addr, len, family * 1000 + len + t);
			oracle_set(o, family, addr, len, family * 1000 + len + t);
		}
}

static void setup(void)
{
	rnd_seed(5);
	arena = arena_new(NULL);
	for (unsigned t = 0; t < TABLES; t++) {
		struct oracle o = { 0 };

		tables[t] = fib_new(arena, t == 1 ? FIB_ROOT_FLAT : FIB_ROOT_SHARED);
		if (t < 2)
			fill(t, &o);
		for (unsigned i = 0; i < 2 * DEPTHS; i++) {
			uint8_t addr[16];

			depth_addr(i % 2 ? 6 : 4, i / 2, addr);
			wants[i % 2][t][i / 2] = oracle_lookup(&o, i % 2 ? 6 : 4, addr);
		}
		oracle_free(&o);
	}
}

static void teardown(void)
{
	for (unsigned t = 0; t < TABLES; t++)
		fib_destroy(tables[t]);
	assert_int_equal(arena_stats(arena).bytes_used, 0);
	fib_arena_destroy(arena);
}

/* size bytes that end where the page ends that cannot be touched. */
struct fence {
	uint8_t *map, *data;
	size_t len;
};

static struct fence fence_new(size_t size)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE), usable = (size + page - 1) / page * page;
	struct fence f = { .len = usable + page };

	f.map = mmap(NULL, f.len, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	assert_true(f.map != MAP_FAILED);
	assert_int_equal(mprotect(f.map + usable, page, PROT_NONE), 0);
	f.data = f.map + usable - size;
	return f;
}

struct burst {
	struct fence fibs, dst, values;
	unsigned which[N_MAX], depth[N_MAX], n, family;
};

static void burst_new(struct burst *b, unsigned family, unsigned n)
{
	b->n = n;
	b->family = family;
	b->fibs = fence_new(n * sizeof(struct fib *));
	b->dst = fence_new(n * addr_bits(family) / 8);
	b->values = fence_new(n * sizeof(uint32_t));
}

static void burst_free(struct burst *b)
{
	munmap(b->fibs.map, b->fibs.len);
	munmap(b->dst.map, b->dst.len);
	munmap(b->values.map, b->values.len);
}

static void put(struct burst *b, unsigned i, unsigned table, unsigned depth)
{
	unsigned bytes = addr_bits(b->family) / 8;
	uint8_t addr[16];

	b->which[i] = table;
	b->depth[i] = depth;
	depth_addr(b->family, depth, addr);
	memcpy(b->fibs.data + i * sizeof(struct fib *), &tables[table], sizeof(struct fib *));
	memcpy(b->dst.data + i * bytes, addr, bytes);
}

/* By one body. What is before the values must stay as it is, and behind them is the fence. */
static void run(struct burst *b)
{
	const struct fib *const *fibs = (const struct fib *const *)b->fibs.data;
	uint32_t *values = (uint32_t *)b->values.data;
	bool room = b->values.data - b->values.map >= 4;

	if (room)
		values[-1] = GUARD;
	if (b->family == 4)
		fib_lookup4_bulk(fibs, (const uint32_t *)b->dst.data, values, b->n);
	else
		fib_lookup6_bulk(fibs, (const uint8_t(*)[16])b->dst.data, values, b->n);
	assert_true(!room || values[-1] == GUARD);
	for (unsigned i = 0; i < b->n; i++) {
		uint32_t want = wants[b->family == 6][b->which[i]][b->depth[i]];

		if (values[i] != want)
			fail_msg("%s, lane %u of %u, table %u, depth %u is %u, not %u",
				 fib_isa_name(fib_isa()), i, b->n, b->which[i], b->depth[i],
				 values[i], want);
	}
}

static void each_isa(struct burst *b)
{
	enum fib_isa best = fib_isa();

	for (enum fib_isa isa = FIB_ISA_SCALAR; isa < FIB_ISA_COUNT; isa++)
		if (fib_isa_use(isa) == 0)
			run(b);
	assert_int_equal(fib_isa_use(best), 0);
}

/* All in one table, alike but one, which leaves the others at each depth. */
static void one_leaves(struct burst *b)
{
	for (unsigned depth = 0; depth < DEPTHS; depth++)
		for (unsigned table = 0; table < 2; table++) {
			for (unsigned i = 0; i < b->n; i++)
				put(b, i, table, 16);
			put(b, rnd(b->n), table, depth);
			each_isa(b);
		}
}

/* All lanes alike, each depth once; then one odd lane after the other; then all mixed. */
static void sizes(unsigned family)
{
	struct burst b;

	for (unsigned n = 0; n <= N_MAX; n++) {
		burst_new(&b, family, n);
		for (unsigned depth = 0; depth < DEPTHS; depth++) {
			for (unsigned i = 0; i < n; i++)
				put(&b, i, depth % 2, depth);
			each_isa(&b);
		}
		for (unsigned i = 0; i < n; i++)
			put(&b, i, 0, 0);
		for (unsigned lane = 0; lane < n; lane += FIXTURE_SANITIZED && n > 20 ? 7 : 1) {
			put(&b, lane, 1, 16);
			each_isa(&b);
			put(&b, lane, 2, 16);
			each_isa(&b);
			put(&b, lane, 0, 0);
		}
		if (n)
			one_leaves(&b);
		for (unsigned round = 0; round < 4; round++) {
			for (unsigned i = 0; i < n; i++)
				put(&b, i, rnd(TABLES), rnd(DEPTHS));
			each_isa(&b);
		}
		burst_free(&b);
	}
}

static void every_size_of_ip4(void **state)
{
	setup();
	sizes(4);
	teardown();
}

static void every_size_of_ip6(void **state)
{
	setup();
	sizes(6);
	teardown();
}

/* The bodies have names, of which the best is in use at the start. */
static void bodies(void **state)
{
	enum fib_isa best = fib_isa(), last = FIB_ISA_SCALAR;

	for (enum fib_isa isa = FIB_ISA_SCALAR; isa < FIB_ISA_COUNT; isa++) {
		assert_non_null(fib_isa_name(isa));
		print_message("%s: %s\n", fib_isa_name(isa), fib_isa_use(isa) ? "no" : "yes");
		if (fib_isa_use(isa) == 0)
			last = isa;
		assert_int_equal(fib_isa(), last);
	}
	assert_int_equal(last, best);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(bodies),
		cmocka_unit_test(every_size_of_ip4),
		cmocka_unit_test(every_size_of_ip6),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
