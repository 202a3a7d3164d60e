/* SPDX-License-Identifier: Apache-2.0 */
/* What a verification has found, as docs/api.md has it. */
#include "control/verification_priv.h"

#include "control/router.h"
#include "control/text.h"

#include <arpa/inet.h>

#define SHOWN_MAX 1000 /* differences */

struct telling {
	const struct node *node;
	json_t *list;
};

static json_t *hop_json(const struct node *n, const struct verify_hop *h)
{
	const char *name = h->kind == INTAKE_NH_ADJ && h->port < TOPOLOGY_PORTS_MAX ?
				   router_nic_name(n->router, h->port) : NULL;
	const uint8_t *m = h->mac;

	if (h->kind != INTAKE_NH_ADJ)
		return json_pack("{s:n, s:n}", "port", "mac");
	return json_pack("{s:s?, s:o}", "port", name, "mac",
			 json_sprintf("%02x:%02x:%02x:%02x:%02x:%02x", m[0], m[1], m[2], m[3], m[4], m[5]));
}

static json_t *nh_json(const struct node *n, const struct verify_nh *nh)
{
	static const char *const kinds[] = { [INTAKE_NH_PUNT] = "punt", [INTAKE_NH_DROP] = "drop",
					     [INTAKE_NH_ADJ] = "forward", [INTAKE_NH_GROUP] = "group",
					     [INTAKE_NH_LOCAL] = "local" };
	json_t *via;

	if (!nh || nh->kind >= sizeof(kinds) / sizeof(kinds[0]) || !kinds[nh->kind])
		return json_null();
	via = json_array();
	for (unsigned i = 0; i < nh->hop_count; i++)
		json_array_append_new(via, hop_json(n, &nh->hops[i]));
	return json_pack("{s:s, s:o}", "kind", kinds[nh->kind], "via", via);
}

static void add_difference(void *arg, const struct verify_difference *d)
{
	struct telling *t = arg;
	unsigned nic = d->prefix.port - 1u;
	const char *port = d->prefix.port && nic < TOPOLOGY_PORTS_MAX ?
				   router_nic_name(t->node->router, nic) : NULL;
	char addr[INET6_ADDRSTRLEN];

	inet_ntop(d->prefix.family == 4 ? AF_INET : AF_INET6, d->prefix.addr, addr, sizeof(addr));
	json_array_append_new(
		t->list, json_pack("{s:I, s:o, s:s?, s:o, s:o, s:o, s:b}", "table", (json_int_t)d->table,
				   "prefix", json_sprintf("%s/%u", addr, d->prefix.len), "port", port,
				   "kernel", nh_json(t->node, d->nhs[VERIFY_KERNEL]), "intake",
				   nh_json(t->node, d->nhs[VERIFY_INTAKE]), "fib",
				   nh_json(t->node, d->nhs[VERIFY_FIB]), "routes_differ", d->routes));
}

static void add_reason(void *arg, const char *text)
{
	struct telling *t = arg;

	json_array_append_new(t->list, text_json(text));
}

static void add_left_out(void *arg, uint32_t table, size_t prefixes)
{
	struct telling *t = arg;
	const char *why = router_fib(t->node->router, table) ?
				  "link-local or multicast, which the engine punts by itself" :
				  "of a table that no port's packets are looked up in";

	json_array_append_new(t->list, json_sprintf("table %u: %zu %s: %s", table, prefixes,
						    prefixes == 1 ? "prefix" : "prefixes", why));
}

json_t *verification_none(const char *node, const char *state, const char *why)
{
	return json_pack("{s:s, s:s, s:o, s:i, s:n, s:i, s:i, s:[], s:[]}", "node", node, "state",
			 state, "why", text_json(why), "takes", 0, "routes", "difference_count", 0,
			 "changing", 0, "differences", "left_out");
}

json_t *verification_json(const struct verification *x, struct node *n, const char *state)
{
	struct telling differences = { n, json_array() }, left_out = { n, json_array() };
	const struct intake *in = vrouter_intake(router_vrouter(n->router));
	const char *refusal = router_refusal(n->router);
	bool kernel = n->spec->intake == TOPOLOGY_INTAKE_AGENT;
	struct verify_sum sum;

	verify_sum(x->verify, &sum);
	verify_each(x->verify, SHOWN_MAX, add_difference, &differences);
	intake_each_reason(in, add_reason, &left_out);
	verify_each_left_out(x->verify, add_left_out, &left_out);
	if (refusal)
		add_reason(&left_out, refusal);
	if (!kernel)
		add_reason(&left_out, "what its kernel has, which no agent tells");
	return json_pack("{s:s, s:s, s:o, s:i, s:{s:o, s:I, s:I}, s:I, s:I, s:o, s:o}", "node", x->node,
			 "state", state, "why", x->why[0] ? text_json(x->why) : json_null(), "takes",
			 (int)sum.takes, "routes", "kernel", kernel ?
			 json_integer((json_int_t)sum.routes[VERIFY_KERNEL]) : json_null(),
			 "intake", (json_int_t)sum.routes[VERIFY_INTAKE], "fib",
			 (json_int_t)sum.routes[VERIFY_FIB], "difference_count",
			 (json_int_t)sum.differences, "changing", (json_int_t)sum.changing,
			 "differences", differences.list, "left_out", left_out.list);
}
