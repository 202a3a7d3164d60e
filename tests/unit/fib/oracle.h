/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TESTS_UNIT_FIB_ORACLE_H
#define TESTS_UNIT_FIB_ORACLE_H

/*
 * The table as anybody would write it first: a hash map of prefixes for each length, and a lookup
 * that asks them from the longest to the shortest. Shares no code with fib/.
 *
 * The routes are an array, in no order, and what the maps hold are places in it; so a test can
 * pick a random route. A zeroed oracle is an empty one.
 */

#include "fib/fib.h"
#include "tests/unit/fib/addr.h"

#include <stdlib.h>

struct oracle_map {
	uint32_t *slots; /* place in routes + 1, or 0; linear probing */
	uint32_t cap, count;
};

struct oracle {
	struct oracle_map maps[2][129]; /* [IPv6][length] */
	struct fib_route *routes;
	uint32_t count, room;
};

static inline uint32_t oracle_hash(const uint8_t addr[16])
{
	uint64_t x, y;

	memcpy(&x, addr, 8);
	memcpy(&y, addr + 8, 8);
	x = (x ^ y * 0x9e3779b97f4a7c15) * 0xbf58476d1ce4e5b9;
	x = (x ^ x >> 32) * 0x94d049bb133111eb;
	return (uint32_t)(x >> 32);
}

/* Its slot, or the empty one where it would be. cap > count. */
static inline uint32_t oracle_slot(const struct oracle *o, const struct oracle_map *m,
				   const uint8_t addr[16])
{
	uint32_t at = oracle_hash(addr) & (m->cap - 1);

	while (m->slots[at] && memcmp(o->routes[m->slots[at] - 1].addr, addr, 16))
		at = (at + 1) & (m->cap - 1);
	return at;
}

static inline struct oracle_map *oracle_map(struct oracle *o, const struct fib_route *r)
{
	return &o->maps[r->family == 6][r->len];
}

static inline void oracle_grow(struct oracle *o, struct oracle_map *m)
{
	uint32_t *old = m->slots, cap = m->cap;

	if (2 * (m->count + 1) <= cap)
		return;
	m->cap = cap ? 2 * cap : 16;
	m->slots = calloc(m->cap, sizeof(*m->slots));
	if (!m->slots)
		abort();
	for (uint32_t i = 0; i < cap; i++)
		if (old[i])
			m->slots[oracle_slot(o, m, o->routes[old[i] - 1].addr)] = old[i];
	free(old);
}

/* Empties a slot, and moves those behind it that were pushed there by it. */
static inline void oracle_cut(struct oracle *o, struct oracle_map *m, uint32_t at)
{
	uint32_t place, i = at;

	m->slots[at] = 0;
	m->count--;
	for (;;) {
		i = (i + 1) & (m->cap - 1);
		place = m->slots[i];
		if (!place)
			return;
		m->slots[i] = 0;
		m->slots[oracle_slot(o, m, o->routes[place - 1].addr)] = place;
	}
}

static inline struct fib_route oracle_key(unsigned family, const uint8_t *addr, unsigned len)
{
	struct fib_route r = { .family = (uint8_t)family, .len = (uint8_t)len };

	memcpy(r.addr, addr, family == 4 ? 4 : 16);
	return r;
}

/* addr: 4 or 16 bytes, masked, here and in what follows. Valid until the next change. */
static inline struct fib_route *oracle_find(struct oracle *o, unsigned family,
					    const uint8_t *addr, unsigned len)
{
	struct fib_route key = oracle_key(family, addr, len);
	struct oracle_map *m = oracle_map(o, &key);
	uint32_t place = m->count ? m->slots[oracle_slot(o, m, key.addr)] : 0;

	return place ? &o->routes[place - 1] : NULL;
}

/* What it had, or FIB_MISS. */
static inline uint32_t oracle_set(struct oracle *o, unsigned family, const uint8_t *addr,
				  unsigned len, uint32_t value)
{
	struct fib_route *r = oracle_find(o, family, addr, len);
	struct fib_route key = oracle_key(family, addr, len);
	struct oracle_map *m = oracle_map(o, &key);
	uint32_t old = r ? r->value : FIB_MISS;

	if (r) {
		r->value = value;
		return old;
	}
	if (o->count == o->room) {
		o->room = o->room ? 2 * o->room : 64;
		o->routes = realloc(o->routes, o->room * sizeof(*o->routes));
		if (!o->routes)
			abort();
	}
	key.value = value;
	o->routes[o->count++] = key;
	oracle_grow(o, m);
	m->slots[oracle_slot(o, m, key.addr)] = o->count;
	m->count++;
	return old;
}

static inline uint32_t oracle_del(struct oracle *o, unsigned family, const uint8_t *addr,
				  unsigned len)
{
	struct fib_route *r = oracle_find(o, family, addr, len), *last;
	uint32_t old = r ? r->value : FIB_MISS;
	struct oracle_map *m;

	if (!r)
		return FIB_MISS;
	m = oracle_map(o, r);
	oracle_cut(o, m, oracle_slot(o, m, r->addr));
	last = &o->routes[o->count - 1];
	if (r != last) {
		m = oracle_map(o, last);
		m->slots[oracle_slot(o, m, last->addr)] = (uint32_t)(r - o->routes) + 1;
		*r = *last;
	}
	o->count--;
	return old;
}

static inline uint32_t oracle_lookup(struct oracle *o, unsigned family, const uint8_t *addr)
{
	uint8_t key[16] = { 0 };

	memcpy(key, addr, family == 4 ? 4 : 16);
	for (unsigned len = addr_bits(family) + 1; len-- > 0;) {
		const struct oracle_map *m = &o->maps[family == 6][len];
		uint32_t place;

		if (!m->count)
			continue;
		addr_mask(key, len);
		place = m->slots[oracle_slot(o, m, key)];
		if (place)
			return o->routes[place - 1].value;
	}
	return FIB_MISS;
}

static inline void oracle_free(struct oracle *o)
{
	for (unsigned i = 0; i < 2 * 129; i++)
		free(o->maps[i / 129][i % 129].slots);
	free(o->routes);
	*o = (struct oracle){ 0 };
}

#endif
