/* SPDX-License-Identifier: Apache-2.0 */
/* GET /v1/vnets/V/nodes/N/trace: a packet's way through the vnet, as the engine would take it. */
#include "control/api_priv.h"

#include "base/rd.h"
#include "control/engine.h"
#include "control/router.h"
#include "control/stats.h"

#include <arpa/inet.h>
#include <errno.h>
#include <event2/keyvalq_struct.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define TTL_DEFAULT 64

struct tracing {
	struct weftd *daemon;
	struct evhttp_request *req;
	char vnet[TOPOLOGY_NAME_MAX];
};

static const char *const end_names[DP_END_COUNT] = {
#define END_NAME(id, name, what) [DP_END_##id] = name,
	DP_ENDS(END_NAME)
#undef END_NAME
};

static const char *const end_texts[DP_END_COUNT] = {
#define END_TEXT(id, name, what) [DP_END_##id] = what,
	DP_ENDS(END_TEXT)
#undef END_TEXT
};

/* A number of 0 to most, decimal; dflt when there is no text. False: it is none. */
static bool number(const char *text, unsigned long most, unsigned long dflt, unsigned long *out)
{
	char *end;

	*out = dflt;
	if (!text)
		return true;
	if (!*text || strlen(text) > 5 || text[strspn(text, "0123456789")])
		return false;
	*out = strtoul(text, &end, 10);
	return *out <= most;
}

static bool addresses(struct dp_trace *rec, const char *src, const char *dst)
{
	int af = src && strchr(src, ':') ? AF_INET6 : AF_INET;

	rec->family = af == AF_INET ? 4 : 6;
	return src && dst && inet_pton(af, src, rec->src) == 1 && inet_pton(af, dst, rec->dst) == 1;
}

/* What the client asks for; false, and *why, when it is not right. */
static bool parse(const struct node *n, const struct evkeyvalq *q, struct dp_trace *rec, const char **why)
{
	const char *port = evhttp_find_header(q, "port");
	unsigned long proto, sport, dport, ttl;
	unsigned i = 0;

	*why = "src and dst are to be two addresses, of IPv4 or of IPv6";
	if (!addresses(rec, evhttp_find_header(q, "src"), evhttp_find_header(q, "dst")))
		return false;
	*why = "proto is a number of 0 to 255, sport and dport are of 0 to 65535, ttl of 1 to 255";
	if (!number(evhttp_find_header(q, "proto"), 255, rec->family == 4 ? IPPROTO_ICMP : IPPROTO_ICMPV6,
		    &proto) ||
	    !number(evhttp_find_header(q, "sport"), 65535, 0, &sport) ||
	    !number(evhttp_find_header(q, "dport"), 65535, 0, &dport) ||
	    !number(evhttp_find_header(q, "ttl"), 255, TTL_DEFAULT, &ttl) || !ttl)
		return false;
	*why = "the node has no such port";
	while (port && i < n->spec->port_count && strcmp(n->spec->ports[i].name, port) != 0)
		i++;
	if (i >= n->spec->port_count)
		return false;
	*why = "a bridge or a physical port does not know where a packet is sent to: begin at a router or host";
	rec->port = n->ports[i].id;
	rec->proto = (uint8_t)proto;
	rec->sport = (uint16_t)sport;
	rec->dport = (uint16_t)dport;
	rec->ttl = (uint8_t)ttl;
	return n->spec->kind != TOPOLOGY_BRIDGE && n->spec->kind != TOPOLOGY_PHYSICAL;
}

static const struct node *node_by_id(struct vnet *v, uint32_t id)
{
	for (unsigned i = 0; i < v->topology->node_count; i++)
		if (v->nodes[i]->id == id)
			return v->nodes[i];
	return NULL;
}

/* The name of a node's port, or null. */
static json_t *port_name(const struct node *n, uint32_t id)
{
	for (unsigned i = 0; i < n->spec->port_count; i++)
		if (n->ports[i].id == id)
			return json_string(n->spec->ports[i].name);
	return json_null();
}

static json_t *route_json(const struct node *n, const struct dp_hop *h, unsigned family)
{
	static const char *const kinds[] = { [DP_NH_PUNT] = "punt", [DP_NH_DROP] = "drop",
					     [DP_NH_ADJ] = "forward", [DP_NH_GROUP] = "group",
					     [DP_NH_LOCAL] = "local" };
	const uint8_t *m = h->mac;
	char addr[INET6_ADDRSTRLEN];
	json_t *o;

	if (!h->route || h->route >= sizeof(kinds) / sizeof(kinds[0]) || !n->router)
		return json_null();
	inet_ntop(family == 4 ? AF_INET : AF_INET6, h->prefix, addr, sizeof(addr));
	o = json_pack("{s:I, s:o, s:s, s:n}", "table", (json_int_t)router_table(n->router, h->fib),
		      "prefix", json_sprintf("%s/%u", addr, h->prefix_len), "kind", kinds[h->route],
		      "mac");
	if (h->kind == DP_NH_ADJ)
		json_object_set_new(o, "mac", json_sprintf("%02x:%02x:%02x:%02x:%02x:%02x", m[0], m[1],
							   m[2], m[3], m[4], m[5]));
	if (h->members) {
		json_object_set_new(o, "member", json_integer(h->member + 1));
		json_object_set_new(o, "members", json_integer(h->members));
	}
	return o;
}

static json_t *hop_json(const struct node *n, const struct dp_hop *h, unsigned family)
{
	bool dropped = h->end == DP_END_DROP && h->drop < DP_DROP_COUNT;
	json_t *queue = json_null();

	if (h->shared)
		queue = json_pack("{s:I, s:f}", "packets", (json_int_t)h->queued, "delay_s",
				  (double)h->delay_ns / 1e9);
	return json_pack("{s:s, s:o, s:o, s:i, s:o, s:o, s:s, s:s?}", "node", n->spec->name, "in",
			 port_name(n, h->port), "out", port_name(n, h->out), "ttl", h->ttl, "route",
			 route_json(n, h, family), "queue", queue, "result", end_names[h->end], "drop",
			 dropped ? stats_drops[h->drop] : NULL);
}

static void on_hops(void *arg, const struct buf *results)
{
	struct rd r = rd_of(results->data, results->len);
	struct tracing *t = arg;
	struct vnet *v = vnet_find(t->daemon, t->vnet);
	json_t *hops = json_array();
	struct dp_hop h = { .end = DP_END_NONE };

	while (v && stats_next(&r, DP_TRACE, 0, &h, sizeof(h))) {
		const struct node *n = node_by_id(v, h.node);

		if (n && h.end < DP_END_COUNT)
			json_array_append_new(hops, hop_json(n, &h, h.family));
	}
	if (json_array_size(hops) && h.end < DP_END_COUNT) {
		api_reply(t->req, HTTP_OK, json_pack("{s:O, s:s, s:s}", "hops", hops, "result",
						     end_names[h.end], "why", end_texts[h.end]));
	} else {
		api_error(t->req, HTTP_SERVUNAVAIL, "the engine does not have the node now");
	}
	json_decref(hops);
	free(t);
}

void api_trace(struct node *n, struct evhttp_request *req)
{
	const char *text = evhttp_uri_get_query(evhttp_request_get_evhttp_uri(req)), *why = "";
	struct tracing *t = calloc(1, sizeof(*t));
	struct dp_trace rec = { .port = 0 };
	struct evkeyvalq q;

	if (!t) {
		api_error(req, HTTP_INTERNAL, "out of memory");
		return;
	}
	*t = (struct tracing){ .daemon = n->vnet->daemon, .req = req };
	snprintf(t->vnet, sizeof(t->vnet), "%s", n->vnet->topology->name);
	if (evhttp_parse_query_str(text ? text : "", &q) < 0 || !parse(n, &q, &rec, &why)) {
		api_error(req, HTTP_BADREQUEST, "%s", why);
		free(t);
	} else {
		engine_ask(t->daemon->engine, &(struct engine_question){ DP_TRACE, sizeof(rec), &rec }, 1,
			   on_hops, t);
	}
	evhttp_clear_headers(&q);
}
