/* SPDX-License-Identifier: Apache-2.0 */
/* Full real tables, against binary searches per length; prints speed and memory. */
#include "tests/unit/fib/oracle.h"
#include "tests/unit/test.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

enum { ROUTES_MAX = 2000000, LOOKUPS = 1 << 20, BURST = 64, SKIP = 77 };

static struct fib_route *routes;
static unsigned count, addr_len;

static int by_len_addr(const void *a, const void *b)
{
	const struct fib_route *x = a, *y = b;

	return x->len != y->len ? x->len - y->len : memcmp(x->addr, y->addr, 16);
}

static void path_of(unsigned family, char *path, size_t size)
{
	const char *dir = getenv("WEFT_DATA");

	snprintf(path, size, "%s/bgp%u-full.txt.xz", dir ? dir : ".", family);
}

static void load(unsigned family)
{
	char path[4096], command[4200], prefix[64];
	unsigned len, value;
	FILE *f;

	path_of(family, path, sizeof(path));
	snprintf(command, sizeof(command), "xz -dc '%s'", path);
	f = popen(command, "r");
	assert_non_null(f);
	for (count = 0; fscanf(f, " %63[^/]/%u %*u %u %*u", prefix, &len, &value) == 3; count++) {
		struct fib_route *r = &routes[count];

		assert_true(count < ROUTES_MAX);
		*r = (struct fib_route){ .family = (uint8_t)family, .len = (uint8_t)len,
					 .value = value };
		assert_int_equal(inet_pton(family == 4 ? AF_INET : AF_INET6, prefix, r->addr), 1);
	}
	assert_int_equal(pclose(f), 0);
	addr_len = family == 4 ? 4 : 16;
	qsort(routes, count, sizeof(*routes), by_len_addr);
}

static uint32_t expect(const uint8_t *addr)
{
	struct fib_route key = { 0 };

	memcpy(key.addr, addr, addr_len);
	for (unsigned len = addr_len * 8 + 1; len-- > 0;) {
		const struct fib_route *r;

		oracle_mask(key.addr, addr_len, len);
		key.len = (uint8_t)len;
		r = bsearch(&key, routes, count, sizeof(*routes), by_len_addr);
		if (r)
			return r->value;
	}
	return FIB_MISS;
}

static double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

/* A random address of a random route. */
static void random_dst(uint8_t dst[16])
{
	const struct fib_route *r = &routes[(unsigned)random() % count];

	for (unsigned i = 0; i < addr_len; i++)
		dst[i] = (uint8_t)random();
	for (unsigned bit = 0; bit < r->len; bit++) {
		uint8_t mask = (uint8_t)(0x80u >> bit % 8);

		dst[bit / 8] = (uint8_t)((dst[bit / 8] & ~mask) | (r->addr[bit / 8] & mask));
	}
}

static uint8_t dst6[LOOKUPS][16];
static uint32_t dst4[LOOKUPS], values[LOOKUPS];

static double lookup_all(const struct fib *fib)
{
	const struct fib *fibs[BURST];
	double start;

	for (unsigned i = 0; i < BURST; i++)
		fibs[i] = fib;
	start = now();
	for (unsigned i = 0; i < LOOKUPS; i += BURST)
		if (addr_len == 4)
			fib_lookup4_bulk(fibs, dst4 + i, values + i, BURST);
		else
			fib_lookup6_bulk(fibs, (const uint8_t(*)[16])dst6 + i, values + i, BURST);
	return now() - start;
}

static void check(const struct fib *fib, unsigned stride)
{
	lookup_all(fib);
	for (unsigned i = 0; i < LOOKUPS; i += stride)
		assert_int_equal(values[i], expect(dst6[i]));
}

static void one_table(unsigned family)
{
	struct fib_conf conf = { .arena = test_arena(), .max_routes = ROUTES_MAX };
	struct fib_stats stats;
	struct fib *fib;
	double start, set, best = 1e9;
	unsigned all;

	load(family);
	assert_true(count > 100000);
	assert_int_equal(fib_create(&conf, &fib), 0);
	start = now();
	for (unsigned i = 0; i < count; i++)
		assert_int_equal(fib_route_set(fib, family, routes[i].addr, routes[i].len,
					       routes[i].value, NULL), 0);
	set = now() - start;
	fib_stats(fib, &stats);
	assert_int_equal(family == 4 ? stats.routes4 : stats.routes6, count);
	for (unsigned i = 0; i < LOOKUPS; i++) {
		random_dst(dst6[i]);
		memcpy(&dst4[i], dst6[i], 4);
	}
	check(fib, 16);
	for (unsigned i = 0; i < 5; i++) {
		double t = lookup_all(fib);

		best = t < best ? t : best;
	}
	print_message("IPv%u: %u routes, %.1f MB, %.2f M sets/s, %.1f M lookups/s\n", family, count,
		      (double)stats.bytes / 1e6, count / set / 1e6, LOOKUPS / best / 1e6);

	/* Every second route goes; what it covered falls back to what is left. */
	all = count;
	count = 0;
	for (unsigned i = 0; i < all; i++)
		if (i % 2)
			assert_int_equal(fib_route_del(fib, family, routes[i].addr, routes[i].len,
						       NULL), 0);
		else
			routes[count++] = routes[i];
	check(fib, 16);
	fib_mark(fib);
	assert_int_equal(fib_sweep(fib, NULL, NULL), count);
	count = 0;
	check(fib, 1);
	fib_destroy(fib);
}

static void full_ip4(void **state)
{
	one_table(4);
}

static void full_ip6(void **state)
{
	one_table(6);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(full_ip4),
		cmocka_unit_test(full_ip6),
	};
	char path[4096];
	int r;

	for (unsigned family = 4; family <= 6; family += 2) {
		path_of(family, path, sizeof(path));
		if (access(path, R_OK) < 0) {
			printf("skipped: no data: %s\n", path);
			return SKIP;
		}
	}
	srandom(1);
	routes = calloc(ROUTES_MAX, sizeof(*routes));
	if (!routes)
		return 1;
	r = cmocka_run_group_tests(tests, NULL, NULL);
	free(routes);
	return r;
}
