/* SPDX-License-Identifier: Apache-2.0 */
#ifndef FIB_FIB_H
#define FIB_FIB_H

/*
 * The longest-prefix-match table of one VRF, for both families: prefix -> 31-bit value. What a
 * value means (an adjacency, say) is the caller's affair.
 *
 * Threads: one writer calls everything but the lookups; any number of readers call the lookups at
 * the same time, and never wait. A reader sees each route before or after a change, never between,
 * and a value that left the table may still be in a reader's hands until that reader's next
 * quiescent state. docs/fib.md has the structure, its bounds and its figures.
 */

#include <stdint.h>

#define FIB_MISS       UINT32_MAX   /* what lookups give where no route covers the address */
#define FIB_VALUE_MAX  0x7fffffffu  /* values are 0..FIB_VALUE_MAX */
#define FIB_ROUTES_MAX (4u << 20)   /* the highest max_routes */

struct fib;
struct rte_rcu_qsbr;

struct fib_conf {
	uint32_t max_routes; /* both families together, 1..FIB_ROUTES_MAX */
	/* The readers' RCU variable; borrowed, outlives the fib. NULL: there are no concurrent
	 * readers, and memory is reused at once. */
	struct rte_rcu_qsbr *qsbr;
};

/* -EINVAL: max_routes out of range. -ENOMEM. */
int fib_create(const struct fib_conf *conf, struct fib **out);

/* No reader may hold the fib any more (the caller waits for a grace period). NULL allowed. */
void fib_destroy(struct fib *fib);

/*
 * Prefixes: family is 4 or 6, addr is 4 or 16 bytes in network order with zero host bits, len is
 * 0..32 or 0..128; anything else gives -EINVAL.
 */

/*
 * Adds a route or replaces its value. *old (may be NULL) gets the value it had, or FIB_MISS when
 * the route is new. -EINVAL: bad prefix or value. -ENOSPC: a new route would exceed max_routes.
 * -ENOMEM. On every error the table is as before.
 */
int fib_route_set(struct fib *fib, unsigned family, const uint8_t *addr, unsigned len,
		  uint32_t value, uint32_t *old);

/* *old (may be NULL) gets the value it had. -ENOENT: no such route. */
int fib_route_del(struct fib *fib, unsigned family, const uint8_t *addr, unsigned len,
		  uint32_t *old);

/* Exactly this prefix. -ENOENT: no such route. Writer's thread. */
int fib_route_find(const struct fib *fib, unsigned family, const uint8_t *addr, unsigned len,
		   uint32_t *value);

struct fib_route {
	uint8_t family; /* 4 or 6 */
	uint8_t len;
	uint8_t addr[16]; /* IPv4 in the first 4 bytes, the others zero */
	uint32_t value;
};

typedef void fib_route_fn(const struct fib_route *route, void *arg);

/* Calls fn for each route of the family, in no order. fn must not change the fib. */
void fib_each_route(const struct fib *fib, unsigned family, fib_route_fn *fn, void *arg);

/*
 * Resynchronisation: fib_mark() marks every route, fib_route_set() unmarks the one it sets (also
 * when the value is the same), and fib_sweep() deletes those that are still marked, calling fn
 * (may be NULL; must not change the fib) for each after it is out. Returns how many went.
 */
void fib_mark(struct fib *fib);
uint32_t fib_sweep(struct fib *fib, fib_route_fn *fn, void *arg);

struct fib_stats {
	uint32_t routes4, routes6;
	uint64_t bytes; /* memory held, the writer's side included */
};

void fib_stats(const struct fib *fib, struct fib_stats *stats);

/*
 * values[i] = longest match of dst[i] in *fibs[i], or FIB_MISS. A fib a packet: packets of many
 * VRFs go in one call, and equal pointers may repeat. IPv4 addresses are in network order. Any n;
 * bursts of 16 and more hide memory latency best. Any thread; under RCU the caller reports
 * quiescent states between calls.
 */
void fib_lookup4_bulk(const struct fib *const *fibs, const uint32_t *dst, uint32_t *values,
		      unsigned n);
void fib_lookup6_bulk(const struct fib *const *fibs, const uint8_t (*dst)[16], uint32_t *values,
		      unsigned n);

#endif
