/* SPDX-License-Identifier: Apache-2.0 */
/* Changes of a full table, with a reader beside the writer; and loading one. */
#include "perf/fib_bench/bench.h"

#include <errno.h>
#include <pthread.h>
#include <rte_fib.h>
#include <rte_fib6.h>
#include <rte_rcu_qsbr.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
	CHANGES = 30000, /* a round */
	BATCH = 64,
	REST_US = 100000, /* over which the reader is timed without updates */
};

/* A peer of either family. With hops of a byte rte_fib runs out of its 127 groups of longer routes
 * when they come before those above them, or change. */
struct peer {
	struct rte_fib *fib;
	struct rte_fib6 *fib6;
};

static const char *peer_name(unsigned family)
{
	return family == 4 ? "rte_fib 2 B" : "rte_fib6 4 B";
}

static struct peer peer_make(const struct routes *t)
{
	if (t->family == 4)
		return (struct peer){.fib = peer_fib(2, t->count)};
	return (struct peer){.fib6 = peer_fib6(t->count)};
}

static void peer_load(const struct peer *p, const struct routes *t)
{
	if (p->fib)
		peer_fib_load(p->fib, t);
	else
		peer_fib6_load(p->fib6, t);
}

static struct side peer_side(const struct peer *p)
{
	return p->fib ? side_fib(peer_name(4), p->fib) : side_fib6(peer_name(6), p->fib6);
}

static void peer_free(const struct peer *p)
{
	rte_fib_free(p->fib);
	rte_fib6_free(p->fib6);
}

static void peer_apply(const struct peer *p, const struct fib_change *changes, unsigned n)
{
	for (unsigned i = 0; i < n; i++) {
		const struct fib_change *c = &changes[i];
		bool gone = c->value == FIB_MISS;
		uint32_t hop = c->value - VALUE_BASE, ip;
		int rc;

		memcpy(&ip, c->addr, sizeof(ip));
		ip = __builtin_bswap32(ip);
		if (p->fib)
			rc = gone ? rte_fib_delete(p->fib, ip, c->len)
				  : rte_fib_add(p->fib, ip, c->len, hop);
		else
			rc = gone ? rte_fib6_delete(p->fib6, c->addr, c->len)
				  : rte_fib6_add(p->fib6, c->addr, c->len, hop);
		if (rc)
			fatal("%s, change %u: %s", peer_name(p->fib ? 4 : 6), i, strerror(-rc));
	}
}

/* What happens to a table: of 100 changes 70 give a route another next hop, 15 withdraw one, 15
 * announce one again that was withdrawn. */
struct churn {
	const struct routes *table;
	uint32_t *gone; /* numbers of the routes that are withdrawn */
	bool *is_gone;
	unsigned gone_count;
	uint64_t seed;
};

static void churn_init(struct churn *c, const struct routes *t)
{
	*c = (struct churn){.table = t, .seed = 20};
	c->gone = malloc(t->count * sizeof(*c->gone));
	c->is_gone = calloc(t->count, sizeof(*c->is_gone));
	if (!c->gone || !c->is_gone)
		fatal("no memory for %u routes", t->count);
}

static struct fib_change churn_next(struct churn *c)
{
	unsigned what = rnd_below(&c->seed, 100), at;
	struct fib_change change;
	struct route *r;

	if (what >= 85 && c->gone_count) {
		unsigned k = rnd_below(&c->seed, c->gone_count);

		at = c->gone[k];
		c->gone[k] = c->gone[--c->gone_count];
		c->is_gone[at] = false;
		return route_change(c->table->family, &c->table->routes[at]);
	}
	do {
		at = rnd_below(&c->seed, c->table->count);
	} while (c->is_gone[at]);
	r = &c->table->routes[at];
	if (what < 70) {
		r->hop = 1 + (r->hop + rnd_below(&c->seed, HOPS - 1)) % HOPS;
		return route_change(c->table->family, r);
	}
	c->gone[c->gone_count++] = at;
	c->is_gone[at] = true;
	change = route_change(c->table->family, r);
	change.value = FIB_MISS;
	return change;
}

/* The reader: looks up all the time, or sleeps. */
struct reader {
	pthread_t thread;
	struct rte_rcu_qsbr *qsbr;
	struct side side;
	const struct dsts *dsts;
	atomic_bool awake, stop;
	_Alignas(64) _Atomic uint64_t bursts;
};

static void *reader_main(void *arg)
{
	struct reader *r = arg;
	union answers a;
	unsigned at = 0;

	while (!r->stop) {
		if (!r->awake) {
			usleep(1000);
			continue;
		}
		rte_rcu_qsbr_thread_online(r->qsbr, 0);
		while (r->awake && !r->stop) {
			r->side.pass(r->side.table, r->dsts, at, BURST, &a);
			at = (at + BURST) % LOOKUPS;
			rte_rcu_qsbr_quiescent(r->qsbr, 0);
			atomic_store_explicit(&r->bursts, r->bursts + 1, memory_order_relaxed);
		}
		rte_rcu_qsbr_thread_offline(r->qsbr, 0);
	}
	return NULL;
}

static struct rte_rcu_qsbr *qsbr_make(void)
{
	struct rte_rcu_qsbr *qsbr = alloc(rte_rcu_qsbr_get_memsize(1));

	if (rte_rcu_qsbr_init(qsbr, 1) || rte_rcu_qsbr_thread_register(qsbr, 0))
		fatal("the RCU variable cannot be made");
	return qsbr;
}

static void reader_start(struct reader *r)
{
	pthread_attr_t attr;
	cpu_set_t cpus;
	int rc;

	if (reader_cpu < 0)
		fatal("updates are measured with a reader on a second CPU, and there is none");
	CPU_ZERO(&cpus);
	CPU_SET(reader_cpu, &cpus);
	pthread_attr_init(&attr);
	pthread_attr_setaffinity_np(&attr, sizeof(cpus), &cpus);
	rc = pthread_create(&r->thread, &attr, reader_main, r);
	if (rc)
		fatal("pthread_create: %s", strerror(rc));
	pthread_attr_destroy(&attr);
}

static void reader_stop(struct reader *r)
{
	r->stop = true;
	pthread_join(r->thread, NULL);
}

/* The reader's rate over a time, million lookups a second. */
struct span {
	double begin;
	uint64_t bursts;
};

static struct span span_begin(struct reader *r)
{
	return (struct span){.begin = now(), .bursts = r->bursts};
}

static double span_rate(struct reader *r, const struct span *s)
{
	return (double)(r->bursts - s->bursts) * BURST / (now() - s->begin) / 1e6;
}

/* Million changes per second of the writer's CPU time. */
static double weft_update(struct fib *fib, struct fib_change *changes)
{
	double begin = cpu_now();

	for (unsigned i = 0; i < CHANGES; i += BATCH)
		weft_apply(fib, changes + i, CHANGES - i < BATCH ? CHANGES - i : BATCH);
	return CHANGES / (cpu_now() - begin) / 1e6;
}

static double peer_update(const struct peer *p, const struct fib_change *changes)
{
	double begin = cpu_now();

	peer_apply(p, changes, CHANGES);
	return CHANGES / (cpu_now() - begin) / 1e6;
}

struct update_figures {
	double weft[ROUNDS], peer[ROUNDS], rest[ROUNDS], beside[ROUNDS];
};

static void update_round(struct reader *r, struct fib *fib, const struct peer *p,
			 struct fib_change *changes, struct update_figures *f, unsigned round)
{
	struct span span;

	r->awake = true;
	usleep(10000);
	span = span_begin(r);
	usleep(REST_US);
	f->rest[round] = span_rate(r, &span);
	span = span_begin(r);
	f->weft[round] = weft_update(fib, changes);
	f->beside[round] = span_rate(r, &span);
	r->awake = false;
	usleep(10000);
	f->peer[round] = peer_update(p, changes);
}

/* rte_fib does not count the group of a route that says what the one above it says when it comes,
 * but does when it goes, and is out of groups when that is below zero: when the long ones come
 * first it counts them all. rte_fib6 forgets to count back: what it has is enough for 500,000
 * changes. */
static struct fib *updates_load(struct rte_rcu_qsbr *qsbr, const struct peer *p, struct routes *t)
{
	struct fib *fib = weft_fib(weft_arena(qsbr), t->count, FIB_ROOT_FLAT);
	struct fib_change *changes;

	table_longest_first(t);
	changes = table_changes(t);
	progress("both take %u routes", t->count);
	weft_apply(fib, changes, t->count);
	peer_load(p, t);
	free(changes);
	return fib;
}

static void updates_run(struct routes *t, struct reader *r, struct fib *fib, const struct peer *p)
{
	static struct fib_change changes[CHANGES];
	static struct update_figures f;
	struct side peer = peer_side(p);
	struct churn churn;

	churn_init(&churn, t);
	reader_start(r);
	for (unsigned round = 0; round < ROUNDS; round++) {
		progress("updates: round %u of %u", round + 1, (unsigned)ROUNDS);
		for (unsigned i = 0; i < CHANGES; i++)
			changes[i] = churn_next(&churn);
		update_round(r, fib, p, changes, &f, round);
	}
	reader_stop(r);
	progress("the answers are compared");
	check_same(&r->side, &peer, r->dsts);
	out_figures("updates", "weft", f.weft, ROUNDS);
	out_figures("updates", peer.name, f.peer, ROUNDS);
	out_figures("lookups at rest", "weft", f.rest, ROUNDS);
	out_figures("lookups beside updates", "weft", f.beside, ROUNDS);
}

void case_updates(struct routes *t)
{
	static struct reader reader;
	struct peer p = peer_make(t);
	struct dsts d;
	struct fib *fib;

	reader.qsbr = qsbr_make();
	fib = updates_load(reader.qsbr, &p, t);
	dsts_alloc(&d, t->family);
	dsts_fill(&d, t, PATTERN_PREFIX);
	reader.dsts = &d;
	reader.side = side_weft(t->family, fib);
	updates_run(t, &reader, fib, &p);
}

/* Loading into new tables; seconds. */
static double weft_load_seconds(const struct routes *t, struct fib_change *changes)
{
	struct fib_arena *arena = weft_arena(NULL);
	struct fib *fib = weft_fib(arena, t->count, FIB_ROOT_FLAT);
	double begin = now(), took;

	weft_apply(fib, changes, t->count);
	took = now() - begin;
	fib_destroy(fib);
	fib_arena_destroy(arena);
	return took;
}

static double peer_load_seconds(const struct routes *t)
{
	struct peer p = peer_make(t);
	double begin = now(), took;

	peer_load(&p, t);
	took = now() - begin;
	peer_free(&p);
	return took;
}

static void load_rounds(const struct routes *t, const char *metric)
{
	struct fib_change *changes = table_changes(t);
	double weft[ROUNDS], peer[ROUNDS];

	for (unsigned round = 0; round < ROUNDS; round++) {
		progress("%s: round %u of %u", metric, round + 1, (unsigned)ROUNDS);
		weft[round] = weft_load_seconds(t, changes);
		peer[round] = peer_load_seconds(t);
	}
	free(changes);
	out_figures(metric, "weft", weft, ROUNDS);
	out_figures(metric, peer_name(t->family), peer, ROUNDS);
}

void case_load(struct routes *t)
{
	load_rounds(t, "in order");
	table_shuffle(t);
	load_rounds(t, "shuffled");
}
