/* SPDX-License-Identifier: Apache-2.0 */
/* The copy that metrics are written from: all that takes looking at vnets, in one go. */
#include "control/metrics_priv.h"

#include "base/hash.h"
#include "control/engine.h"
#include "control/router.h"
#include "control/stats.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct taking {
	struct metrics *m;
	const struct buf *stats;
	struct hash_map *ports; /* by id: the engine's record */
	struct hash_map *nodes; /* by id: struct node of a router */
};

/* A new row with these labels. Names hold neither quotes nor backslashes (topology.h). */
__attribute__((format(printf, 3, 4)))
static void *add_row(struct metrics *m, enum metrics_table t, const char *fmt, ...)
{
	size_t where = m->labels.len;
	char text[256];
	va_list ap;
	void *row;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	buf_printf(&m->labels, "%s", text);
	buf_u8(&m->labels, 0);
	row = buf_reserve(&m->rows[t], metrics_row[t]);
	if (row)
		memcpy(row, &where, sizeof(where));
	return row;
}

static const char *vnet_name(const struct node *n)
{
	return n->vnet->topology->name;
}

static void take_port(struct taking *t, const struct node *n, const struct port *p,
		      struct metrics_vnet *vnet)
{
	const struct dp_port_stats *s = hash_map_find(t->ports, &p->id);
	const char *name = p->spec->name;
	struct metrics_port *row = add_row(t->m, METRICS_PORT, "vnet=\"%s\",node=\"%s\",port=\"%s\"",
					   vnet_name(n), n->spec->name, name);
	const struct link *l = &n->vnet->links[p->spec->link];
	struct metrics_queue *q;

	if (!row || !s)
		return;
	row->carrier = l->risen && s->state & DP_PORT_CARRIER;
	row->backed = !!(s->state & DP_PORT_BACKED);
	vnet->links_up += row->carrier && vnet_end(n->vnet, l, 0, NULL) == p;
	row->rx_packets = s->wire_rx_packets;
	row->rx_bytes = s->wire_rx_bytes;
	row->tx_packets = s->wire_tx_packets;
	row->tx_bytes = s->wire_tx_bytes;
	row->forwarded = s->forwarded;
	row->punted = s->punted;
	row->injected = s->injected;
	memcpy(row->drops, s->drops, sizeof(row->drops));
	if (!(s->state & DP_PORT_SHARED))
		return;
	q = add_row(t->m, METRICS_QUEUE, "vnet=\"%s\",node=\"%s\",port=\"%s\"", vnet_name(n),
		    n->spec->name, name);
	if (!q)
		return;
	q->packets = s->queued;
	q->marked = s->marked;
	for (unsigned i = 0; i < DP_DELAY_COUNT; i++)
		q->delay_s[i] = (double)s->delay_ns[i] / 1e9;
}

static void take_intake(const struct node *n, struct metrics_router *row)
{
	struct intake_stats s;

	intake_stats(vrouter_intake(router_vrouter(n->router)), &s);
	row->messages = s.messages;
	row->malformed = s.malformed;
	row->refused = s.refused;
	row->links = s.links;
	row->addresses = s.addresses;
	row->neighbours = s.neighbours;
	row->nexthops = s.nexthops;
	row->tables = s.tables;
	row->routes[0] = s.routes4;
	row->routes[1] = s.routes6;
	row->punted = s.punted_routes;
}

static void take_router(struct taking *t, const struct node *n)
{
	struct metrics_router *row = add_row(t->m, METRICS_ROUTER, "vnet=\"%s\",node=\"%s\"",
					     vnet_name(n), n->spec->name);
	struct store_guest past = router_past(n->router);
	struct vrouter_info info;

	if (!row)
		return;
	vrouter_info(router_vrouter(n->router), &info);
	row->guest.pid = info.pid;
	row->boot_s = past.boot_ms ? (double)past.boot_ms / 1000 : NAN;
	row->up = info.pid != 0;
	row->restarts = past.restarts;
	row->routes_max = n->spec->fib_routes;
	row->incomplete = router_refusal(n->router) != NULL;
	row->synced = info.synced;
	take_intake(n, row);
	hash_map_set(t->nodes, &n->id, (void *)(uintptr_t)n);
}

static void take_node(struct taking *t, const struct node *n, struct metrics_vnet *vnet)
{
	struct metrics_node *row = add_row(t->m, METRICS_NODE, "vnet=\"%s\",node=\"%s\",kind=\"%s\"",
					   vnet_name(n), n->spec->name, topology_kind_names[n->spec->kind]);
	enum node_state state = node_state(n, NULL);

	vnet->nodes[state]++;
	if (row)
		row->states[state] = 1;
	if (n->router)
		take_router(t, n);
	for (unsigned i = 0; i < n->spec->port_count; i++)
		take_port(t, n, &n->ports[i], vnet);
}

static double since(const struct timespec *then)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (double)(now.tv_sec - then->tv_sec) + (double)(now.tv_nsec - then->tv_nsec) / 1e9;
}

static void take_vnet(struct taking *t, struct vnet *v)
{
	struct metrics_vnet *row = add_row(t->m, METRICS_VNET, "vnet=\"%s\"", v->topology->name);
	struct rd r = rd_of(t->stats->data, t->stats->len);
	const char *state = vnet_state(v);
	struct dp_vnet_stats s = { .id = 0 };

	if (!row)
		return;
	if (!stats_next(&r, DP_VNET_GET, v->id, &s, sizeof(s)))
		s = (struct dp_vnet_stats){ .id = 0 };
	row->age_s = since(&v->since);
	row->guarantee = (double)v->topology->guarantee / 1000;
	row->weight = v->topology->weight;
	row->running = !strcmp(state, "running");
	row->degraded = !strcmp(state, "degraded");
	row->cpu_s = (double)s.cpu_ns / 1e9;
	row->links = v->topology->link_count;
	row->forwarded = s.forwarded;
	row->punted = s.punted;
	row->injected = s.injected;
	row->held = s.held;
	memcpy(row->drops, s.drops, sizeof(row->drops));
	memcpy(row->punts, s.punts, sizeof(row->punts));
	memcpy(row->policed, s.policed, sizeof(row->policed));
	for (unsigned i = 0; i < v->topology->node_count; i++)
		take_node(t, v->nodes[i], row);
}

static void take_fibs(struct taking *t)
{
	struct rd r = rd_of(t->stats->data, t->stats->len);
	struct dp_fib_stats s;

	while (stats_next(&r, DP_FIB_GET, 0, &s, sizeof(s))) {
		const struct node *n = hash_map_find(t->nodes, &s.node);
		struct metrics_fib *row;

		if (!n || !router_table(n->router, s.id))
			continue;
		row = add_row(t->m, METRICS_FIB, "vnet=\"%s\",node=\"%s\",table=\"%u\"", vnet_name(n),
			      n->spec->name, router_table(n->router, s.id));
		if (!row)
			return;
		row->routes[0] = s.routes4;
		row->routes[1] = s.routes6;
		row->bytes = s.bytes;
		row->lookup = s.lookup;
		row->shared = s.shared;
	}
}

static void take_workers(struct taking *t)
{
	struct rd r = rd_of(t->stats->data, t->stats->len);
	struct dp_worker_stats s;

	while (stats_next(&r, DP_WORKER_GET, 0, &s, sizeof(s))) {
		struct metrics_worker *row = add_row(t->m, METRICS_WORKER, "worker=\"%u\"", s.index);

		if (!row)
			return;
		row->busy_s = (double)s.busy_ns / 1e9;
		row->packets = s.packets;
		row->limiting = s.limiting;
		row->rings[RING_FROM_RELAY] = s.from_relay;
		row->rings[RING_TO_RELAY] = s.to_relay;
		row->rings[RING_TO_RELAY_CONTROL] = s.to_relay_control;
	}
}

static void take_daemon(struct taking *t, struct weftd *d)
{
	struct metrics_daemon *row = add_row(t->m, METRICS_DAEMON, "%s", "");
	struct rd r = rd_of(t->stats->data, t->stats->len);
	struct dp_memory_stats s = { .buffers = 0 };
	struct vnet *v;

	if (!row)
		return;
	stats_next(&r, DP_MEMORY_GET, 0, &s, sizeof(s));
	row->info[0] = 1;
	TAILQ_FOREACH (v, &d->vnets, entry)
		row->vnets++;
	row->engine_up = engine_is_up(d->engine);
	row->engine_deaths = d->engine_deaths;
	row->self.pid = getpid();
	row->engine.pid = engine_pid(d->engine);
	row->buffers = s.buffers;
	row->buffers_used = s.buffers_used;
	row->jumbos = s.jumbos;
	row->jumbos_used = s.jumbos_used;
	row->packet_memory = s.packet_memory;
	row->heap = s.heap;
	row->fibs = s.fibs;
}

/* Where each port's record is. They are as the engine has aligned them: to 8 bytes. */
static void index_ports(struct taking *t)
{
	struct rd r = rd_of(t->stats->data, t->stats->len);
	struct dp_port_stats s;

	while (stats_next(&r, DP_PORT_GET, 0, &s, sizeof(s)))
		hash_map_set(t->ports, &s.id, (void *)(uintptr_t)(r.p - s.rec.len));
}

struct metrics *metrics_take(struct weftd *d, uint32_t user, const struct buf *stats)
{
	struct taking t = { .m = calloc(1, sizeof(*t.m)), .stats = stats,
			    .ports = hash_map_create(sizeof(uint32_t)),
			    .nodes = hash_map_create(sizeof(uint32_t)) };
	bool bad = !t.m || !t.ports || !t.nodes;
	struct vnet *v;

	if (!bad) {
		index_ports(&t);
		if (!user) {
			take_daemon(&t, d);
			take_workers(&t);
		}
		TAILQ_FOREACH (v, &d->vnets, entry)
			if (!user || v->owner == user)
				take_vnet(&t, v);
		take_fibs(&t);
		bad = t.m->labels.bad;
		for (unsigned i = 0; i < METRICS_TABLES; i++)
			bad |= t.m->rows[i].bad;
	}
	hash_map_destroy(t.ports);
	hash_map_destroy(t.nodes);
	if (!bad)
		return t.m;
	metrics_free(t.m);
	return NULL;
}
