/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Full real tables, against DPDK's: at both ends of every route and next to them, and at random;
 * then after many changes. Prints speed and memory, which decide nothing.
 */
#include "tests/unit/fib/peer.h"

#include <errno.h>
#include <time.h>
#include <unistd.h>

enum { ROUTES_MAX = 1 << 20, RANDOM = 1 << 20, CHANGES = 100000, BATCH = 500, BURST = 64 };

enum { SKIP = 77 };

enum { SHARED, FLAT, TABLES }; /* with shared nodes and with a flat root, in one arena */

static unsigned family;
static struct oracle o; /* what is in all of them */
static struct fib_arena *arena;
static struct fib *tables[TABLES];
static struct peer peer;

static void path_of(unsigned fam, char *path, size_t size)
{
	const char *dir = getenv("WEFT_DATA");

	snprintf(path, size, "%s/bgp%u-full.txt.xz", dir ? dir : ".", fam);
}

static void read_routes(void)
{
	char path[4096], command[4200], prefix[64];
	unsigned len, value;
	FILE *f;

	path_of(family, path, sizeof(path));
	snprintf(command, sizeof(command), "xz -dc '%s'", path);
	f = popen(command, "r");
	assert_non_null(f);
	while (fscanf(f, " %63[^/]/%u %*u %u %*u", prefix, &len, &value) == 3) {
		uint8_t addr[16] = { 0 };

		assert_true(o.count < ROUTES_MAX);
		assert_int_equal(inet_pton(family == 4 ? AF_INET : AF_INET6, prefix, addr), 1);
		oracle_set(&o, family, addr, len, value);
	}
	assert_int_equal(pclose(f), 0);
	assert_true(o.count > 100000);
}

static double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void compare(uint8_t (*dst)[16], unsigned n)
{
	uint32_t want[LOOKUP_MAX], is[LOOKUP_MAX];

	peer_lookup(&peer, dst, want, n);
	for (unsigned t = 0; t < TABLES; t++) {
		lookup_in(tables[t], family, (const uint8_t(*)[16])dst, is, n);
		for (unsigned i = 0; i < n; i++)
			if (is[i] != want[i])
				fail_msg("table %u, %s: is %u, the peer says %u, the oracle %u", t,
					 addr_name(dst[i], family), is[i], want[i],
					 oracle_lookup(&o, family, dst[i]));
	}
}

/* The four addresses at the ends of each route, on both sides. */
static void compare_ends(void)
{
	uint8_t dst[LOOKUP_MAX][16];
	unsigned n = 0;

	for (uint32_t i = 0; i < o.count; i++) {
		const struct fib_route *r = &o.routes[i];

		for (unsigned k = 0; k < 4; k++, n++) {
			memcpy(dst[n], r->addr, 16);
			if (k & 1)
				addr_last(dst[n], family, r->len);
			if (k & 2)
				addr_step(dst[n], family, k & 1);
		}
		if (n == LOOKUP_MAX || i + 1 == o.count) {
			compare(dst, n);
			n = 0;
		}
	}
}

/* An address anywhere, or in a route. */
static void random_dst(uint8_t dst[16], bool anywhere)
{
	const struct fib_route *r = &o.routes[rnd(o.count ? o.count : 1)];

	for (unsigned b = 0; b < 16; b++)
		dst[b] = (uint8_t)rnd(256);
	if (family == 6)
		dst[0] = (uint8_t)(0x20 | (dst[0] & 0x1f)); /* global unicast */
	if (anywhere || !o.count)
		return;
	for (unsigned bit = 0; bit < r->len; bit++)
		if (addr_bit(dst, bit) != addr_bit(r->addr, bit))
			addr_flip(dst, bit);
}

static void compare_random(void)
{
	uint8_t dst[LOOKUP_MAX][16];

	for (unsigned i = 0; i < 2 * RANDOM; i += LOOKUP_MAX) {
		for (unsigned k = 0; k < LOOKUP_MAX; k++)
			random_dst(dst[k], k % 2);
		compare(dst, LOOKUP_MAX);
	}
}

static void change_all(struct fib_change *c, unsigned n)
{
	for (unsigned t = 0; t < TABLES; t++)
		assert_int_equal(fib_apply(tables[t], c, n, NULL), 0);
	for (unsigned i = 0; i < n; i++) {
		uint32_t old = c[i].value == FIB_MISS ?
				       oracle_del(&o, family, c[i].addr, c[i].len) :
				       oracle_set(&o, family, c[i].addr, c[i].len, c[i].value);

		assert_int_equal(c[i].old, old);
		if (c[i].value != FIB_MISS || old != FIB_MISS)
			peer_change(&peer, &c[i]);
	}
}

/* As routers do it: routes go, come back, change their next hop; and more specific ones come. */
static void churn(void)
{
	struct fib_change c[BATCH];

	for (unsigned made = 0, n; made < CHANGES; made += n) {
		n = 1 + rnd(BATCH);
		for (unsigned i = 0; i < n; i++) {
			c[i] = change_of(&o.routes[rnd(o.count)]);
			switch (rnd(4)) {
			case 0:
				c[i].value = FIB_MISS;
				break;
			case 1:
				c[i].value = rnd(60);
				break;
			default:
				c[i].len += (uint8_t)rnd(addr_bits(family) - c[i].len + 1);
				if (c[i].len > 64 && rnd(16)) /* the peer's take many MB */
					c[i].len = 64;
				random_dst(c[i].addr, false);
				addr_mask(c[i].addr, c[i].len);
				c[i].value = rnd(60);
			}
		}
		change_all(c, n);
	}
}

static double lookups_per_second(const struct fib *fib)
{
	const struct fib *fibs[BURST];
	static uint8_t dst[1 << 16][16];
	uint32_t values[BURST];
	double best = 1e9;

	for (unsigned i = 0; i < BURST; i++)
		fibs[i] = fib;
	for (unsigned i = 0; i < 1 << 16; i++)
		random_dst(dst[i], false);
	for (unsigned round = 0; round < 5; round++) {
		double start = now();

		for (unsigned i = 0; i < 1 << 16; i += BURST)
			lookup_as_is(fibs, family, (const uint8_t(*)[16])dst + i, values, BURST);
		start = now() - start;
		best = start < best ? start : best;
	}
	return (1 << 16) / best;
}

static void load_all(void)
{
	static const char *const names[] = { "shared", "flat" };

	arena = arena_new(NULL);
	for (unsigned t = 0; t < TABLES; t++) {
		uint64_t before = arena_stats(arena).bytes_used;
		struct fib_stats stats;
		double start;

		tables[t] = fib_new(arena, t == FLAT ? FIB_ROOT_FLAT : FIB_ROOT_SHARED);
		start = now();
		load(tables[t], o.routes, o.count);
		start = now() - start;
		stats = table_stats(tables[t]);
		assert_int_equal(stats.routes4 + stats.routes6, o.count);
		print_message("IPv%u, %u routes, root %s: lookup %.2f MB (%.2f more), rib %.1f MB, "
			      "%.2f M routes/s, %.0f M lookups/s\n",
			      family, o.count, names[t], (double)stats.bytes_lookup / 1e6,
			      (double)(arena_stats(arena).bytes_used - before) / 1e6,
			      (double)stats.bytes_rib / 1e6, o.count / start / 1e6,
			      lookups_per_second(tables[t]) / 1e6);
	}
	peer_open(&peer, family);
	for (uint32_t i = 0; i < o.count; i++) {
		struct fib_change c = change_of(&o.routes[i]);

		peer_change(&peer, &c);
	}
}

/* Every second route goes, in batches. */
static void delete_half(void)
{
	struct fib_change c[BATCH];
	unsigned n = 0;

	for (uint32_t i = o.count; i > 0; i -= i > 1 ? 2 : 1) {
		c[n] = change_of(&o.routes[i - 1]);
		c[n++].value = FIB_MISS;
		if (n < BATCH && i > 2)
			continue;
		change_all(c, n);
		n = 0;
	}
}

static void one_family(unsigned fam)
{
	uint8_t dst[LOOKUP_MAX][16];

	family = fam;
	oracle_free(&o);
	rnd_seed(family);
	read_routes();
	load_all();
	compare_ends();
	compare_random();
	churn();
	compare_ends();
	compare_random();
	delete_half();
	compare_random();
	for (unsigned t = 0; t < TABLES; t++) {
		expect_routes(tables[t], &o);
		wipe(tables[t]);
	}
	oracle_free(&o);
	for (unsigned i = 0; i < LOOKUP_MAX; i++)
		random_dst(dst[i], true);
	for (unsigned t = 0; t < TABLES; t++) {
		expect(tables[t], &o, family, (const uint8_t(*)[16])dst, LOOKUP_MAX);
		fib_destroy(tables[t]);
	}
	assert_int_equal(arena_stats(arena).bytes_used, 0);
	assert_int_equal(arena_stats(arena).nodes, 0);
	fib_arena_destroy(arena);
	peer_close(&peer);
}

static void full_ip4(void **state)
{
	one_family(4);
}

static void full_ip6(void **state)
{
	one_family(6);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(full_ip4),
		cmocka_unit_test(full_ip6),
	};
	char path[4096];

	for (unsigned fam = 4; fam <= 6; fam += 2) {
		path_of(fam, path, sizeof(path));
		if (access(path, R_OK) < 0) {
			printf("skipped: no data: %s\n", path);
			return SKIP;
		}
	}
	if (!peer_init()) {
		printf("DPDK does not start\n");
		return 1;
	}
	return cmocka_run_group_tests(tests, NULL, NULL);
}
