/* SPDX-License-Identifier: Apache-2.0 */
#include "control/vnet.h"

#include "base/log.h"
#include "control/capture.h"
#include "control/engine.h"
#include "control/host.h"
#include "control/physical.h"
#include "control/router.h"
#include "control/store.h"
#include "control/vnet_news.h"
#include "control/vnet_priv.h"
#include "control/vnet_sleep.h"

#include <errno.h>
#include <event2/event.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct vnet *vnet_find(struct weftd *d, const char *name)
{
	struct vnet *v;

	TAILQ_FOREACH (v, &d->vnets, entry)
		if (!strcmp(v->topology->name, name))
			return v;
	return NULL;
}

struct node *vnet_node(struct vnet *v, const char *name)
{
	for (unsigned i = 0; i < v->topology->node_count; i++)
		if (!strcmp(v->nodes[i]->spec->name, name))
			return v->nodes[i];
	return NULL;
}

struct port *vnet_end(const struct vnet *v, const struct link *l, int end, struct node **node)
{
	struct node *n = v->nodes[l->spec->node[end]];

	if (node)
		*node = n;
	return &n->ports[l->spec->port[end]];
}

bool link_is_end(const struct link *l, int end, const char *name, size_t len)
{
	const char *comma = strchr(l->name, ','), *at = end ? comma + 1 : l->name;
	size_t size = end ? strlen(at) : (size_t)(comma - at);

	return size == len && !memcmp(at, name, len);
}

struct link *vnet_link(struct vnet *v, const char *end)
{
	size_t len = strlen(end);

	for (unsigned i = 0; i < v->topology->link_count; i++) {
		struct link *l = &v->links[i];

		if (!strcmp(l->name, end) || link_is_end(l, 0, end, len) || link_is_end(l, 1, end, len))
			return l;
	}
	return NULL;
}

bool vnet_carrier(const struct vnet *v, const struct port *p)
{
	const struct link *l = &v->links[p->spec->link];
	struct node *n;
	struct port *peer = vnet_end(v, l, 0, &n);

	if (peer == p)
		peer = vnet_end(v, l, 1, &n);
	if (n->spec->kind == TOPOLOGY_PHYSICAL && !physical_carrier(v->daemon->physical, peer))
		return false;
	return l->risen && !l->down && (!n->router || router_port_up(n->router, (unsigned)(peer - n->ports)));
}

/* Tells the node behind the port whether its cable is live. */
static void update_carrier(struct node *n, struct port *p)
{
	unsigned i = (unsigned)(p - n->ports);
	bool up = vnet_carrier(n->vnet, p);

	if (n->router)
		router_set_carrier(n->router, i, up);
	else if (n->host)
		host_set_carrier(n->host, i, up);
}

void vnet_update_carriers(struct vnet *v, const struct link *l)
{
	for (int end = 0; end < 2; end++) {
		struct node *n;
		struct port *p = vnet_end(v, l, end, &n);

		update_carrier(n, p);
	}
}

void vnet_port_changed(struct node *n, unsigned port)
{
	struct vnet *v = n->vnet;

	if (v->destroying || n->retired)
		return;
	vnet_update_carriers(v, &v->links[n->ports[port].spec->link]);
	vnet_news(v);
}

int vnet_set_link(struct vnet *v, struct link *l, bool up, struct err *err)
{
	int code = store_link_set(v->daemon->store, STORE_LINK_DOWN, v->id, l->key, !up, err);

	if (code)
		return code;
	l->down = !up;
	vnet_program_link(v, l);
	vnet_update_carriers(v, l);
	vnet_news_now(v);
	return 0;
}

/* Ends what the node runs; true when nothing is left of it. */
static bool node_end(struct node *n)
{
	if (n->host)
		host_destroy(n->host);
	n->host = NULL;
	if (!n->router)
		return true;
	router_stop(n->router);
	return router_stopped(n->router);
}

void vnet_node_free(struct node *n)
{
	if (n->router)
		router_destroy(n->router);
	if (n->host)
		host_detach(n->host);
	free(n->ports);
	free(n);
}

void vnet_retire(struct node *n)
{
	struct vnet *v = n->vnet;
	struct dp_id rec = { .id = n->id };

	n->retired = true;
	engine_send(v->daemon->engine, DP_NODE_DEL, &rec, sizeof(rec), -1);
	if (node_end(n))
		vnet_node_free(n);
	else
		TAILQ_INSERT_TAIL(&v->leaving, n, entry);
}

void vnet_free_retired(struct vnet *v)
{
	struct retired_topology *r;

	while (TAILQ_EMPTY(&v->leaving) && (r = SLIST_FIRST(&v->retired))) {
		SLIST_REMOVE_HEAD(&v->retired, entry);
		topology_free(r->topology);
		free(r);
	}
}

void vnet_free(struct vnet *v)
{
	struct waiter *w;

	vnet_sleep_cancel(v, "weftd ends; the next one goes on with it as it was");
	/* Of a weftd that ends: nobody hears of it any more. */
	while ((w = SLIST_FIRST(&v->waiters))) {
		SLIST_REMOVE_HEAD(&v->waiters, entry);
		free(w);
	}
	for (unsigned i = 0; v->topology && v->nodes && i < v->topology->node_count; i++)
		if (v->nodes[i])
			vnet_node_free(v->nodes[i]);
	free(v->nodes);
	free(v->links);
	topology_free(v->topology);
	vnet_free_retired(v);
	if (v->making)
		event_free(v->making);
	if (v->patience)
		event_free(v->patience);
	vnet_news_fini(v);
	if (v->settling)
		event_free(v->settling);
	free(v->file);
	free(v);
}

/* Everything has ended: forget the vnet and tell who asked. */
static void finish_destroy(struct vnet *v)
{
	struct waiter_list waiters = v->waiters;
	struct waiter *w;
	struct err err;

	for (unsigned i = 0; i < v->topology->node_count; i++)
		if (v->nodes[i]->router && !router_stopped(v->nodes[i]->router))
			return;
	if (!TAILQ_EMPTY(&v->leaving))
		return;
	if (store_vnet_forget_ending(v->daemon->store, &err) < 0)
		log_error("%s: %s", v->topology->name, err.text);
	log_info("%s: destroyed", v->topology->name);
	vnet_event(v, "vnet", NULL, "destroyed", NULL);
	TAILQ_REMOVE(&v->daemon->vnets, v, entry);
	SLIST_INIT(&v->waiters);
	vnet_free(v);
	while ((w = SLIST_FIRST(&waiters))) {
		SLIST_REMOVE_HEAD(&waiters, entry);
		w->done(w->arg);
		free(w);
	}
}

int vnet_destroy(struct vnet *v, void (*done)(void *arg), void *arg, struct err *err)
{
	struct dp_id rec = { .id = v->id };
	struct waiter *w = malloc(sizeof(*w));
	int code;

	if (!w)
		return err_sys(err, -ENOMEM, "%s", v->topology->name);
	code = store_vnet_end(v->daemon->store, v->topology->name, err);
	if (code) {
		free(w);
		return code;
	}
	*w = (struct waiter){ .done = done, .arg = arg };
	SLIST_INSERT_HEAD(&v->waiters, w, entry);
	if (v->destroying)
		return 0;
	v->destroying = true;
	event_del(v->making);
	event_del(v->patience);
	event_del(v->settling);
	vnet_sleep_cancel(v, "it is being destroyed");
	vnet_news_now(v);
	engine_send(v->daemon->engine, DP_VNET_DEL, &rec, sizeof(rec), -1);
	captures_vnet_gone(v->daemon->captures, v->id);
	physical_changed(v->daemon->physical);
	for (unsigned i = 0; i < v->topology->node_count; i++)
		node_end(v->nodes[i]);
	finish_destroy(v);
	return 0;
}

void vnet_node_ended(struct node *n)
{
	struct vnet *v = n->vnet;
	struct node *l;

	TAILQ_FOREACH (l, &v->leaving, entry) {
		if (l == n) {
			TAILQ_REMOVE(&v->leaving, n, entry);
			vnet_node_free(n);
			vnet_free_retired(v);
			break;
		}
	}
	if (v->destroying)
		finish_destroy(v);
}

void vnet_detach(struct vnet *v)
{
	TAILQ_REMOVE(&v->daemon->vnets, v, entry);
	vnet_free(v);
}
