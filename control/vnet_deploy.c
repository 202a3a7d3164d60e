/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From a topology to a running vnet. Deploying compares: a node that is the same in the old and
 * the new topology is not touched, nor are its links; one that has other ports gets them while it
 * runs; one that differs in what cannot change is taken out and made anew under new ids.
 *
 * What can fail comes first: memory, then the store, in one transaction with the ids. A weftd that
 * is killed in between leaves either the old wish, or the new one and guests without an id, which
 * the next weftd ends (sweep.h). Doing it cannot fail but node by node, and each says why.
 */
#include "control/admission.h"
#include "control/engine.h"
#include "control/host.h"
#include "control/physical.h"
#include "control/quota.h"
#include "control/router.h"
#include "control/store.h"
#include "control/vnet_news.h"
#include "control/vnet_plan.h"
#include "control/vnet_sleep.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void send_del(struct vnet *v, uint16_t op, uint32_t id)
{
	struct dp_id rec = { .id = id };

	engine_send(v->daemon->engine, op, &rec, sizeof(rec), -1);
}

/* Links, ports and nodes that are no more. */
static void take_away(struct plan *p)
{
	struct vnet *v = p->vnet;

	for (unsigned i = 0; i < v->topology->link_count; i++)
		if (!plan_keeps_link(p, &v->links[i]))
			send_del(v, DP_LINK_DEL, v->links[i].id);
	for (unsigned i = 0; i < v->topology->node_count; i++) {
		struct node *n = v->nodes[i];
		struct plan_node *pn = plan_find(p, n);
		const struct topology_node *is = pn ? topology_find(p->topology, n->spec->name) : NULL;

		if (!pn)
			vnet_retire(n);
		else if (pn->changes && n->router)
			router_unplug(n->router, pn->nics);
		for (unsigned k = 0; pn && k < n->spec->port_count; k++)
			if (!topology_port(is, n->spec->ports[k].name))
				send_del(v, DP_PORT_DEL, n->ports[k].id);
	}
}

/* A node that goes on becomes the new topology's; its vnet is that already. */
static void adopt_node(struct plan_node *pn, const struct topology_node *spec)
{
	struct node *n = pn->node;
	const struct topology_node *was = n->spec;

	free(n->ports);
	n->spec = spec;
	n->ports = pn->ports;
	pn->ports = NULL;
	if (pn->changes && n->router)
		router_plug(n->router, pn->nics);
	else if (pn->changes && n->host)
		host_change(n->host, was);
}

/* Makes the vnet be as planned; takes what of the plan it needs. */
static void plan_carry_out(struct plan *p)
{
	struct vnet *v = p->vnet;
	struct topology *t = p->topology, *was = v->topology;

	if (was)
		take_away(p);
	free(v->nodes);
	free(v->links);
	v->nodes = p->list;
	v->links = p->links;
	v->topology = t;
	v->replugged = was != NULL;
	for (unsigned i = 0; i < t->node_count; i++)
		if (p->nodes[i].ports)
			adopt_node(&p->nodes[i], &t->nodes[i]);
	if (was) {
		p->old->topology = was;
		SLIST_INSERT_HEAD(&v->retired, p->old, entry);
		p->old = NULL;
	}
	p->list = NULL;
	p->links = NULL;
	vnet_free_retired(v);
	vnet_program(v);
	physical_changed(v->daemon->physical);
	vnet_make(v, p->restored);
}

static struct vnet *vnet_create(struct weftd *d, uint32_t owner)
{
	struct vnet *v = calloc(1, sizeof(*v));
	struct store_user u;

	if (!v)
		return NULL;
	v->daemon = d;
	v->owner = owner;
	if (owner && store_user_by_id(d->store, owner, &u))
		memcpy(v->owner_name, u.name, sizeof(v->owner_name));
	TAILQ_INIT(&v->leaving);
	SLIST_INIT(&v->retired);
	SLIST_INIT(&v->waiters);
	clock_gettime(CLOCK_MONOTONIC, &v->since);
	if (vnet_make_init(v) == 0 && vnet_rise_init(v) == 0 && vnet_news_init(v) == 0)
		return v;
	vnet_free(v);
	return NULL;
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
	plan_done(&plan);
	return 0;
}

/* The name of whose the vnet is, or is to be; NULL: the operator's. */
static const char *owner_of(struct weftd *d, const struct store_vnet *wish, const struct vnet *v,
			    struct store_user *u)
{
	if (v)
		return v->owner ? v->owner_name : NULL;
	return wish->owner && store_user_by_id(d->store, wish->owner, u) ? u->name : NULL;
}

/* What a client wants, if it can be. *v: NULL when there is no such vnet yet. */
static int judge(struct weftd *d, const struct store_vnet *wish, struct vnet **v, struct topology **t,
		 struct err *err)
{
	struct store_user owner;
	int code = vnet_load(d->images, wish->name, wish->file, wish->topology, wish->files, t, err);

	if (code)
		return code;
	*v = vnet_find(d, wish->name);
	if (*v && (*v)->destroying)
		code = err_set(err, -EBUSY, "vnet %s is being destroyed: wait and deploy again", wish->name);
	if (!code && *v && wish->owner && wish->owner != (*v)->owner)
		code = err_set(err, -EEXIST, "vnet %s is there and is %s%s: a vnet keeps its owner until it is "
			       "destroyed", wish->name, (*v)->owner ? "of " : "the operator's",
			       (*v)->owner_name);
	if (!code && *v)
		code = vnet_check_awake(*v, err);
	if (!code)
		code = quota_check(d, *v ? (*v)->owner : wish->owner, *t, *v, err);
	if (!code)
		code = admission_check(d, *t, *v, err);
	if (!code)
		code = physical_check(d, *t, wish->file, *v, owner_of(d, wish, *v, &owner), err);
	if (code)
		topology_free(*t);
	return code;
}

int vnet_dry_run(struct weftd *d, const struct store_vnet *wish, json_t **out, struct err *err)
{
	struct topology *t;
	struct vnet *v;
	int code = judge(d, wish, &v, &t, err);

	if (code)
		return code;
	*out = plan_json(v, t);
	topology_free(t);
	return *out ? 0 : err_sys(err, -ENOMEM, "%s", wish->name);
}

int vnet_deploy(struct weftd *d, const struct store_vnet *wish, struct vnet **out, struct err *err)
{
	struct vnet *v, *fresh = NULL;
	struct topology *t;
	int code = judge(d, wish, &v, &t, err);

	if (code)
		return code;
	if (!v) {
		v = fresh = vnet_create(d, wish->owner);
		if (!v) {
			topology_free(t);
			return err_sys(err, -ENOMEM, "%s", wish->name);
		}
	}
	engine_start(d->engine);
	code = realise(v, t, wish->file, wish, err);
	if (code) {
		if (fresh)
			vnet_free(fresh);
		return code;
	}
	if (fresh)
		TAILQ_INSERT_TAIL(&d->vnets, fresh, entry);
	vnet_event(v, "vnet", NULL, "deployed", wish->file);
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
	v = vnet_create(d, store_owner(d->store, id));
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
