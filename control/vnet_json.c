/* SPDX-License-Identifier: Apache-2.0 */
#include "control/vnet_json.h"

#include "control/engine.h"
#include "control/health.h"
#include "control/process.h"
#include "control/router.h"
#include "control/state.h"
#include "control/stats.h"
#include "control/text.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

bool vnet_find_port(const struct buf *stats, uint32_t id, struct dp_port_stats *out)
{
	struct rd r = rd_of(stats->data, stats->len);

	if (stats_next(&r, DP_PORT_GET, id, out, sizeof(*out)))
		return true;
	memset(out, 0, sizeof(*out));
	return false;
}

static json_t *drops_json(const uint64_t drops[DP_DROP_COUNT])
{
	json_t *o = json_object();

	for (unsigned i = 0; i < DP_DROP_COUNT; i++)
		if (drops[i])
			json_object_set_new(o, stats_drops[i], json_integer((json_int_t)drops[i]));
	return o;
}

static json_t *punts_json(const struct dp_vnet_stats *s)
{
	json_t *o = json_object();

	for (unsigned i = 0; i < DP_PUNT_COUNT; i++)
		json_object_set_new(o, stats_punts[i],
				    json_pack("{s:I, s:I}", "passed", (json_int_t)s->punts[i],
					      "policed", (json_int_t)s->policed[i]));
	return o;
}

static json_t *mac_json(const uint8_t mac[6])
{
	return json_sprintf("%02x:%02x:%02x:%02x:%02x:%02x", mac[0], mac[1], mac[2], mac[3], mac[4],
			    mac[5]);
}

static json_t *port_json(const struct node *n, unsigned i, const struct buf *stats)
{
	const struct vnet *v = n->vnet;
	const struct link *l = &v->links[n->ports[i].spec->link];
	struct node *peer;
	struct port *end = vnet_end(v, l, 0, &peer);
	struct dp_port_stats s;

	if (end == &n->ports[i])
		end = vnet_end(v, l, 1, &peer);
	vnet_find_port(stats, n->ports[i].id, &s);
	return json_pack(
		"{s:s, s:o, s:i, s:b, s:o, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:o}", "name",
		n->ports[i].spec->name, "mac", mac_json(n->ports[i].spec->mac), "mtu",
		n->ports[i].spec->mtu, "carrier", l->risen && s.state & DP_PORT_CARRIER, "peer",
		json_sprintf("%s:%s", peer->spec->name, end->spec->name), "wire_rx_packets",
		(json_int_t)s.wire_rx_packets, "wire_rx_bytes", (json_int_t)s.wire_rx_bytes,
		"wire_tx_packets", (json_int_t)s.wire_tx_packets, "wire_tx_bytes",
		(json_int_t)s.wire_tx_bytes, "forwarded", (json_int_t)s.forwarded, "punted",
		(json_int_t)s.punted, "injected", (json_int_t)s.injected, "drops", drops_json(s.drops));
}

static void add_reason(void *arg, const char *text)
{
	json_array_append_new(arg, text_json(text));
}

static json_t *fibs_json(const struct node *n, const struct buf *stats)
{
	struct rd r = rd_of(stats->data, stats->len);
	json_t *fibs = json_array();
	struct dp_fib_stats s;

	while (stats_next(&r, DP_FIB_GET, 0, &s, sizeof(s)))
		if (s.node == n->id)
			json_array_append_new(
				fibs, json_pack("{s:I, s:I, s:I, s:I, s:I, s:I}", "table",
						(json_int_t)router_table(n->router, s.id), "ipv4",
						(json_int_t)s.routes4, "ipv6", (json_int_t)s.routes6, "bytes",
						(json_int_t)s.bytes, "lookup_bytes",
						(json_int_t)s.lookup, "shared_bytes",
						(json_int_t)s.shared));
	return fibs;
}

static void router_json(const struct node *n, const struct buf *stats, json_t *o)
{
	struct store_guest past = router_past(n->router);
	struct vrouter_info info;
	json_t *punted = json_array();
	struct process_use use;

	vrouter_info(router_vrouter(n->router), &info);
	process_use(info.pid, &use);
	if (router_by_itself(n->router))
		add_reason(punted, "all: its guest forwards by itself (intake: none)");
	else
		intake_each_reason(vrouter_intake(router_vrouter(n->router)), add_reason, punted);
	json_object_set_new(o, "image", json_string(n->spec->guest_image));
	if (past.boot_ms) { /* a guest that was adopted does not know how it began */
		info.clone = past.clone;
		memcpy(info.cold_why, past.cold_why, sizeof(info.cold_why));
	}
	json_object_set_new(o, "boot", info.pid ? json_string(info.clone ? "clone" : "cold") :
						  json_null());
	json_object_set_new(o, "boot_why", info.cold_why[0] ? text_json(info.cold_why) : json_null());
	json_object_set_new(o, "boot_s", past.boot_ms ? json_real((double)past.boot_ms / 1000) :
							json_null());
	json_object_set_new(o, "pid", info.pid ? json_integer(info.pid) : json_null());
	json_object_set_new(o, "machine", info.machine ? json_string(info.machine) : json_null());
	json_object_set_new(o, "accel", info.accel ? json_string(info.accel) : json_null());
	json_object_set_new(o, "restarts", json_integer(past.restarts));
	json_object_set_new(o, "synced", json_boolean(info.synced));
	json_object_set_new(o, "intake", json_string(topology_intake_names[n->spec->intake]));
	json_object_set_new(o, "fpm", n->spec->intake == TOPOLOGY_INTAKE_FPM ? json_boolean(info.fpm_up) :
									      json_null());
	json_object_set_new(o, "cpu_s", json_real(use.cpu_s));
	json_object_set_new(o, "memory_bytes", json_integer((json_int_t)process_share(info.pid)));
	json_object_set_new(o, "fib", fibs_json(n, stats));
	json_object_set_new(o, "fib_routes_max", json_integer(n->spec->fib_routes));
	json_object_set_new(o, "punted", punted);
	json_object_set_new(o, "spare_nics", json_integer(router_spare_nics(n->router)));
}

static json_t *node_json(const struct node *n, const struct buf *stats)
{
	json_t *ports = json_array(), *o;
	char why[STATE_WHY_MAX];
	const char *state = node_state_names[node_state(n, why)];

	for (unsigned i = 0; i < n->spec->port_count; i++)
		json_array_append_new(ports, port_json(n, i, stats));
	o = json_pack("{s:s, s:s, s:s?, s:s, s:o, s:o}", "name", n->spec->name, "kind",
		      topology_kind_names[n->spec->kind], "image", n->spec->image, "state", state, "error",
		      why[0] ? text_json(why) : json_null(), "ports", ports);
	if (n->router)
		router_json(n, stats, o);
	return o;
}

static json_t *counters_json(const struct vnet *v, const struct buf *stats)
{
	struct rd r = rd_of(stats->data, stats->len);
	struct dp_vnet_stats s;

	if (!stats_next(&r, DP_VNET_GET, v->id, &s, sizeof(s)))
		memset(&s, 0, sizeof(s));
	return json_pack("{s:I, s:I, s:I, s:o, s:o, s:I, s:f}", "forwarded", (json_int_t)s.forwarded,
			 "punted", (json_int_t)s.punted, "injected", (json_int_t)s.injected, "drops",
			 drops_json(s.drops), "punts", punts_json(&s), "held", (json_int_t)s.held,
			 "cpu_s", (double)s.cpu_ns / 1e9);
}

/* Why nothing is forwarded: null when it is. */
static json_t *trouble_json(const struct weftd *d)
{
	if (engine_is_up(d->engine))
		return json_null();
	if (engine_failures(d->engine) < STATE_FAILURES)
		return json_string("it starts");
	return json_sprintf("it has ended or could not be started %u times in a row, the last time: %s; "
			    "%s/log/weft-dp.log may say more", engine_failures(d->engine),
			    engine_why(d->engine), d->state);
}

json_t *vnet_json(struct vnet *v, const struct buf *stats)
{
	json_t *nodes = json_array(), *links = json_array(), *warnings = json_array();
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	for (unsigned i = 0; i < v->topology->node_count; i++)
		json_array_append_new(nodes, node_json(v->nodes[i], stats));
	for (unsigned i = 0; i < v->topology->link_count; i++)
		json_array_append_new(links, vnet_link_json(v, &v->links[i], stats));
	for (unsigned i = 0; i < v->topology->warnings.count; i++)
		json_array_append_new(warnings, json_string(v->topology->warnings.items[i]));
	return json_pack("{s:s, s:s?, s:s, s:i, s:f, s:s, s:o, s:o, s:f, s:o, s:o, s:o, s:o}", "name",
			 v->topology->name, "owner", v->owner ? v->owner_name : NULL, "file", v->file,
			 "weight", (int)v->topology->weight,
			 "guarantee_cores", (double)v->topology->guarantee / 1000, "state",
			 vnet_state(v), "engine", trouble_json(v->daemon), "notes",
			 health_notes(v->daemon), "age_s",
			 (double)(now.tv_sec - v->since.tv_sec) +
				 (double)(now.tv_nsec - v->since.tv_nsec) / 1e9,
			 "warnings", warnings, "nodes", nodes, "links", links, "counters",
			 counters_json(v, stats));
}

struct routes {
	const struct node *node;
	json_t *list;
};

static json_t *port_name_json(const struct node *n, unsigned nic)
{
	const char *name = router_nic_name(n->router, nic);

	return name ? json_string(name) : json_null();
}

static json_t *via_json(const struct node *n, const struct intake_nh *nh)
{
	if (nh->kind == INTAKE_NH_LOCAL)
		return json_pack("{s:o, s:n}", "port", port_name_json(n, nh->port), "mac");
	if (nh->kind != INTAKE_NH_ADJ) /* of a group: this share of the flows goes to the guest */
		return json_pack("{s:n, s:n}", "port", "mac");
	return json_pack("{s:o, s:o}", "port", port_name_json(n, nh->port), "mac", mac_json(nh->mac));
}

static void add_route(void *arg, uint32_t table, const struct intake_prefix *p,
		      const struct intake_nh *nh)
{
	static const char *const kinds[] = { [INTAKE_NH_PUNT] = "punt", [INTAKE_NH_DROP] = "drop",
					     [INTAKE_NH_ADJ] = "forward", [INTAKE_NH_GROUP] = "group",
					     [INTAKE_NH_LOCAL] = "local" };
	struct routes *routes = arg;
	char addr[INET6_ADDRSTRLEN];
	json_t *via = json_array();

	inet_ntop(p->family == 4 ? AF_INET : AF_INET6, p->addr, addr, sizeof(addr));
	if (nh->kind == INTAKE_NH_ADJ || p->port)
		json_array_append_new(via, via_json(routes->node, nh));
	for (unsigned i = 0; i < nh->member_count; i++)
		json_array_append_new(via, via_json(routes->node, &nh->hops[i]));
	json_array_append_new(routes->list,
			      json_pack("{s:I, s:o, s:s, s:o}", "table", (json_int_t)table, "prefix",
					json_sprintf("%s/%u", addr, p->len), "kind", kinds[nh->kind], "via",
					via));
}

json_t *vnet_routes_json(const struct node *n)
{
	struct routes routes = { .node = n, .list = json_array() };

	intake_each_route(vrouter_intake(router_vrouter(n->router)), 0, add_route, &routes);
	return json_pack("{s:o}", "routes", routes.list);
}
