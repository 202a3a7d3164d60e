/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Bytes become route changes, applied to a fib and to the oracle, which must agree on every answer.
 * An operation is: op, family, length, number of address bytes, those bytes (the others are zero).
 */
#include "base/rd.h"
#include "tests/unit/fib/oracle.h"

#include <errno.h>
#include <stdlib.h>

enum { ROUTES = 64 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define CHECK(x) do { if (!(x)) abort(); } while (0)

static void change(struct fib *fib, struct oracle *o, unsigned op, unsigned family,
		   uint8_t *addr, unsigned len)
{
	unsigned bytes = family == 4 ? 4 : 16;
	const struct fib_route *known;
	uint32_t old = FIB_MISS;
	int r;

	if (len > bytes * 8) {
		CHECK(fib_route_set(fib, family, addr, len, op, NULL) == -EINVAL);
		return;
	}
	oracle_mask(addr, bytes, len);
	known = oracle_find(o, family, addr, len);
	if (op % 4 == 0) {
		r = fib_route_del(fib, family, addr, len, &old);
		CHECK(r == (known ? 0 : -ENOENT));
		CHECK(old == (known ? known->value : FIB_MISS));
		oracle_del(o, family, addr, len);
		return;
	}
	r = fib_route_set(fib, family, addr, len, op, &old);
	CHECK(r == (known || o->count < ROUTES ? 0 : -ENOSPC));
	CHECK(old == (known ? known->value : FIB_MISS));
	if (r == 0)
		oracle_set(o, family, addr, len, op);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct oracle o;
	struct fib_conf conf = { .arena = test_arena(), .max_routes = ROUTES };
	struct rd r = rd_of(data, size);
	struct fib_stats stats;
	struct fib *fib;

	o.count = 0;
	CHECK(fib_create(&conf, &fib) == 0);
	while (r.left && !r.bad) {
		unsigned op = rd_u8(&r), family = rd_u8(&r) % 2 ? 4 : 6, len = rd_u8(&r);
		uint8_t addr[16] = { 0 }, dst[16];

		rd_copy(&r, addr, rd_u8(&r) % 17);
		memcpy(dst, addr, 16);
		change(fib, &o, op, family, addr, len);
		CHECK(fib_lookup_one(fib, family, dst) == oracle_lookup(&o, family, dst));
		for (unsigned i = 0; i < o.count; i++)
			CHECK(fib_lookup_one(fib, o.routes[i].family, o.routes[i].addr) ==
			      oracle_lookup(&o, o.routes[i].family, o.routes[i].addr));
	}
	fib_stats(fib, &stats);
	CHECK(stats.routes4 + stats.routes6 == o.count);
	fib_mark(fib);
	CHECK(fib_sweep(fib, NULL, NULL) == (int)o.count);
	CHECK(fib_lookup_one(fib, 4, (const uint8_t[16]){ 10 }) == FIB_MISS);
	fib_destroy(fib);
	return 0;
}
