/* SPDX-License-Identifier: Apache-2.0 */
/*
 * When links rise. A link has no carrier until both ends are ready and no other router of the vnet
 * is on its first way up: neighbours that come one by one make link-state protocols flood and
 * calculate each time (0.8 CPU s a router were measured for OSPF), so all links of a deploy rise
 * together. A router that fails, or that takes too long, holds up its own links alone.
 *
 * A link that has risen stays so: the engine forwards through a router whose guest has ended. The
 * engine itself has the link from the beginning: a first hello is not to come before its record.
 */
#include "base/log.h"
#include "control/router.h"
#include "control/store.h"
#include "control/vnet_news.h"
#include "control/vnet_priv.h"

#include <errno.h>
#include <event2/event.h>

/* Without a router of the vnet being started for the first time or becoming ready. */
#define RISE_PATIENCE_S 60
/* A port that is on another link than before has no carrier for so long: a guest's kernel looks at it
 * when it gets to it, and would not see less. */
#define RISE_SETTLE_MS 300

static bool node_was_ready(const struct node *n)
{
	return n->router ? router_was_ready(n->router) :
			   n->host || n->spec->kind == TOPOLOGY_BRIDGE ||
				       n->spec->kind == TOPOLOGY_PHYSICAL;
}

static bool some_on_their_way(const struct vnet *v)
{
	if (v->made < v->topology->node_count || event_pending(v->settling, EV_TIMEOUT, NULL))
		return true;
	for (unsigned i = 0; i < v->topology->node_count; i++)
		if (v->nodes[i]->router && router_on_its_way(v->nodes[i]->router))
			return true;
	return false;
}

/* After the carriers: a weftd that is killed in between raises them once more. */
static void remember(struct vnet *v, const struct link *l)
{
	struct err err;

	if (store_link_set(v->daemon->store, STORE_LINK_RISEN, v->id, l->key, true, &err) < 0)
		log_warn("%s: %s", v->topology->name, err.text);
}

void vnet_remember(struct vnet *v)
{
	for (unsigned i = 0; i < v->topology->link_count; i++)
		if (v->links[i].risen)
			remember(v, &v->links[i]);
	for (unsigned i = 0; i < v->topology->node_count; i++)
		if (v->nodes[i]->router)
			router_remember(v->nodes[i]->router);
}

static void raise_links(struct vnet *v)
{
	unsigned count = 0;
	struct err err;
	int begun = -1;

	for (unsigned i = 0; i < v->topology->link_count; i++) {
		struct link *l = &v->links[i];

		if (l->risen || !node_was_ready(v->nodes[l->spec->node[0]]) ||
		    !node_was_ready(v->nodes[l->spec->node[1]]))
			continue;
		l->risen = true;
		vnet_update_carriers(v, l);
		if (!count++)
			begun = store_begin(v->daemon->store, &err);
		remember(v, l);
	}
	if (!begun && store_commit(v->daemon->store, &err) < 0)
		log_warn("%s: %s", v->topology->name, err.text);
	if (!count)
		return;
	log_info("%s: %u links rise", v->topology->name, count);
	vnet_news(v);
}

/* Raises what may rise, or waits on; progress: as long as ever. */
static void rise(struct vnet *v, bool progress)
{
	static const struct timeval patience = { .tv_sec = RISE_PATIENCE_S };

	if (!some_on_their_way(v)) {
		event_del(v->patience);
		raise_links(v);
	} else if (progress || !event_pending(v->patience, EV_TIMEOUT, NULL)) {
		event_add(v->patience, &patience);
	}
}

static void on_patience(evutil_socket_t fd, short what, void *arg)
{
	struct vnet *v = arg;

	for (unsigned i = 0; i < v->topology->node_count; i++)
		if (v->nodes[i]->router)
			router_forget_late(v->nodes[i]->router);
	rise(v, true);
}

static void on_settled(evutil_socket_t fd, short what, void *arg)
{
	rise(arg, true);
}

int vnet_rise_init(struct vnet *v)
{
	v->patience = evtimer_new(v->daemon->base, on_patience, v);
	v->settling = evtimer_new(v->daemon->base, on_settled, v);
	return v->patience && v->settling ? 0 : -ENOMEM;
}

void vnet_rise_begin(struct vnet *v)
{
	static const struct timeval settle = { .tv_usec = RISE_SETTLE_MS * 1000 };

	/* A node that was there before may have a port on a link that is new. */
	for (unsigned i = 0; i < v->topology->link_count; i++)
		if (!v->links[i].risen)
			vnet_update_carriers(v, &v->links[i]);
	if (v->replugged)
		event_add(v->settling, &settle);
	v->replugged = false;
	rise(v, true);
}

void vnet_router_moved(struct node *n, bool progress)
{
	struct vnet *v = n->vnet;

	if (!v->destroying && !n->retired)
		rise(v, progress);
}
