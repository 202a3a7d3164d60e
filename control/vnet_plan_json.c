/* SPDX-License-Identifier: Apache-2.0 */
/* What a deploy would do, for people and programs. */
#include "control/text.h"
#include "control/vnet_plan.h"

#include <string.h>

static const char *const changes[] = {
	[TOPOLOGY_COMES] = "add", [TOPOLOGY_GOES] = "remove", [TOPOLOGY_CHANGES] = "change",
	[TOPOLOGY_MOVES] = "move", [TOPOLOGY_ANEW] = "restart",
};

static json_t *ports_json(const struct topology_node_diff *n)
{
	json_t *list = json_array();

	for (unsigned i = 0; i < n->port_count; i++) {
		const struct topology_port_diff *p = &n->ports[i];
		enum topology_change change = !p->was ? TOPOLOGY_COMES :
					      !p->is  ? TOPOLOGY_GOES : TOPOLOGY_CHANGES;

		json_array_append_new(list, json_pack("{s:s, s:s}", "name",
						      p->is ? p->is->name : p->was->name, "change",
						      changes[change]));
	}
	return list;
}

/* NULL: it goes on as it is. */
static json_t *node_json(struct vnet *v, struct topology_node_diff *n)
{
	const struct topology_node *spec = n->is ? n->is : n->was;
	struct node *goes_on = NULL;
	struct nics nics;

	if (n->was && n->is) {
		goes_on = vnet_goes_on(v, n->is, &nics, n->why);
		n->change = !goes_on ? TOPOLOGY_ANEW : n->port_count ? TOPOLOGY_CHANGES : TOPOLOGY_KEEPS;
	}
	if (n->change == TOPOLOGY_KEEPS)
		return NULL;
	return json_pack("{s:s, s:s, s:s, s:o, s:o, s:o}", "name", spec->name, "kind",
			 topology_kind_names[spec->kind],
			 "change", changes[n->change], "why",
			 n->change == TOPOLOGY_ANEW ? text_json(n->why) : json_null(), "ports",
			 ports_json(n), "spare_nics",
			 goes_on && goes_on->router ? json_integer(nics_spare(&nics)) : json_null());
}

/* A link at a node that begins anew rises again with it. */
static void begin_anew(const struct topology_diff *d, struct topology_link_diff *l)
{
	for (unsigned end = 0; end < 2 && l->is && l->was && l->change != TOPOLOGY_MOVES; end++)
		if (d->nodes[l->is->node[end]].change == TOPOLOGY_ANEW)
			l->change = TOPOLOGY_ANEW;
}

static json_t *link_json(const struct topology *t, const struct topology_link *l)
{
	char end[2][TOPOLOGY_END_MAX];

	topology_end(t, l, 0, end[0]);
	topology_end(t, l, 1, end[1]);
	return json_pack("{s:s, s:s}", "a", end[0], "b", end[1]);
}

static json_t *change_of_link(const struct topology_diff *d, const struct topology_link_diff *l)
{
	json_t *o = l->is ? link_json(d->is, l->is) : link_json(d->was, l->was);

	json_object_set_new(o, "change", json_string(changes[l->change]));
	json_object_set_new(o, "from", l->change == TOPOLOGY_MOVES ? link_json(d->was, l->was) : json_null());
	return o;
}

/* null: as it was. */
static json_t *from_to(bool differs, double was, double is)
{
	return differs ? json_pack("{s:f, s:f}", "from", was, "to", is) : json_null();
}

json_t *plan_json(struct vnet *v, const struct topology *t)
{
	const struct topology *was = v ? v->topology : NULL;
	json_t *nodes = json_array(), *links = json_array(), *o;
	unsigned kept_nodes = 0, kept_links = 0;
	struct topology_diff *d;

	if (topology_diff(was, t, &d) < 0) {
		json_decref(nodes);
		json_decref(links);
		return NULL;
	}
	for (unsigned i = 0; i < d->node_count; i++) {
		o = node_json(v, &d->nodes[i]);
		kept_nodes += !o;
		if (o)
			json_array_append_new(nodes, o);
	}
	for (unsigned i = 0; i < d->link_count; i++) {
		begin_anew(d, &d->links[i]);
		if (d->links[i].change == TOPOLOGY_KEEPS)
			kept_links++;
		else
			json_array_append_new(links, change_of_link(d, &d->links[i]));
	}
	o = json_pack("{s:s, s:b, s:o, s:o, s:{s:i, s:i}, s:o, s:o}", "name", t->name, "new", !v, "nodes",
		      nodes, "links", links, "kept", "nodes", (int)kept_nodes, "links", (int)kept_links,
		      "weight", from_to(was && was->weight != t->weight, was ? was->weight : 0, t->weight),
		      "guarantee_cores",
		      from_to(was && was->guarantee != t->guarantee, was ? was->guarantee / 1000.0 : 0,
			      t->guarantee / 1000.0));
	topology_diff_free(d);
	return o;
}
