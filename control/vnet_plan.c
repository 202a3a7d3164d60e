/* SPDX-License-Identifier: Apache-2.0 */
#include "control/vnet_plan.h"

#include "base/hash.h"
#include "control/router.h"
#include "control/store.h"
#include "control/vnet_impair.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct node *vnet_goes_on(struct vnet *v, const struct topology_node *is, struct nics *next,
			  char why[TOPOLOGY_WHY_MAX])
{
	struct node *n = v->topology ? vnet_node(v, is->name) : NULL;

	why[0] = 0;
	if (!n || !n->id || !topology_goes_on(n->spec, is, why))
		return NULL;
	if (n->error[0]) {
		snprintf(why, TOPOLOGY_WHY_MAX, "it could not be made before");
		return NULL;
	}
	if (n->router && !router_change(n->router, is, next, why, TOPOLOGY_WHY_MAX))
		return NULL;
	return n;
}

static void port_name(const struct topology_node *n, const struct topology_port *p, char name[64])
{
	snprintf(name, 64, "%s:%s", n->name, p->name);
}

static void ids_del(const struct node *n)
{
	struct store *s = n->vnet->daemon->store;
	char name[64];

	for (unsigned i = 0; i < n->spec->port_count; i++) {
		port_name(n->spec, n->ports[i].spec, name);
		store_id_del(s, STORE_PORT, n->vnet->id, name);
	}
	store_id_del(s, STORE_NODE, n->vnet->id, n->spec->name);
	store_nics_del(s, n->vnet->id, n->spec->name);
}

static int port_ids_add(const struct node *n, const struct topology_node *spec, struct port *ports)
{
	char name[64];

	for (unsigned i = 0; i < spec->port_count; i++) {
		port_name(spec, &spec->ports[i], name);
		ports[i].id = store_id(n->vnet->daemon->store, STORE_PORT, n->vnet->id, name);
		if (!ports[i].id)
			return -EIO;
	}
	return 0;
}

static int ids_add(struct node *n)
{
	if (port_ids_add(n, n->spec, n->ports) < 0)
		return -EIO;
	n->id = store_id(n->vnet->daemon->store, STORE_NODE, n->vnet->id, n->spec->name);
	return n->id ? 0 : -EIO;
}

/* Of a node that goes on: its ports that go lose their ids first, since names may be given again. */
static int ids_change(const struct plan_node *pn, const struct topology_node *is, struct err *err)
{
	const struct node *n = pn->node;
	struct store *s = n->vnet->daemon->store;
	char name[64];

	for (unsigned i = 0; i < n->spec->port_count; i++) {
		if (topology_port(is, n->spec->ports[i].name))
			continue;
		port_name(n->spec, &n->spec->ports[i], name);
		store_id_del(s, STORE_PORT, n->vnet->id, name);
	}
	if (port_ids_add(n, is, pn->ports) < 0)
		return -EIO;
	return pn->nics && pn->changes ? store_nics_put(s, n->vnet->id, is->name, pn->nics, err) : 0;
}

static struct port *ports_create(const struct topology_node *spec)
{
	struct port *ports = calloc(spec->port_count + 1, sizeof(*ports));

	for (unsigned i = 0; ports && i < spec->port_count; i++)
		ports[i].spec = &spec->ports[i];
	return ports;
}

static struct node *node_create(struct vnet *v, const struct topology_node *spec)
{
	struct node *n = calloc(1, sizeof(*n));

	if (!n)
		return NULL;
	n->spec = spec;
	n->vnet = v;
	n->ports = ports_create(spec);
	if (!n->ports) {
		vnet_node_free(n);
		return NULL;
	}
	return n;
}

static bool ports_differ(const struct topology_node *a, const struct topology_node *b)
{
	if (a->port_count != b->port_count)
		return true;
	for (unsigned i = 0; i < a->port_count; i++)
		if (strcmp(a->ports[i].name, b->ports[i].name) != 0 ||
		    !topology_same_port(&a->ports[i], &b->ports[i]))
			return true;
	return false;
}

static int plan_node(struct plan *p, unsigned i)
{
	const struct topology_node *spec = &p->topology->nodes[i];
	struct plan_node *pn = &p->nodes[i];
	char why[TOPOLOGY_WHY_MAX];
	struct nics nics;

	pn->node = vnet_goes_on(p->vnet, spec, &nics, why);
	if (!pn->node) {
		pn->node = node_create(p->vnet, spec);
		p->list[i] = pn->node;
		return pn->node ? 0 : -ENOMEM;
	}
	p->list[i] = pn->node;
	pn->changes = ports_differ(pn->node->spec, spec);
	pn->ports = ports_create(spec);
	pn->nics = pn->node->router ? malloc(sizeof(nics)) : NULL;
	if (pn->nics)
		*pn->nics = nics;
	return pn->ports && (!pn->node->router || pn->nics) ? 0 : -ENOMEM;
}

static int plan_links(struct plan *p)
{
	const struct topology *t = p->topology;

	for (unsigned i = 0; i < t->link_count; i++) {
		struct link *l = &p->links[i];
		char end[2][TOPOLOGY_END_MAX];

		l->spec = &t->links[i];
		topology_end(t, l->spec, 0, end[0]);
		topology_end(t, l->spec, 1, end[1]);
		snprintf(l->name, sizeof(l->name), "%s,%s", end[0], end[1]);
		topology_link_key(t, l->spec, l->key);
		if (hash_map_set(p->by_key, l->key, l) < 0)
			return -ENOMEM;
	}
	return 0;
}

void plan_done(struct plan *p)
{
	for (unsigned i = 0; p->nodes && i < p->topology->node_count; i++) {
		free(p->nodes[i].ports);
		free(p->nodes[i].nics);
	}
	free(p->nodes);
	free(p->list);
	free(p->links);
	free(p->old);
	hash_map_destroy(p->by_key);
}

void plan_free(struct plan *p)
{
	for (unsigned i = 0; p->nodes && i < p->topology->node_count; i++)
		if (p->nodes[i].node && p->nodes[i].node->spec == &p->topology->nodes[i])
			vnet_node_free(p->nodes[i].node);
	plan_done(p);
	topology_free(p->topology);
}

int plan_init(struct plan *p, struct vnet *v, struct topology *t, struct err *err)
{
	int code = -ENOMEM;

	*p = (struct plan){ .vnet = v, .topology = t };
	p->nodes = calloc(t->node_count + 1, sizeof(*p->nodes));
	p->list = calloc(t->node_count + 1, sizeof(*p->list));
	p->links = calloc(t->link_count + 1, sizeof(*p->links));
	p->old = calloc(1, sizeof(*p->old));
	p->by_key = hash_map_create(TOPOLOGY_LINK_MAX);
	if (p->nodes && p->list && p->links && p->old && p->by_key)
		code = plan_links(p);
	for (unsigned i = 0; !code && i < t->node_count; i++)
		code = plan_node(p, i);
	if (!code)
		return 0;
	err_sys(err, code, "%s", t->name);
	plan_free(p);
	return code;
}

struct plan_node *plan_find(const struct plan *p, const struct node *n)
{
	const struct topology_node *is = topology_find(p->topology, n->spec->name);
	struct plan_node *pn = is ? &p->nodes[is - p->topology->nodes] : NULL;

	return pn && pn->node == n ? pn : NULL;
}

bool plan_keeps_link(const struct plan *p, const struct link *l)
{
	return hash_map_find(p->by_key, l->key) != NULL;
}

/* A link that has risen stays so, unless a node of it is made anew. */
static int plan_risen(struct plan *p, struct link *l, struct err *err)
{
	struct vnet *v = p->vnet;
	struct store *s = v->daemon->store;
	bool stays = p->restored || (p->nodes[l->spec->node[0]].ports && p->nodes[l->spec->node[1]].ports);

	l->risen = store_link_is(s, STORE_LINK_RISEN, v->id, l->key);
	if (stays || !l->risen)
		return 0;
	l->risen = false;
	return store_link_set(s, STORE_LINK_RISEN, v->id, l->key, false, err);
}

/* What goes, before anything comes, since its names may be given again. */
static void plan_ids_del(struct plan *p)
{
	struct vnet *v = p->vnet;
	struct store *s = v->daemon->store;

	for (unsigned i = 0; v->topology && i < v->topology->node_count; i++)
		if (!plan_find(p, v->nodes[i]))
			ids_del(v->nodes[i]);
	for (unsigned i = 0; v->topology && i < v->topology->link_count; i++) {
		const char *key = v->links[i].key;

		if (plan_keeps_link(p, &v->links[i]))
			continue;
		store_link_set(s, STORE_LINK_DOWN, v->id, key, false, NULL);
		store_link_set(s, STORE_LINK_RISEN, v->id, key, false, NULL);
		for (int end = 0; end < 2; end++)
			store_link_impair_put(s, v->id, key, end, NULL, NULL);
		store_id_del(s, STORE_LINK, v->id, key);
	}
}

static int plan_ids(struct plan *p, struct err *err)
{
	struct vnet *v = p->vnet;
	struct store *s = v->daemon->store;
	int code = 0;

	err_set(err, -EIO, "the state cannot be written; the log says more"); /* unless somebody knows better */
	plan_ids_del(p);
	for (unsigned i = 0; !code && i < p->topology->node_count; i++)
		code = p->nodes[i].ports ? ids_change(&p->nodes[i], &p->topology->nodes[i], err) :
					   ids_add(p->nodes[i].node);
	for (unsigned i = 0; !code && i < p->topology->link_count; i++) {
		struct link *l = &p->links[i];

		code = plan_risen(p, l, err);
		l->id = store_id(s, STORE_LINK, v->id, l->key);
		l->down = store_link_is(s, STORE_LINK_DOWN, v->id, l->key);
		l->told = v->topology != NULL;
		vnet_impair_restore(v, l, p->topology->name);
		if (!l->id)
			code = -EIO;
	}
	return code ? -EIO : 0;
}

int plan_store(struct plan *p, const struct store_vnet *wish, struct err *err)
{
	struct store *store = p->vnet->daemon->store;
	int code = store_begin(store, err);

	if (code)
		return code;
	if (!p->vnet->id)
		p->vnet->id = store_id(store, STORE_VNET, 0, p->topology->name);
	if (!p->vnet->id)
		code = err_set(err, -EIO, "state: %s", store_trouble(store));
	if (!code && wish)
		code = store_vnet_put(store, p->vnet->id, wish->name, wish->file, wish->topology, wish->files,
				      err);
	if (!code && wish && p->vnet->owner)
		code = store_owner_put(store, p->vnet->id, p->vnet->owner, err);
	if (!code)
		code = plan_ids(p, err);
	if (!code)
		return store_commit(store, err);
	store_rollback(store);
	if (store_trouble(store))
		err_set(err, code, "state: %s", store_trouble(store));
	return code;
}
