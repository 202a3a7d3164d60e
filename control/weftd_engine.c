/* SPDX-License-Identifier: Apache-2.0 */
#include "control/weftd_engine.h"

#include "control/capture.h"
#include "control/engine.h"
#include "control/events.h"
#include "control/physical.h"
#include "control/router.h"
#include "control/taps_held.h"
#include "control/vnet.h"
#include "control/vnet_news.h"
#include "control/weftd.h"

#include <stdio.h>

static void tell(struct weftd *d, const char *type, const char *state, const char *why)
{
	struct event_record r = { .type = type, .state = state, .why = why };

	events_add(d->events, &r);
}

/* Without an engine no vnet is running. */
static void tell_vnets(struct weftd *d)
{
	struct vnet *v;

	TAILQ_FOREACH (v, &d->vnets, entry)
		vnet_news(v);
}

/* Of each engine once, however often it is programmed. */
static void tell_engine(struct weftd *d, bool fresh)
{
	char why[96];

	if (engine_pid(d->engine) == d->engine_told)
		return;
	d->engine_told = engine_pid(d->engine);
	snprintf(why, sizeof(why), "process %d, %s%s", d->engine_told, fresh ? "empty" : "forwarding",
		 engine_has_hugepages(d->engine) ? "" : ", without huge pages");
	tell(d, "engine", "up", why);
	tell_vnets(d);
}

/* An engine to program: everything again, and what it has beyond that goes. */
void weftd_engine_up(void *weftd, bool fresh)
{
	struct weftd *d = weftd;
	struct dp_sync sync = { .end = 0 };
	struct vnet *v;

	TAILQ_FOREACH (v, &d->vnets, entry)
		for (unsigned i = 0; fresh && i < v->topology->node_count; i++)
			if (v->nodes[i]->router)
				router_engine_died(v->nodes[i]->router);
	if (!engine_is_repaired(d->engine))
		captures_engine_up(d->captures);
	tell_engine(d, fresh);
	if (!engine_is_repaired(d->engine))
		physical_engine_up(d->physical, fresh);
	if (!engine_is_repaired(d->engine) && !fresh)
		d->engine_taps = taps_held_by(engine_pid(d->engine));
	engine_send(d->engine, DP_SYNC, &sync, sizeof(sync), -1);
	TAILQ_FOREACH (v, &d->vnets, entry)
		if (!v->destroying)
			vnet_program(v);
	TAILQ_FOREACH (v, &d->vnets, entry)
		for (unsigned i = 0; !v->destroying && i < v->topology->node_count; i++)
			if (v->nodes[i]->router)
				router_program_routes(v->nodes[i]->router);
	/* What has waited for an engine is read when this is over: then all ports and routes are there. */
	sync.end = 1;
	engine_send(d->engine, DP_SYNC, &sync, sizeof(sync), -1);
	taps_held_free(d->engine_taps);
	d->engine_taps = NULL;
}

void weftd_engine_died(void *weftd, const char *why)
{
	struct weftd *d = weftd;

	d->engine_deaths++;
	d->engine_told = 0;
	tell(d, "engine", "died", why);
	tell_vnets(d);
}

void weftd_engine_refused(void *weftd, const struct dp_id *bad, const char *why)
{
	struct weftd *d = weftd;
	struct vnet *v;

	captures_refused(d->captures, bad, why);
	physical_refused(d->physical, bad, why);
	TAILQ_FOREACH (v, &d->vnets, entry)
		for (unsigned i = 0; !v->destroying && i < v->topology->node_count; i++)
			if (v->nodes[i]->router)
				router_refused(v->nodes[i]->router, bad, why);
}
