/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Bytes become changes of several tables in one arena, one by one and in batches, and of their
 * oracles, which must agree on every answer of every lookup body.
 *
 * The first byte is how the tables look up the first 16 bits. An operation is: op, family, length,
 * number of address bytes, those bytes (the others are zero). op: 0x80 the change waits for the
 * next one, 0x60 which table, the rest the value or, where it is a multiple of 4, a delete. Two
 * families are none: 254 marks or sweeps the table, 255 destroys it and makes it anew.
 */
#include "base/rd.h"
#include "tests/unit/fib/oracle.h"

#include <errno.h>

enum { ROUTES = 48, TABLES = 3, BATCH = 24, DST_MAX = 2 * ROUTES + BATCH };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define CHECK(x) do { if (!(x)) abort(); } while (0)

struct table {
	struct fib *fib;
	struct oracle o, stale; /* stale: what a sweep would delete */
	struct fib_conf conf;
	struct fib_change batch[BATCH];
	size_t waiting;
};

static struct table tables[TABLES];

static void table_create(struct table *t)
{
	CHECK(fib_create(&t->conf, &t->fib) == 0);
	t->waiting = 0;
}

static void table_destroy(struct table *t)
{
	fib_destroy(t->fib);
	oracle_free(&t->o);
	oracle_free(&t->stale);
}

static uint32_t change_oracle(struct oracle *o, const struct fib_change *c, uint32_t value)
{
	return value == FIB_MISS ? oracle_del(o, c->family, c->addr, c->len) :
				   oracle_set(o, c->family, c->addr, c->len, value);
}

/* What the oracle becomes, and what the batch gives: 0, or an error at *bad and nothing changed. */
static int expected(struct table *t, uint32_t *old, size_t *bad)
{
	int r = 0;
	size_t i;

	for (i = 0; i < t->waiting && r == 0; i++) {
		const struct fib_change *c = &t->batch[i];

		if (c->len > addr_bits(c->family))
			r = -EINVAL;
		else if (c->value != FIB_MISS && t->o.count >= ROUTES &&
			 !oracle_find(&t->o, c->family, c->addr, c->len))
			r = -ENOSPC;
		else
			old[i] = change_oracle(&t->o, c, c->value);
	}
	for (size_t k = 0; k < i && r == 0; k++)
		change_oracle(&t->stale, &t->batch[k], FIB_MISS);
	if (r == 0)
		return 0;
	*bad = --i;
	while (i-- > 0)
		change_oracle(&t->o, &t->batch[i], old[i]);
	return r;
}

static void apply(struct table *t)
{
	uint32_t old[BATCH];
	size_t bad = 0, is = 0;
	int r = expected(t, old, &bad);

	CHECK(fib_apply(t->fib, t->batch, t->waiting, &is) == r);
	CHECK(r == 0 || is == bad);
	for (size_t i = 0; i < t->waiting && r == 0; i++)
		CHECK(t->batch[i].old == old[i]);
	t->waiting = 0;
}

/* The only change there is. */
static void change_one(struct table *t)
{
	const struct fib_change *c = t->batch;
	uint32_t old[1] = { FIB_MISS }, is = FIB_MISS;
	size_t bad;
	int r = expected(t, old, &bad);

	if (c->value == FIB_MISS) {
		if (r == 0 && old[0] == FIB_MISS)
			r = -ENOENT;
		CHECK(fib_route_del(t->fib, c->family, c->addr, c->len, &is) == r);
	} else {
		CHECK(fib_route_set(t->fib, c->family, c->addr, c->len, c->value, &is) == r);
	}
	CHECK(is == (r ? FIB_MISS : old[0]));
	t->waiting = 0;
}

static void mark(struct table *t)
{
	fib_mark(t->fib);
	for (uint32_t i = 0; i < t->o.count; i++) {
		const struct fib_route *r = &t->o.routes[i];

		oracle_set(&t->stale, r->family, r->addr, r->len, r->value);
	}
}

static void swept(const struct fib_route *r, void *arg)
{
	struct table *t = arg;
	uint32_t value = oracle_del(&t->stale, r->family, r->addr, r->len);

	CHECK(value != FIB_MISS);
	CHECK(oracle_del(&t->o, r->family, r->addr, r->len) == r->value);
}

static void sweep(struct table *t)
{
	uint32_t count = t->stale.count;

	CHECK(fib_sweep(t->fib, swept, t) == (int)count);
	CHECK(t->stale.count == 0);
}

/* At the ends of all routes of one table, asked of one of the tables each. */
static void check(unsigned family, const struct table *of, const uint8_t addr[16])
{
	const struct fib *fibs[DST_MAX];
	struct oracle *oracles[DST_MAX];
	uint32_t dst4[DST_MAX], values[DST_MAX];
	uint8_t dst[DST_MAX][16];
	unsigned n = 1;

	memcpy(dst[0], addr, 16);
	for (uint32_t i = 0; i < of->o.count && n + 2 <= DST_MAX; i++, n += 2) {
		memcpy(dst[n], of->o.routes[i].addr, 16);
		memcpy(dst[n + 1], dst[n], 16);
		addr_last(dst[n + 1], of->o.routes[i].family, of->o.routes[i].len);
	}
	for (unsigned i = 0; i < n; i++) {
		struct table *t = &tables[i % 4 ? of - tables : i / 4 % TABLES];

		fibs[i] = t->fib;
		oracles[i] = &t->o;
		memcpy(&dst4[i], dst[i], 4);
	}
	for (enum fib_isa isa = FIB_ISA_SCALAR; isa < FIB_ISA_COUNT; isa++) {
		if (fib_isa_use(isa) < 0)
			continue;
		if (family == 4)
			fib_lookup4_bulk(fibs, dst4, values, n);
		else
			fib_lookup6_bulk(fibs, (const uint8_t(*)[16])dst, values, n);
		for (unsigned i = 0; i < n; i++)
			CHECK(values[i] == oracle_lookup(oracles[i], family, dst[i]));
	}
}

static void operation(struct rd *r)
{
	unsigned op = rd_u8(r), family = rd_u8(r);
	struct table *t = &tables[(op >> 5 & 3) % TABLES];
	struct fib_change *c = &t->batch[t->waiting];
	uint8_t dst[16] = { 0 };

	*c = (struct fib_change){ .family = family % 2 ? 4 : 6, .len = rd_u8(r) };
	rd_copy(r, dst, rd_u8(r) % 17);
	memcpy(c->addr, dst, 16);
	if (c->len <= addr_bits(c->family))
		addr_mask(c->addr, c->len);
	c->value = op % 4 ? op & 0x1f : FIB_MISS;
	if (family == 255) {
		table_destroy(t);
		table_create(t);
	} else if (family == 254) {
		if (t->stale.count)
			sweep(t);
		else
			mark(t);
	} else {
		t->waiting++;
		if (op & 0x80 && t->waiting < BATCH)
			return;
		if (t->waiting > 1)
			apply(t);
		else
			change_one(t);
	}
	check(c->family, t, dst);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct fib_arena_stats arena_stats;
	struct rd r = rd_of(data, size);
	struct fib_arena *arena;
	unsigned roots = rd_u8(&r);

	CHECK(fib_arena_create(&(struct fib_arena_conf){ 0 }, &arena) == 0);
	for (unsigned i = 0; i < TABLES; i++, roots /= 3) {
		tables[i].conf = (struct fib_conf){ arena, ROUTES, 0, roots % 3 };
		table_create(&tables[i]);
	}
	while (r.left && !r.bad)
		operation(&r);
	for (unsigned i = 0; i < TABLES; i++) {
		struct table *t = &tables[i];
		struct fib_stats stats;

		fib_stats(t->fib, &stats);
		CHECK(stats.routes4 + stats.routes6 == t->o.count);
		fib_mark(t->fib);
		CHECK(fib_sweep(t->fib, NULL, NULL) == (int)t->o.count);
		oracle_free(&t->o);
		check(4, t, (const uint8_t[16]){ 10 });
	}
	for (unsigned i = 0; i < TABLES; i++)
		table_destroy(&tables[i]);
	fib_arena_stats(arena, &arena_stats);
	CHECK(arena_stats.bytes_used == 0 && arena_stats.nodes == 0);
	fib_arena_destroy(arena);
	return 0;
}
