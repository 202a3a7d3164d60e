/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TESTS_UNIT_FIB_ORACLE_H
#define TESTS_UNIT_FIB_ORACLE_H

/* The table as anybody would write it first: a flat array, searched from end to end. */

#include "fib/fib.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

enum { ORACLE_MAX = 2048 };

struct oracle {
	struct fib_route routes[ORACLE_MAX];
	unsigned count;
};

static inline bool oracle_covers(const uint8_t *prefix, unsigned len, const uint8_t *addr)
{
	for (unsigned bit = 0; bit < len; bit++)
		if ((prefix[bit / 8] ^ addr[bit / 8]) & 0x80u >> bit % 8)
			return false;
	return true;
}

static inline void oracle_mask(uint8_t *addr, unsigned bytes, unsigned len)
{
	for (unsigned bit = len; bit < bytes * 8; bit++)
		addr[bit / 8] &= (uint8_t)~(0x80u >> bit % 8);
}

static inline struct fib_route *oracle_find(struct oracle *o, unsigned family,
					    const uint8_t *addr, unsigned len)
{
	for (unsigned i = 0; i < o->count; i++)
		if (o->routes[i].family == family && o->routes[i].len == len &&
		    !memcmp(o->routes[i].addr, addr, family == 4 ? 4 : 16))
			return &o->routes[i];
	return NULL;
}

static inline void oracle_set(struct oracle *o, unsigned family, const uint8_t *addr,
			      unsigned len, uint32_t value)
{
	struct fib_route *r = oracle_find(o, family, addr, len);

	if (!r) {
		r = &o->routes[o->count++];
		*r = (struct fib_route){ .family = (uint8_t)family, .len = (uint8_t)len };
		memcpy(r->addr, addr, family == 4 ? 4 : 16);
	}
	r->value = value;
}

static inline bool oracle_del(struct oracle *o, unsigned family, const uint8_t *addr, unsigned len)
{
	struct fib_route *r = oracle_find(o, family, addr, len);

	if (r)
		*r = o->routes[--o->count];
	return r;
}

static inline uint32_t oracle_lookup(const struct oracle *o, unsigned family, const uint8_t *addr)
{
	const struct fib_route *best = NULL;

	for (unsigned i = 0; i < o->count; i++) {
		const struct fib_route *r = &o->routes[i];

		if (r->family == family && (!best || r->len > best->len) &&
		    oracle_covers(r->addr, r->len, addr))
			best = r;
	}
	return best ? best->value : FIB_MISS;
}

/* The arena of a test's tables, without readers. */
static inline struct fib_arena *test_arena(void)
{
	static struct fib_arena *arena;

	if (!arena && fib_arena_create(&(struct fib_arena_conf){ 0 }, &arena) < 0)
		abort();
	return arena;
}

/* One address through the bulk call. */
static inline uint32_t fib_lookup_one(const struct fib *fib, unsigned family, const uint8_t *addr)
{
	uint8_t dst6[1][16];
	uint32_t dst4, value;

	if (family == 4) {
		memcpy(&dst4, addr, 4);
		fib_lookup4_bulk(&fib, &dst4, &value, 1);
	} else {
		memcpy(dst6[0], addr, 16);
		fib_lookup6_bulk(&fib, (const uint8_t(*)[16])dst6, &value, 1);
	}
	return value;
}

#endif
