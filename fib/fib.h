/* SPDX-License-Identifier: Apache-2.0 */
#ifndef FIB_FIB_H
#define FIB_FIB_H

/*
 * Longest-prefix-match tables, one a VRF, for both families: prefix -> 31-bit value. What a value
 * means (an adjacency, say) is the caller's affair. The tables of one arena share what they have
 * in common, also where other values are in the same order: memory grows with what differs.
 *
 * Threads: one writer an arena calls everything but the lookups; any number of readers call the
 * lookups at the same time, and never wait. A reader sees each route before or after a change,
 * never between, and a value that left the table may still be in a reader's hands until that
 * reader's next quiescent state. docs/fib.md has the structure, its bounds and its figures.
 */

#include <stddef.h>
#include <stdint.h>

#define FIB_MISS       UINT32_MAX   /* what lookups give where no route covers the address */
#define FIB_VALUE_MAX  0x7fffffffu  /* values are 0..FIB_VALUE_MAX */
#define FIB_ROUTES_MAX (4u << 20)   /* the highest max_routes */

#define FIB_ARENA_BYTES_MAX (4ull << 30) /* what a reference can reach */

struct fib;
struct fib_arena;
struct rte_rcu_qsbr;

struct fib_arena_conf {
	/* Limit of what all tables take of the arena, up to FIB_ARENA_BYTES_MAX; 0: that. It is
	 * address space first and memory when used. */
	uint64_t max_bytes;
	/* The readers' RCU variable; borrowed, outlives the arena. NULL: there are no concurrent
	 * readers, and memory is reused at once. */
	struct rte_rcu_qsbr *qsbr;
};

/* -EINVAL: max_bytes out of range. -ENOMEM. */
int fib_arena_create(const struct fib_arena_conf *conf, struct fib_arena **out);

/* Its tables are destroyed already. NULL allowed. */
void fib_arena_destroy(struct fib_arena *arena);

struct fib_arena_stats {
	uint64_t bytes_used;    /* in tables, each shared part once */
	uint64_t bytes_retired; /* waiting for readers */
	uint64_t bytes_mapped;  /* usable memory: used, retired, free */
	uint32_t nodes;         /* distinct nodes in tables */
};

void fib_arena_stats(const struct fib_arena *arena, struct fib_arena_stats *stats);

/* How the first 16 bits of an address are looked up. */
enum fib_root {
	FIB_ROOT_AUTO,   /* flat for a family of many routes, else shared */
	FIB_ROOT_SHARED, /* nodes like all others, shared with other tables */
	FIB_ROOT_FLAT,   /* an array of its own: 256 KiB a family that has routes, fewer loads */
};

struct fib_conf {
	struct fib_arena *arena; /* borrowed, outlives the fib */
	uint32_t max_routes;     /* both families together, 1..FIB_ROUTES_MAX */
	uint64_t max_bytes;      /* limit of fib_stats.bytes; 0: none */
	enum fib_root root;
};

/* -EINVAL: max_routes or root out of range. -ENOMEM. */
int fib_create(const struct fib_conf *conf, struct fib **out);

/* No reader may hold the fib any more (the caller waits for a grace period). NULL allowed. */
void fib_destroy(struct fib *fib);

/*
 * Prefixes: family is 4 or 6, addr is 4 or 16 bytes in network order with zero host bits, len is
 * 0..32 or 0..128; anything else gives -EINVAL.
 */

/*
 * Adds a route or replaces its value. *old (may be NULL) gets the value it had, or FIB_MISS when
 * the route is new. -EINVAL: bad prefix or value. -ENOSPC: it would or might exceed max_routes,
 * max_bytes or the arena's. -ENOMEM. On every error the table is as before.
 */
int fib_route_set(struct fib *fib, unsigned family, const uint8_t *addr, unsigned len,
		  uint32_t value, uint32_t *old);

/* *old (may be NULL) gets the value it had. -ENOENT: no such route. -ENOSPC, -ENOMEM: as above. */
int fib_route_del(struct fib *fib, unsigned family, const uint8_t *addr, unsigned len,
		  uint32_t *old);

struct fib_change {
	uint8_t family, len;
	uint8_t addr[16]; /* IPv4 in the first 4 bytes, the others ignored */
	uint32_t value;   /* FIB_MISS: delete; deleting what is not there is no error */
	uint32_t old;     /* out: the value the route had before this change, or FIB_MISS */
};

/*
 * Applies the changes in their order, all or none; each part of the table is built once for all of
 * them, so this is the fast way to load a table too. Readers see them at the end, address by
 * address. Errors as above; *bad (may be NULL) is then the change that cannot be made, or n when
 * it is all of them together.
 */
int fib_apply(struct fib *fib, struct fib_change *changes, size_t n, size_t *bad);

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
 * The same for up to `most` routes, those behind `after` in an order that stays as long as the
 * library does; NULL: the first ones. after need not be there (any more). Returns how many there were:
 * fewer than `most`, and those were the last. -EINVAL: after is no prefix of the family.
 */
long fib_next_routes(const struct fib *fib, unsigned family, const struct fib_route *after,
		     unsigned most, fib_route_fn *fn, void *arg);

/*
 * Resynchronisation: fib_mark() marks every route, a change that sets one unmarks it (also when
 * the value is the same), and fib_sweep() deletes those that are still marked, calling fn (may be
 * NULL; must not change the fib) for each after it is out. Returns how many went, or -ENOMEM or
 * -ENOSPC with all still there and marked.
 */
void fib_mark(struct fib *fib);
int fib_sweep(struct fib *fib, fib_route_fn *fn, void *arg);

struct fib_stats {
	uint32_t routes4, routes6;
	/* What max_bytes limits: rib + lookup if nothing were shared. It follows from the routes
	 * alone; room that arrays and the palette keep for more comes on top. */
	uint64_t bytes;
	uint64_t bytes_rib;    /* the writer's side */
	uint64_t bytes_lookup; /* what readers walk, each part once */
	uint64_t bytes_shared; /* of bytes_lookup: in other tables, or in several places of this one */
};

/* Walks the table: a millisecond for a full one. Writer's thread. */
void fib_stats(const struct fib *fib, struct fib_stats *stats);

/*
 * values[i] = longest match of dst[i] in *fibs[i], or FIB_MISS. A fib a packet: packets of many
 * VRFs go in one call, and equal pointers may repeat; all are of one arena. IPv4 addresses are in
 * network order. Any n; bursts of 64 hide memory latency best. Any thread; under RCU the caller
 * reports quiescent states between calls.
 */
void fib_lookup4_bulk(const struct fib *const *fibs, const uint32_t *dst, uint32_t *values,
		      unsigned n);
void fib_lookup6_bulk(const struct fib *const *fibs, const uint8_t (*dst)[16], uint32_t *values,
		      unsigned n);

/* The bodies of the lookups, of which the best that the CPU has is in use. They answer alike. */
enum fib_isa { FIB_ISA_SCALAR, FIB_ISA_AVX2, FIB_ISA_AVX512, FIB_ISA_COUNT };

const char *fib_isa_name(enum fib_isa isa);
enum fib_isa fib_isa(void); /* in use */

/* For tests and measurements. -ENOTSUP: this CPU lacks it. Not while lookups run. */
int fib_isa_use(enum fib_isa isa);

#endif
