/* SPDX-License-Identifier: Apache-2.0 */
#ifndef PERF_FIB_BENCH_BENCH_H
#define PERF_FIB_BENCH_BENCH_H

/*
 * weft-bench-fib: fib/ beside DPDK's tables, one case a process. Weft and the peers hold the same
 * routes, get the same addresses and must give the same answers; then they are timed in turns.
 * Raw figures of every round go to standard output as JSON; perf/fib.py judges them.
 */

#include "fib/fib.h"

#include <stddef.h>
#include <stdint.h>

enum {
	BURST = 64,
	LOOKUPS = 1 << 20, /* addresses of a pattern */
	FLOWS = 1 << 16,   /* of the Zipf pattern */
	ROUNDS = 15,
	HOPS = 50,            /* of the column nh50: 1..50 */
	VALUE_BASE = 1000000, /* hop 7 is Weft's value 1000007: not small, as adjacencies are not */
};

/* out.c: what is said. fatal() ends the program. */
_Noreturn void fatal(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
void progress(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
void *alloc(size_t bytes); /* zeroed; from huge pages, as what EAL allocates */
void out_begin(const char *name);
void out_figures(const char *metric, const char *side, const double *values, unsigned n);
void out_figure(const char *metric, const char *side, double value);
void out_end(const char *isa, const char *isa_of_peer);

/* table.c: numbers that are the same in every run, and routes. */
uint64_t mix(uint64_t x); /* a hash */
uint64_t rnd(uint64_t *seed);
uint32_t rnd_below(uint64_t *seed, uint32_t n);
double rnd_unit(uint64_t *seed); /* [0, 1) */

struct route {
	uint8_t addr[16]; /* network order; IPv4 in the first 4 bytes */
	uint8_t len;
	uint32_t as, hop;
};

struct routes {
	unsigned family, count;
	struct route *routes; /* each prefix once */
};

void table_read(struct routes *t, unsigned family, const char *path);
void table_spread(struct routes *t, unsigned hops); /* hop = hash of the origin AS */
void table_grow(struct routes *t, unsigned count);  /* with made-up more specific routes */
void table_longest_first(struct routes *t);
void table_shuffle(struct routes *t);
uint32_t route_ip4(const struct route *r); /* host order, as DPDK wants it */
struct fib_change route_change(unsigned family, const struct route *r);
struct fib_change *table_changes(const struct routes *t); /* malloc()ed, values of the hops */

/* dsts.c: addresses to look up. */
enum pattern { PATTERN_RANDOM, PATTERN_PREFIX, PATTERN_ZIPF, PATTERNS };

struct dsts {
	uint32_t *net4, *host4;  /* the same addresses in network and in host order, or */
	uint8_t (*ip6)[16];      /* these */
	const struct fib **fibs; /* a table a packet, where there are many */
};

extern const char *const pattern_names[PATTERNS];

void dsts_alloc(struct dsts *d, unsigned family);
void dsts_set(struct dsts *d, unsigned i, const uint8_t addr[16]);
void route_random_addr(const struct route *r, unsigned family, uint64_t *seed, uint8_t addr[16]);
void dsts_fill(struct dsts *d, const struct routes *t, enum pattern pattern);

/* sides.c: how each side looks up. */
union answers {
	uint32_t v32[BURST];
	uint64_t v64[BURST];
};

struct side {
	const char *name;
	void *table;
	/* Bursts from first to first + n; the answers of the last one remain. */
	void (*pass)(void *table, const struct dsts *d, unsigned first, unsigned n,
		     union answers *a);
	uint32_t (*hop)(const union answers *a, unsigned i); /* 0: no route */
};

struct rte_fib;
struct rte_fib6;
struct rte_lpm;

struct side side_weft(unsigned family, struct fib *fib);
struct side side_weft_many(void); /* IPv4, the tables of dsts.fibs */
struct side side_fib(const char *name, struct rte_fib *fib);
struct side side_fib6(const char *name, struct rte_fib6 *fib);
struct side side_lpm(const char *name, struct rte_lpm *lpm);

/* replay.c: a side that only loads the lines which Weft's lookups of d touch; of the tables of
 * dsts.fibs, or of `fib`, when there are none. How many these are is told as figures. */
struct side replay_side(const struct fib *fib, const struct dsts *d, const char *pattern);
void replay_free(struct side *side);

/* tables.c: the tables themselves. */
struct fib_arena *weft_arena(void *qsbr);
struct fib *weft_fib(struct fib_arena *arena, unsigned max_routes, enum fib_root root);
void weft_apply(struct fib *fib, struct fib_change *changes, size_t n);

extern const char *peer_isa; /* with which the last rte_fib or rte_fib6 looks up */

/* What lookups may touch of the peers' tables when they hold t, computed: 2^24 next hops, and 256
 * for each byte of prefix beyond that some route needs. */
uint64_t peer_bytes(const struct routes *t, unsigned hop_bytes);

struct rte_fib *peer_fib(unsigned hop_bytes, unsigned max_routes);
void peer_fib_load(struct rte_fib *fib, const struct routes *t);
struct rte_fib6 *peer_fib6(unsigned max_routes); /* hops of 4 bytes */
void peer_fib6_load(struct rte_fib6 *fib, const struct routes *t);
struct rte_lpm *peer_lpm(unsigned max_routes);
void peer_lpm_load(struct rte_lpm *lpm, const struct routes *t);

/* measure.c */
double now(void);     /* seconds */
double cpu_now(void); /* of this thread */
/* Answers that differ are fatal. */
void check_same(const struct side *a, const struct side *b, const struct dsts *d);
/* ROUNDS rounds of all sides in turns, million lookups a second. */
void measure(const char *metric, const struct side *sides, unsigned n, const struct dsts *d);

/* The cases. */
void case_ip4(struct routes *t);       /* 50 next hops */
void case_ip4_hops(struct routes *t);  /* 500 */
void case_ip4_grown(struct routes *t); /* 1.2 M routes */
void case_ip6(struct routes *t);
void case_many_full(struct routes *t);
void case_many_small(struct routes *t);
void case_updates(struct routes *t);
void case_load(struct routes *t);

extern int reader_cpu; /* main.c: beside the one we are bound to, or -1 */

#endif
