/* SPDX-License-Identifier: Apache-2.0 */
/* Each thread counts in words of its own; whoever asks adds them up. */
#include "dataplane/stats_priv.h"

#include "dataplane/egress_priv.h"
#include "dataplane/relay_priv.h"
#include "dataplane/share_priv.h"
#include "dataplane/worker_priv.h"

#include <malloc.h>
#include <rte_cycles.h>
#include <rte_lcore.h>
#include <rte_malloc.h>

static_assert(sizeof(struct counters) == (7 + DP_DROP_COUNT) * sizeof(uint64_t),
	      "struct counters is an array of words");

void counters_add_port(struct counters *sum, struct port *port)
{
	uint64_t *to = (uint64_t *)sum;

	for (unsigned t = 0; t < COUNTERS_MAX; t++) {
		uint64_t *from = (uint64_t *)&port->local[t].count;

		for (unsigned i = 0; i < sizeof(*sum) / sizeof(*to); i++)
			to[i] += __atomic_load_n(&from[i], __ATOMIC_RELAXED);
	}
}

static uint32_t port_state(const struct port *port)
{
	uint32_t state = port->far ? DP_PORT_CARRIER : 0;

	switch (port->backing) {
	case DP_BACK_DGRAM:
	case DP_BACK_TAP:
		return state | (relay_port_alive(port->relay) ? DP_PORT_BACKED : 0);
	case DP_BACK_DEV:
		return state | (device_up(port->dev) ? DP_PORT_BACKED : 0);
	}
	return state;
}

void stats_port(const struct engine *e, struct port *port, struct dp_port_stats *out)
{
	struct counters c = { 0 };

	counters_add_port(&c, port);
	out->id = port->id;
	out->vnet = port->vnet->id;
	out->node = port->node->id;
	out->state = port_state(port);
	out->wire_rx_packets = c.wire_rx_packets;
	out->wire_rx_bytes = c.wire_rx_bytes;
	out->wire_tx_packets = c.wire_tx_packets;
	out->wire_tx_bytes = c.wire_tx_bytes;
	out->forwarded = c.forwarded;
	out->punted = c.punted;
	out->injected = c.injected;
	memcpy(out->drops, c.drops, sizeof(out->drops));
	for (unsigned i = 0; i < e->worker_count; i++) {
		const struct port_local *local = &port->local[i];

		out->on_wire += __atomic_load_n(&local->on_wire, __ATOMIC_RELAXED);
		out->corrupted += __atomic_load_n(&local->corrupted, __ATOMIC_RELAXED);
		out->duplicated += __atomic_load_n(&local->duplicated, __ATOMIC_RELAXED);
		out->reordered += __atomic_load_n(&local->reordered, __ATOMIC_RELAXED);
	}
	egress_stats(e, port, out);
}

static void stats_add_punts(struct dp_vnet_stats *out, const struct vnet_local *from)
{
	for (unsigned i = 0; i < DP_PUNT_COUNT; i++) {
		out->punts[i] += __atomic_load_n(&from->punts[i], __ATOMIC_RELAXED);
		out->policed[i] += __atomic_load_n(&from->policed[i], __ATOMIC_RELAXED);
	}
	out->held += __atomic_load_n(&from->held, __ATOMIC_RELAXED);
}

void stats_vnet(struct engine *e, struct vnet *vnet, struct dp_vnet_stats *out)
{
	struct counters c = vnet->retired;
	uint64_t cycles = 0;
	void *value;

	for (size_t i = 0; hash_map_next(e->port_map, &i, NULL, &value);)
		if (((struct port *)value)->vnet == vnet)
			counters_add_port(&c, value);
	out->id = vnet->id;
	out->forwarded = c.forwarded;
	out->punted = c.punted;
	out->injected = c.injected;
	memcpy(out->drops, c.drops, sizeof(out->drops));
	for (unsigned t = 0; t < COUNTERS_MAX; t++) {
		stats_add_punts(out, &vnet->local[t]);
		out->drops[DP_DROP_NO_BACKING] +=
			__atomic_load_n(&vnet->local[t].gone, __ATOMIC_RELAXED);
		cycles += __atomic_load_n(&vnet->local[t].cycles, __ATOMIC_RELAXED);
	}
	out->cpu_ns = (uint64_t)((double)cycles * 1e9 / (double)rte_get_tsc_hz());
}

void stats_fib(const struct vfib *fib, struct dp_fib_stats *out)
{
	struct fib_stats s;

	fib_stats(fib->fib, &s);
	out->id = fib->id;
	out->node = fib->node->id;
	out->routes4 = s.routes4;
	out->routes6 = s.routes6;
	out->bytes = s.bytes;
	out->lookup = s.bytes_lookup;
	out->shared = s.bytes_shared;
}

void stats_memory(const struct engine *e, struct dp_memory_stats *out)
{
	struct rte_malloc_socket_stats s;
	struct fib_arena_stats fibs;

	out->buffers = e->small->size;
	out->buffers_used = rte_mempool_in_use_count(e->small);
	out->buffers_used -= RTE_MIN(out->buffers_used, e->relay ? relay_spare(e->relay) : 0);
	out->jumbos = e->jumbo->size;
	out->jumbos_used = rte_mempool_in_use_count(e->jumbo);
	for (unsigned i = 0; i < rte_socket_count(); i++)
		if (rte_malloc_get_socket_stats(rte_socket_id_by_idx(i), &s) == 0)
			out->packet_memory += s.heap_allocsz_bytes;
	out->heap = mallinfo2().uordblks;
	fib_arena_stats(e->fibs, &fibs);
	out->fibs = fibs.bytes_used + fibs.bytes_retired;
}

void stats_worker(const struct worker *w, struct dp_worker_stats *out)
{
	uint64_t busy = __atomic_load_n(&w->busy, __ATOMIC_RELAXED);

	out->index = w->index;
	out->limiting = __atomic_load_n(&w->share->limiting, __ATOMIC_RELAXED);
	out->busy_ns = (uint64_t)((double)busy * 1e9 / (double)w->hz);
	out->packets = __atomic_load_n(&w->packets, __ATOMIC_RELAXED);
	out->from_relay = rte_ring_count(w->from_relay);
	out->to_relay_control = rte_ring_count(w->to_relay[LANE_CONTROL].ring);
	out->to_relay = rte_ring_count(w->to_relay[LANE_REST].ring);
}
