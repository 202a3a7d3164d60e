/* SPDX-License-Identifier: Apache-2.0 */
/* What the engine is told of a vnet's structure. */
#include "control/engine.h"
#include "control/host.h"
#include "control/physical.h"
#include "control/port.h"
#include "control/router.h"
#include "control/vnet_impair.h"
#include "control/vnet_priv.h"

#include <stdio.h>
#include <string.h>

struct dp_port port_record(const struct port *p, const struct node *node)
{
	struct dp_port rec = { .id = p->id, .node = node->id, .mtu = p->spec->mtu };

	memcpy(rec.mac, p->spec->mac, sizeof(rec.mac));
	snprintf(rec.name, sizeof(rec.name), "%s", p->spec->name);
	return rec;
}

/* A router or host that could not be made is not there for the engine either. */
static bool is_made(const struct node *n)
{
	return n->router || n->host || n->spec->kind == TOPOLOGY_BRIDGE ||
	       n->spec->kind == TOPOLOGY_PHYSICAL;
}

/* A link that does nothing need not be spoken of, unless it did. */
static void program_impairments(struct vnet *v, struct link *l)
{
	bool any = false;

	for (int end = 0; end < 2; end++)
		any |= !impairment_is_none(vnet_impairment(l, end));
	for (int end = 0; end < 2 && (any || l->told); end++) {
		struct dp_impair rec = vnet_impair_record(v, l, end);

		engine_send(v->daemon->engine, DP_IMPAIR_SET, &rec, sizeof(rec), -1);
	}
	l->told |= any;
}

void vnet_program_link(struct vnet *v, struct link *l)
{
	/* In the order of the key: a file that turns a link round changes nothing. */
	int first = link_is_turned(l);
	struct dp_link rec = {
		.id = l->id,
		.port_a = vnet_end(v, l, first, NULL)->id,
		.port_b = vnet_end(v, l, !first, NULL)->id,
		.flags = l->down ? DP_LINK_DOWN : 0,
	};

	if (!is_made(v->nodes[l->spec->node[0]]) || !is_made(v->nodes[l->spec->node[1]]))
		return;
	engine_send(v->daemon->engine, DP_LINK_SET, &rec, sizeof(rec), -1);
	program_impairments(v, l);
}

static void program_plain_node(struct node *n)
{
	struct dp_node rec = {
		.id = n->id, .vnet = n->vnet->id,
		.kind = n->spec->kind == TOPOLOGY_BRIDGE ? DP_NODE_BRIDGE : DP_NODE_HOST,
	};

	snprintf(rec.name, sizeof(rec.name), "%s", n->spec->name);
	engine_send(n->vnet->daemon->engine, DP_NODE_SET, &rec, sizeof(rec), -1);
	if (n->host) {
		host_program(n->host);
		return;
	}
	for (unsigned i = 0; i < n->spec->port_count; i++) {
		struct dp_port port = port_record(&n->ports[i], n);

		engine_send(n->vnet->daemon->engine, DP_PORT_SET, &port, sizeof(port), -1);
	}
}

static void program_node(struct node *n)
{
	if (n->router)
		router_program(n->router);
	else if (n->spec->kind == TOPOLOGY_PHYSICAL)
		physical_program(n);
	else if (is_made(n))
		program_plain_node(n);
}

void vnet_program_node(struct node *n)
{
	program_node(n);
	for (unsigned i = 0; i < n->spec->port_count; i++)
		vnet_program_link(n->vnet, &n->vnet->links[n->spec->ports[i].link]);
}

void vnet_program(struct vnet *v)
{
	struct dp_vnet rec = { .id = v->id, .weight = v->topology->weight,
			       .guarantee = v->topology->guarantee };

	snprintf(rec.name, sizeof(rec.name), "%s", v->topology->name);
	engine_send(v->daemon->engine, DP_VNET_SET, &rec, sizeof(rec), -1);
	for (unsigned i = 0; i < v->topology->node_count; i++)
		program_node(v->nodes[i]);
	for (unsigned i = 0; i < v->topology->link_count; i++)
		vnet_program_link(v, &v->links[i]);
}
