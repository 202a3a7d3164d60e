/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From nodes to hosts and routers. Making one takes milliseconds (5 a host, 1.5 a router), and there
 * may be 1024 of them: the daemon makes some, hears what clients want, and goes on.
 */
#include "base/clock.h"
#include "base/log.h"
#include "control/host.h"
#include "control/router.h"
#include "control/vnet_news.h"
#include "control/vnet_priv.h"

#include <errno.h>
#include <event2/event.h>
#include <stdio.h>

#define MAKE_TURN_MS 20

static void make_node(struct node *n)
{
	struct err err;
	int code = 0;

	if (n->spec->kind == TOPOLOGY_ROUTER && !n->router)
		code = router_create(n, &n->router, &err);
	else if (n->spec->kind == TOPOLOGY_HOST && !n->host)
		code = host_create(n, &n->host, &err);
	n->error[0] = 0;
	if (!code)
		return;
	snprintf(n->error, sizeof(n->error), "%.255s", err.text);
	log_error("%s/%s: %s", n->vnet->topology->name, n->spec->name, n->error);
}

static void make_some(struct vnet *v, uint64_t end_ms)
{
	static const struct timeval at_once = { 0 };

	while (v->made < v->topology->node_count) {
		struct node *n = v->nodes[v->made++];

		make_node(n);
		vnet_program_node(n);
		if (clock_ms() > end_ms)
			break;
	}
	vnet_news(v);
	if (v->made < v->topology->node_count)
		event_add(v->making, &at_once);
	else
		vnet_rise_begin(v);
}

static void on_making(evutil_socket_t fd, short what, void *arg)
{
	make_some(arg, clock_ms() + MAKE_TURN_MS);
}

int vnet_make_init(struct vnet *v)
{
	v->making = evtimer_new(v->daemon->base, on_making, v);
	return v->making ? 0 : -ENOMEM;
}

void vnet_make(struct vnet *v, bool at_once)
{
	v->made = 0;
	/* A new weftd has to say everything to the engine at once: what it leaves out goes. */
	make_some(v, at_once ? UINT64_MAX : clock_ms() + MAKE_TURN_MS);
}
