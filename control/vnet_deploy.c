/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From a topology to a running vnet. Deploying compares: a node that is the same in the old and
 * the new topology is not touched, one that differs is taken out and made anew under new ids.
 *
 * What can fail comes first: memory, then the store, in one transaction with the ids. A weftd that
 * is killed in between leaves either the old wish, or the new one and guests without an id, which
 * the next weftd ends (sweep.h). Doing it cannot fail but node by node, and each says why.
 */
#include "control/admission.h"
#include "control/engine.h"
#include "control/router.h"
#include "control/store.h"
#include "control/vnet_impair.h"
#include "control/vnet_news.h"
#include "control/vnet_priv.h"
#include "control/vnet_sleep.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct plan {
	struct vnet *vnet;
	struct topology *topology; /* taken when it is carried out */
	struct node **nodes;	   /* those that stay, and new ones */
	struct link *links;
	struct retired_topology *old;
	bool restored; /* by a new weftd: all nodes are as they were */
};

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
}

static int ids_add(struct node *n)
{
	struct store *s = n->vnet->daemon->store;
	char name[64];

	for (unsigned i = 0; i < n->spec->port_count; i++) {
		port_name(n->spec, &n->spec->ports[i], name);
		n->ports[i].id = store_id(s, STORE_PORT, n->vnet->id, name);
		if (!n->ports[i].id)
			return -EIO;
	}
	n->id = store_id(s, STORE_NODE, n->vnet->id, n->spec->name);
	return n->id ? 0 : -EIO;
}

static struct node *node_create(struct vnet *v, const struct topology_node *spec)
{
	struct node *n = calloc(1, sizeof(*n));

	if (!n)
		return NULL;
	n->spec = spec;
	n->vnet = v;
	n->ports = calloc(spec->port_count + 1, sizeof(*n->ports));
	if (!n->ports) {
		vnet_node_free(n);
		return NULL;
	}
	for (unsigned i = 0; i < spec->port_count; i++)
		n->ports[i].spec = &spec->ports[i];
	return n;
}

static void adopt_node(struct node *n, const struct topology_node *spec)
{
	n->spec = spec;
	for (unsigned i = 0; i < spec->port_count; i++)
		n->ports[i].spec = &spec->ports[i];
}

static void name_links(struct link *links, const struct topology *t)
{
	for (unsigned i = 0; i < t->link_count; i++) {
		const struct topology_link *spec = &t->links[i];
		char end[2][64];

		for (int e = 0; e < 2; e++)
			port_name(&t->nodes[spec->node[e]], &t->nodes[spec->node[e]].ports[spec->port[e]],
				  end[e]);
		links[i].spec = spec;
		snprintf(links[i].name, sizeof(links[i].name), "%s,%s", end[0], end[1]);
	}
}

/* Of a plan that is not carried out, or what is left of one that was. */
static void plan_free(struct plan *p)
{
	for (unsigned i = 0; p->nodes && i < p->topology->node_count; i++)
		if (p->nodes[i] && p->nodes[i]->spec == &p->topology->nodes[i])
			vnet_node_free(p->nodes[i]);
	free(p->nodes);
	free(p->links);
	free(p->old);
	topology_free(p->topology);
}

/* Takes t, also when it fails. */
static int plan_init(struct plan *p, struct vnet *v, struct topology *t, struct err *err)
{
	*p = (struct plan){ .vnet = v, .topology = t };
	p->nodes = calloc(t->node_count + 1, sizeof(*p->nodes));
	p->links = calloc(t->link_count + 1, sizeof(*p->links));
	p->old = calloc(1, sizeof(*p->old));
	if (!p->nodes || !p->links || !p->old)
		goto no_memory;
	name_links(p->links, t);
	for (unsigned i = 0; i < t->node_count; i++) {
		p->nodes[i] = vnet_find_same(v, &t->nodes[i]);
		if (!p->nodes[i])
			p->nodes[i] = node_create(v, &t->nodes[i]);
		if (!p->nodes[i])
			goto no_memory;
	}
	return 0;
no_memory:
	err_sys(err, -ENOMEM, "%s", t->name);
	plan_free(p);
	return -ENOMEM;
}

static bool node_stays(const struct plan *p, const struct node *n)
{
	for (unsigned i = 0; i < p->topology->node_count; i++)
		if (p->nodes[i] == n)
			return true;
	return false;
}

static bool link_stays(const struct plan *p, const struct link *l)
{
	for (unsigned i = 0; i < p->topology->link_count; i++)
		if (!strcmp(p->links[i].name, l->name))
			return true;
	return false;
}

/* A link that has risen stays so, unless a node of it is made anew. */
static int plan_risen(struct plan *p, struct link *l, struct err *err)
{
	struct vnet *v = p->vnet;
	struct store *s = v->daemon->store;
	bool stays = p->restored || (p->nodes[l->spec->node[0]]->id && p->nodes[l->spec->node[1]]->id);

	l->risen = store_link_is(s, STORE_LINK_RISEN, v->id, l->name);
	if (stays || !l->risen)
		return 0;
	l->risen = false;
	return store_link_set(s, STORE_LINK_RISEN, v->id, l->name, false, err);
}

/* Ids: first out with what does not stay, since its names may be given again. */
static int plan_ids(struct plan *p, struct err *err)
{
	struct vnet *v = p->vnet;
	struct store *s = v->daemon->store;

	for (unsigned i = 0; v->topology && i < v->topology->node_count; i++)
		if (!node_stays(p, v->nodes[i]))
			ids_del(v->nodes[i]);
	for (unsigned i = 0; v->topology && i < v->topology->link_count; i++) {
		if (link_stays(p, &v->links[i]))
			continue;
		store_link_set(s, STORE_LINK_DOWN, v->id, v->links[i].name, false, NULL);
		store_link_set(s, STORE_LINK_RISEN, v->id, v->links[i].name, false, NULL);
		for (int end = 0; end < 2; end++)
			store_link_impair_put(s, v->id, v->links[i].name, end, NULL, NULL);
		store_id_del(s, STORE_LINK, v->id, v->links[i].name);
	}
	for (unsigned i = 0; i < p->topology->link_count; i++)
		if (plan_risen(p, &p->links[i], err) < 0)
			return -EIO;
	for (unsigned i = 0; i < p->topology->node_count; i++)
		if (!p->nodes[i]->id && ids_add(p->nodes[i]) < 0)
			return err_set(err, -EIO, "the state cannot be written; the log says more");
	for (unsigned i = 0; i < p->topology->link_count; i++) {
		p->links[i].id = store_id(s, STORE_LINK, v->id, p->links[i].name);
		p->links[i].down = store_link_is(s, STORE_LINK_DOWN, v->id, p->links[i].name);
		p->links[i].told = v->topology != NULL;
		vnet_impair_restore(v, &p->links[i]);
		if (!p->links[i].id)
			return err_set(err, -EIO, "the state cannot be written; the log says more");
	}
	return 0;
}

/* Makes the vnet be as planned; takes everything of the plan. */
static void plan_carry_out(struct plan *p)
{
	struct vnet *v = p->vnet;
	struct topology *t = p->topology;

	for (unsigned i = 0; v->topology && i < v->topology->link_count; i++) {
		struct dp_id rec = { .id = v->links[i].id };

		if (!link_stays(p, &v->links[i]))
			engine_send(v->daemon->engine, DP_LINK_DEL, &rec, sizeof(rec), -1);
	}
	for (unsigned i = 0; v->topology && i < v->topology->node_count; i++)
		if (!node_stays(p, v->nodes[i]))
			vnet_retire(v->nodes[i]);
	for (unsigned i = 0; i < t->node_count; i++)
		adopt_node(p->nodes[i], &t->nodes[i]);
	p->old->topology = v->topology;
	if (v->topology)
		SLIST_INSERT_HEAD(&v->retired, p->old, entry);
	else
		free(p->old);
	free(v->nodes);
	free(v->links);
	v->nodes = p->nodes;
	v->links = p->links;
	v->topology = t;
	vnet_free_retired(v);
	vnet_program(v);
	vnet_make(v, p->restored);
}

static struct vnet *vnet_create(struct weftd *d)
{
	struct vnet *v = calloc(1, sizeof(*v));

	if (!v)
		return NULL;
	v->daemon = d;
	TAILQ_INIT(&v->leaving);
	SLIST_INIT(&v->retired);
	SLIST_INIT(&v->waiters);
	clock_gettime(CLOCK_MONOTONIC, &v->since);
	if (vnet_make_init(v) == 0 && vnet_rise_init(v) == 0 && vnet_news_init(v) == 0)
		return v;
	vnet_free(v);
	return NULL;
}

/* The wish and its ids, in one transaction. s: NULL when the store has the wish already. */
static int plan_store(struct plan *p, const struct store_vnet *s, struct err *err)
{
	struct store *store = p->vnet->daemon->store;
	int code = store_begin(store, err);

	if (code)
		return code;
	if (!p->vnet->id)
		p->vnet->id = store_id(store, STORE_VNET, 0, p->topology->name);
	if (!p->vnet->id)
		code = err_set(err, -EIO, "the state cannot be written; the log says more");
	if (!code && s)
		code = store_vnet_put(store, p->vnet->id, s->name, s->file, s->topology, s->files, err);
	if (!code)
		code = plan_ids(p, err);
	if (!code)
		return store_commit(store, err);
	store_rollback(store);
	return code;
}

/* From t, which is taken, to a vnet that runs. */
static int realise(struct vnet *v, struct topology *t, const char *file,
		   const struct store_vnet *wish, struct err *err)
{
	char *copy = strdup(file);
	struct plan plan;
	int code;

	if (!copy) {
		topology_free(t);
		return err_sys(err, -ENOMEM, "%s", file);
	}
	code = plan_init(&plan, v, t, err);
	if (!code) {
		plan.restored = !wish;
		code = plan_store(&plan, wish, err);
		if (code)
			plan_free(&plan);
	}
	if (code) {
		free(copy);
		return code;
	}
	free(v->file);
	v->file = copy;
	plan_carry_out(&plan);
	return 0;
}

int vnet_deploy(struct weftd *d, const char *name, const char *file, const char *text,
		const char *files, struct vnet **out, struct err *err)
{
	struct store_vnet wish = { .name = name, .file = file, .topology = text, .files = files };
	struct vnet *v = vnet_find(d, name), *fresh = NULL;
	struct topology *t;
	int code = vnet_load(d->images, name, file, text, files, &t, err);

	if (code)
		return code;
	if (v && v->destroying)
		code = err_set(err, -EBUSY, "vnet %s is being destroyed: wait and deploy again", name);
	if (!code && v)
		code = vnet_check_awake(v, err);
	if (!code)
		code = admission_check(d, t, v, err);
	if (!code && !v) {
		v = fresh = vnet_create(d);
		code = v ? 0 : err_sys(err, -ENOMEM, "%s", name);
	}
	if (code) {
		topology_free(t);
		return code;
	}
	engine_start(d->engine);
	code = realise(v, t, file, &wish, err);
	if (code) {
		if (fresh)
			vnet_free(fresh);
		return code;
	}
	if (fresh)
		TAILQ_INSERT_TAIL(&d->vnets, fresh, entry);
	vnet_event(v, "vnet", NULL, "deployed", file);
	*out = v;
	return 0;
}

int vnet_restore(struct weftd *d, uint32_t id, const char *name, const char *file,
		 const char *text, const char *files, struct err *err)
{
	struct topology *t;
	struct vnet *v;
	int code = vnet_load(d->images, name, file, text, files, &t, err);

	if (code)
		return code;
	v = vnet_create(d);
	if (!v) {
		topology_free(t);
		return err_sys(err, -ENOMEM, "%s", name);
	}
	v->id = id;
	v->mode = store_mode(d->store, id);
	code = realise(v, t, file, NULL, err);
	if (code) {
		vnet_free(v);
		return code;
	}
	TAILQ_INSERT_TAIL(&d->vnets, v, entry);
	return 0;
}
