/* SPDX-License-Identifier: Apache-2.0 */
#include "dataplane/engine_priv.h"

#include "dataplane/capture_priv.h"
#include "dataplane/objects_priv.h"
#include "dataplane/relay_priv.h"
#include "dataplane/worker_priv.h"

#include <errno.h>
#include <rte_errno.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <time.h>

enum {
	JUMBO_COUNT = 2048,
	SUPER_COUNT = 512,
	POOL_CACHE = 256,
};

static_assert(COUNTERS_RELAY == WORKERS_MAX, "the relay thread's RCU id is next to the workers'");

uint32_t slots_take(struct slots *s)
{
	if (s->free_count)
		return s->free[--s->free_count];
	return s->next < s->max ? ++s->next : 0;
}

void slots_put(struct slots *s, uint32_t slot)
{
	if (s->free_count == s->free_cap) {
		uint32_t cap = s->free_cap ? s->free_cap * 2 : 256;
		uint32_t *more = realloc(s->free, cap * sizeof(*more));

		if (!more)
			return; /* the number is lost; nothing else is */
		s->free = more;
		s->free_cap = cap;
	}
	s->free[s->free_count++] = slot;
}

/* Address space that becomes memory where it is written. */
static void *table_map(size_t entries)
{
	void *p = mmap(NULL, entries * sizeof(void *), PROT_READ | PROT_WRITE,
		       MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	return p == MAP_FAILED ? NULL : p;
}

static int engine_create_tables(struct engine *e)
{
	size_t size = rte_rcu_qsbr_get_memsize(COUNTERS_RELAY + 1);

	e->ports = table_map(PORTS_MAX + 1);
	e->vnets = table_map(VNETS_MAX + 1);
	e->nhs = table_map(NHS_MAX);
	e->adjs = table_map(NHS_MAX + 1);
	e->nh_entries = table_map(NHS_MAX);
	e->vnet_slots.max = VNETS_MAX;
	e->port_slots.max = PORTS_MAX;
	e->nh_slots.max = NHS_MAX - 1;
	e->port_gens = calloc(PORTS_MAX + 1, sizeof(*e->port_gens));
	e->vnet_gens = calloc(VNETS_MAX + 1, sizeof(*e->vnet_gens));
	e->vnet_map = hash_map_create(sizeof(uint32_t));
	e->node_map = hash_map_create(sizeof(uint32_t));
	e->port_map = hash_map_create(sizeof(uint32_t));
	e->link_map = hash_map_create(sizeof(uint32_t));
	e->fib_map = hash_map_create(sizeof(uint32_t));
	e->qsbr = aligned_alloc(RTE_CACHE_LINE_SIZE, RTE_ALIGN_CEIL(size, RTE_CACHE_LINE_SIZE));
	if (!e->ports || !e->vnets || !e->nhs || !e->adjs || !e->nh_entries || !e->port_gens ||
	    !e->vnet_gens || !e->vnet_map || !e->node_map || !e->port_map || !e->link_map ||
	    !e->fib_map || !e->qsbr)
		return -ENOMEM;
	if (slab_init(&e->vnet_slab, sizeof(struct vnet), VNETS_MAX + 1) < 0 ||
	    slab_init(&e->port_slab, sizeof(struct port), PORTS_MAX + 1) < 0)
		return -ENOMEM;
	rte_rcu_qsbr_init(e->qsbr, COUNTERS_RELAY + 1);
	e->born = capture_clock_now(CLOCK_MONOTONIC);
	if (getrandom(&e->boot_id, sizeof(e->boot_id), 0) < 0)
		return -errno;
	return fib_arena_create(&(struct fib_arena_conf){ .qsbr = e->qsbr }, &e->fibs);
}

static int engine_create_pools(struct engine *e, unsigned buffers)
{
	e->small = rte_pktmbuf_pool_create("small", buffers, POOL_CACHE, PKT_PRIV,
					   RTE_PKTMBUF_HEADROOM + FRAME_SMALL, SOCKET_ID_ANY);
	e->jumbo = rte_pktmbuf_pool_create("jumbo", JUMBO_COUNT, 32, PKT_PRIV,
					   RTE_PKTMBUF_HEADROOM + FRAME_MAX, SOCKET_ID_ANY);
	e->super = rte_pktmbuf_pool_create("super", SUPER_COUNT, 16, PKT_PRIV, FRAME_SUPER,
					   SOCKET_ID_ANY);
	return e->small && e->jumbo && e->super ? 0 : -rte_errno;
}

int engine_create(unsigned workers, unsigned buffers, struct engine **out, struct err *err)
{
	struct engine *e = calloc(1, sizeof(*e));
	int rc;

	if (!e)
		return err_set(err, -ENOMEM, "out of memory");
	e->worker_count = workers;
	rc = engine_create_tables(e);
	if (!rc)
		rc = engine_create_pools(e, buffers);
	for (unsigned i = 0; !rc && i < workers; i++)
		rc = worker_create(e, i, &e->workers[i]);
	if (rc) {
		engine_destroy(e);
		return err_sys(err, rc, "not enough memory for packets and tables");
	}
	*out = e;
	return 0;
}

void engine_destroy(struct engine *e)
{
	if (!e)
		return;
	if (e->fib_map)
		objects_clear(e);
	relay_destroy(e->relay);
	for (unsigned i = 0; i < e->worker_count; i++)
		worker_destroy(e->workers[i]);
	rte_mempool_free(e->small);
	rte_mempool_free(e->jumbo);
	rte_mempool_free(e->super);
	hash_map_destroy(e->vnet_map);
	hash_map_destroy(e->node_map);
	hash_map_destroy(e->port_map);
	hash_map_destroy(e->link_map);
	hash_map_destroy(e->fib_map);
	if (e->ports)
		munmap(e->ports, (PORTS_MAX + 1) * sizeof(void *));
	if (e->vnets)
		munmap(e->vnets, (VNETS_MAX + 1) * sizeof(void *));
	if (e->nhs)
		munmap(e->nhs, NHS_MAX * sizeof(void *));
	if (e->adjs)
		munmap(e->adjs, (NHS_MAX + 1) * sizeof(adjacency));
	if (e->nh_entries)
		munmap(e->nh_entries, NHS_MAX * sizeof(void *));
	slab_fini(&e->vnet_slab);
	slab_fini(&e->port_slab);
	free(e->vnet_slots.free);
	free(e->port_slots.free);
	free(e->nh_slots.free);
	free(e->port_gens);
	free(e->vnet_gens);
	free(e->garbage);
	fib_arena_destroy(e->fibs);
	free(e->qsbr);
	free(e);
}

int engine_start(struct engine *e, struct err *err)
{
	unsigned started = 0;
	int rc = relay_create(e, err);

	if (!rc)
		rc = relay_start(e->relay, err);
	if (rc)
		return rc;
	for (; started < e->worker_count; started++) {
		rc = worker_start(e->workers[started], err);
		if (rc)
			goto stop;
	}
	return 0;
stop:
	while (started)
		worker_stop(e->workers[--started]);
	relay_stop(e->relay);
	return rc;
}

void engine_stop(struct engine *e)
{
	for (unsigned i = 0; i < e->worker_count; i++)
		worker_stop(e->workers[i]);
	/* e->relay stays: ports are still attached to it, engine_destroy() lets them go. */
	relay_stop(e->relay);
}

void engine_reclaim(struct engine *e)
{
	struct garbage *list = e->garbage;
	unsigned n = e->garbage_count;

	if (!n)
		return;
	/* What is called may defer more: that begins a list of its own. */
	e->garbage = NULL;
	e->garbage_count = e->garbage_cap = 0;
	rte_rcu_qsbr_synchronize(e->qsbr, RTE_QSBR_THRID_INVALID);
	for (unsigned i = 0; i < n; i++)
		list[i].fn(e, list[i].arg);
	free(list);
	engine_reclaim(e);
}

void engine_defer(struct engine *e, void (*fn)(struct engine *e, void *arg), void *arg)
{
	if (e->garbage_count == e->garbage_cap) {
		unsigned cap = e->garbage_cap ? e->garbage_cap * 2 : 64;
		struct garbage *more = realloc(e->garbage, cap * sizeof(*more));

		if (!more) { /* then now, in order */
			engine_reclaim(e);
			rte_rcu_qsbr_synchronize(e->qsbr, RTE_QSBR_THRID_INVALID);
			fn(e, arg);
			return;
		}
		e->garbage = more;
		e->garbage_cap = cap;
	}
	e->garbage[e->garbage_count++] = (struct garbage){ fn, arg };
}

static void engine_free(struct engine *e, void *memory)
{
	free(memory);
}

void engine_free_later(struct engine *e, void *memory)
{
	if (memory)
		engine_defer(e, engine_free, memory);
}
