/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From a guest's routes to the engine's records. vrouter/intake.c has worked out what the engine
 * shall have; here it gets the engine's ids.
 */
#include "control/router_priv.h"

#include "base/log.h"
#include "control/store.h"
#include "control/vnet_news.h"

#include <endian.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The engine has been told that a router that stops is gone, and takes no more of it. */
static void send(const struct router *r, uint16_t op, const void *rec, size_t len)
{
	if (!r->stopping)
		engine_send(r->node->vnet->daemon->engine, op, rec, len, -1);
}

uint32_t router_fib(const struct router *r, uint32_t table)
{
	for (unsigned i = 0; i < r->fib_count; i++)
		if (r->fibs[i].table == table)
			return r->fibs[i].id;
	return 0;
}

uint32_t router_table(const struct router *r, uint32_t fib)
{
	for (unsigned i = 0; i < r->fib_count; i++)
		if (r->fibs[i].id == fib)
			return r->fibs[i].table;
	return 0;
}

uint32_t router_fib_at(const struct router *r, unsigned i, uint32_t *table)
{
	if (i >= r->fib_count)
		return 0;
	*table = r->fibs[i].table;
	return r->fibs[i].id;
}

void router_refused(struct router *r, const struct dp_id *bad, const char *why)
{
	uint16_t op = bad ? bad->rec.op : 0;
	bool of_fib = op == DP_FIB_SET || op == DP_ROUTE_SET || op == DP_ROUTE_DEL;
	bool of_node = op == DP_NH_SET || op == DP_FIB_SYNC, was = r->refused[0];

	if (bad && !(of_fib && router_table(r, bad->id)) && !(of_node && bad->id == r->node->id))
		return;
	snprintf(r->refused, sizeof(r->refused), "%.250s", bad ? why : "");
	if (was == (bad != NULL))
		return;
	if (bad)
		log_warn("%s/%s: its guest forwards: %s", r->node->vnet->topology->name,
			 r->node->spec->name, why);
	router_send_node(r);
	vnet_news(r->node->vnet);
}

const char *router_refusal(const struct router *r)
{
	return r->refused[0] ? r->refused : NULL;
}

static void fib_name(const struct router *r, uint32_t table, char name[64])
{
	snprintf(name, 64, "%s/%u", r->node->spec->name, table);
}

static void fib_set(void *arg, uint32_t table)
{
	struct router *r = arg;
	struct vnet *v = r->node->vnet;
	struct dp_fib rec = { .node = r->node->id, .table = table,
			      .max_routes = r->node->spec->fib_routes };
	struct router_fib *fibs;
	char name[64];

	if (r->stopping) /* its names may be another's by now */
		return;
	rec.id = router_fib(r, table);
	if (!rec.id) {
		fib_name(r, table, name);
		rec.id = store_id(v->daemon->store, STORE_FIB, v->id, name);
		fibs = realloc(r->fibs, (r->fib_count + 1) * sizeof(*fibs));
		if (!fibs || !rec.id) {
			log_error("%s: no FIB for table %u", r->node->spec->name, table);
			return;
		}
		r->fibs = fibs;
		r->fibs[r->fib_count++] = (struct router_fib){ .table = table, .id = rec.id };
	}
	send(r, DP_FIB_SET, &rec, sizeof(rec));
}

static void fib_del(void *arg, uint32_t table)
{
	struct router *r = arg;
	struct vnet *v = r->node->vnet;
	struct dp_id rec = { .id = router_fib(r, table) };
	char name[64];

	if (!rec.id || r->stopping)
		return;
	send(r, DP_FIB_DEL, &rec, sizeof(rec));
	fib_name(r, table, name);
	store_id_del(v->daemon->store, STORE_FIB, v->id, name);
	for (unsigned i = 0; i < r->fib_count; i++)
		if (r->fibs[i].table == table)
			r->fibs[i--] = r->fibs[--r->fib_count];
}

/* Of the port on a NIC; 0: there is none. */
static uint32_t port_id(const struct router *r, unsigned nic)
{
	return r->nic[nic].port < 0 ? 0 : r->node->ports[r->nic[nic].port].id;
}

static void nh_set(void *arg, const struct intake_nh *nh)
{
	static const uint32_t kinds[] = {
		[INTAKE_NH_PUNT] = DP_NH_PUNT,
		[INTAKE_NH_DROP] = DP_NH_DROP,
		[INTAKE_NH_ADJ] = DP_NH_ADJ,
		[INTAKE_NH_GROUP] = DP_NH_GROUP,
		[INTAKE_NH_LOCAL] = DP_NH_LOCAL,
	};
	struct router *r = arg;
	struct {
		struct dp_nh head;
		uint32_t members[DP_NH_GROUP_MAX];
	} rec = { .head = { .node = r->node->id, .id = nh->id, .kind = kinds[nh->kind] } };

	if (nh->kind == INTAKE_NH_ADJ && !port_id(r, nh->port)) {
		rec.head.kind = DP_NH_PUNT; /* of a dump that began before its port went */
	} else if (nh->kind == INTAKE_NH_ADJ) {
		rec.head.port = port_id(r, nh->port);
		memcpy(rec.head.mac, nh->mac, sizeof(nh->mac));
	}
	rec.head.member_count = (uint16_t)nh->member_count;
	if (nh->member_count)
		memcpy(rec.head.members, nh->members, nh->member_count * sizeof(*nh->members));
	send(r, DP_NH_SET, &rec, sizeof(rec.head) + nh->member_count * sizeof(*nh->members));
}

static void nh_del(void *arg, uint32_t id)
{
	struct router *r = arg;
	struct dp_nh_id rec = { .node = r->node->id, .id = id };

	send(r, DP_NH_DEL, &rec, sizeof(rec));
}

static void route(struct router *r, uint16_t op, uint32_t table, const struct intake_prefix *p,
		  uint32_t nh)
{
	struct dp_route rec = {
		.fib = router_fib(r, table), .nh = nh, .family = p->family, .len = p->len
	};

	memcpy(rec.addr, p->addr, sizeof(rec.addr));
	if (p->port) {
		uint32_t zone = htobe32(port_id(r, p->port - 1));

		if (!zone) /* a link-local address goes with its port */
			return;
		memcpy(rec.addr + 4, &zone, sizeof(zone));
	}
	if (rec.fib)
		send(r, op, &rec, sizeof(rec));
}

static void route_set(void *arg, uint32_t table, const struct intake_prefix *p, uint32_t nh)
{
	route(arg, DP_ROUTE_SET, table, p, nh);
}

static void route_del(void *arg, uint32_t table, const struct intake_prefix *p)
{
	route(arg, DP_ROUTE_DEL, table, p, 0);
}

static void port_set(void *arg, unsigned nic, uint32_t table, bool up, bool fwd4, bool fwd6)
{
	struct router *r = arg;
	struct router_nic *p = &r->nic[nic];
	bool was_up = !p->known || p->up;

	if (p->port < 0)
		return;
	p->known = true;
	p->table = table;
	p->up = up;
	p->fwd4 = fwd4;
	p->fwd6 = fwd6;
	router_send_port(r, nic);
	if (was_up != up && !r->stopping)
		vnet_port_changed(r->node, (unsigned)p->port);
}

static void node_set(void *arg, bool punt_ip4, bool punt_ip6)
{
	struct router *r = arg;

	r->node_known = true;
	r->punt_ip4 = punt_ip4;
	r->punt_ip6 = punt_ip6;
	router_send_node(r);
}

static void sync_record(struct router *r, bool end)
{
	struct dp_sync rec = { .id = r->node->id, .end = end };

	send(r, DP_FIB_SYNC, &rec, sizeof(rec));
}

static void sync_begin(void *arg)
{
	sync_record(arg, false);
}

static void sync_end(void *arg)
{
	sync_record(arg, true);
}

/* The engine's records leave at the end of each turn of the loop by themselves. */
static void flush(void *arg)
{
	struct router *r = arg;

	r->told = true;
	vnet_news(r->node->vnet); /* it may be in step now */
}

const struct intake_sink router_sink = {
	.fib_set = fib_set,
	.fib_del = fib_del,
	.nh_set = nh_set,
	.nh_del = nh_del,
	.route_set = route_set,
	.route_del = route_del,
	.port_set = port_set,
	.node_set = node_set,
	.sync_begin = sync_begin,
	.sync_end = sync_end,
	.flush = flush,
};
