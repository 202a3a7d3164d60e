/* SPDX-License-Identifier: Apache-2.0 */
#include "control/router.h"

#include "base/clock.h"
#include "base/file.h"
#include "base/log.h"
#include "base/timer.h"
#include "control/router_priv.h"
#include "control/templates.h"
#include "control/vnet_news.h"
#include "control/vnet_sleep.h"

#include <errno.h>
#include <event2/event.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct weftd *daemon_of(const struct router *r)
{
	return r->node->vnet->daemon;
}

static const struct topology_node *spec(const struct router *r)
{
	return r->node->spec;
}

void router_send_node(struct router *r)
{
	struct dp_node rec = {
		.id = r->node->id, .vnet = r->node->vnet->id, .kind = DP_NODE_ROUTER
	};

	if (r->stopping)
		return;
	snprintf(rec.name, sizeof(rec.name), "%s", spec(r)->name);
	if (r->refused[0])
		rec.flags = DP_NODE_PUNT_IP4 | DP_NODE_PUNT_IP6;
	else if (r->node_known || router_by_itself(r))
		rec.flags = (r->punt_ip4 ? DP_NODE_PUNT_IP4 : 0) | (r->punt_ip6 ? DP_NODE_PUNT_IP6 : 0);
	else
		rec.flags = DP_NODE_KEEP;
	rec.flags |= r->stands ? DP_NODE_ASLEEP : 0;
	engine_send(daemon_of(r)->engine, DP_NODE_SET, &rec, sizeof(rec), -1);
}

void router_program(struct router *r)
{
	router_send_node(r);
	for (unsigned i = 0; i < r->fib_count; i++)
		router_sink.fib_set(r, r->fibs[i].table);
	for (unsigned i = 0; i < r->nics.count; i++)
		router_send_port(r, i);
	router_snoop_program(r);
}

void router_program_routes(struct router *r)
{
	/* Before the first dump there is nothing to say that the engine may not know better. */
	if (r->told && !r->stopping)
		intake_replay(vrouter_intake(r->guest));
}

void router_remember(struct router *r)
{
	struct vnet *v = r->node->vnet;
	struct err err;

	if (store_guest_put(v->daemon->store, v->id, spec(r)->name, &r->past, &err) < 0)
		log_warn("%s: %s", spec(r)->name, err.text);
}

static void start(struct router *r)
{
	start_queue_join(daemon_of(r)->starts, &r->turn);
}

/* It is the router's turn in the start queue. While the template that it is to be a clone of is being
 * built, others go first; one that cannot be built does not keep it from booting. */
static int on_turn(void *arg)
{
	struct router *r = arg;
	struct err err;

	if (!vnet_awake(r->node->vnet))
		return -ECANCELED; /* router_wake() follows */
	if (!vrouter_cold_why(r->guest) &&
	    templates_want(daemon_of(r)->templates, &r->image, &err) == -EAGAIN)
		return -EAGAIN;
	router_exec_forget(r);
	router_remember(r);
	if (router_start_nics(r, &err) < 0 || vrouter_start(r->guest, &err) < 0) {
		if (strcmp(r->error, err.text) != 0)
			log_error("%s/%s: %s", r->node->vnet->topology->name, spec(r)->name, err.text);
		snprintf(r->error, sizeof(r->error), "%.500s", err.text);
		timer_after(r->retry, backoff_ended(&r->backoff, clock_ms()) + 1000);
		vnet_news(r->node->vnet);
		vnet_router_moved(r->node, false);
		return -EIO; /* never -EAGAIN, whatever the reason was */
	}
	r->error[0] = 0;
	router_send_carriers(r);
	vnet_router_moved(r->node, router_on_its_way(r));
	return 0;
}

static void on_retry(evutil_socket_t fd, short what, void *arg)
{
	struct router *r = arg;

	if (r->stopping)
		return;
	if (router_stopped(r) && !vnet_awake(r->node->vnet))
		return; /* router_wake() follows */
	if (router_stopped(r))
		start(r);
	else if (!router_connect_relays(r))
		timer_after(r->retry, 50);
}

/* Out of the guest's own callback, because the router may be freed. */
static void on_ended(evutil_socket_t fd, short what, void *arg)
{
	struct router *r = arg;

	vnet_node_ended(r->node);
}

static void ended(struct router *r)
{
	struct vrouter_info info;

	vrouter_info(r->guest, &info);
	router_close_relays(r);
	router_snoop_end(r); /* what it still holds is of no other guest */
	event_del(r->sound);
	start_queue_leave(daemon_of(r)->starts, &r->turn);
	if (!r->asleep) {
		r->exec_done = false;
		r->past.boot_ms = 0;
		r->past.restarts += !info.again && !r->anew;
		r->anew = false;
	}
	if (r->stopping) {
		event_active(r->gone, 0, 0);
	} else if (!vnet_awake(r->node->vnet)) {
		r->restarting = false;
		vnet_router_ended(r->node);
	} else if (r->restarting || info.again) {
		r->restarting = false;
		timer_after(r->retry, 0);
	} else {
		vnet_event(r->node->vnet, "guest", spec(r)->name, "ended", info.reason);
		snprintf(r->ended, sizeof(r->ended), "%s", info.reason);
		timer_after(r->retry, backoff_ended(&r->backoff, clock_ms()));
		vnet_router_moved(r->node, false);
	}
}

static void on_sound(evutil_socket_t fd, short what, void *arg)
{
	struct router *r = arg;

	vnet_news(r->node->vnet);
}

static void ready(struct router *r)
{
	static const struct timeval sound = { .tv_sec = BACKOFF_SOUND_MS / 1000 };
	struct vrouter_info info;

	vrouter_info(r->guest, &info);
	if (info.boot_ms) {
		r->past.boot_ms = info.boot_ms;
		r->past.clone = info.clone;
		snprintf(r->past.cold_why, sizeof(r->past.cold_why), "%s", info.cold_why);
		router_remember(r);
	}
	backoff_works(&r->backoff, clock_ms());
	if (r->backoff.failures)
		event_add(r->sound, &sound);
	r->was_ready = true;
	start_queue_leave(daemon_of(r)->starts, &r->turn);
	router_exec_begin(r);
	vnet_router_moved(r->node, true);
}

static void on_state(struct vrouter *guest, enum vrouter_state state, void *arg)
{
	struct router *r = arg;

	if (r->stopping && state != VROUTER_STOPPED && state != VROUTER_FAILED)
		return; /* told late */
	vnet_news(r->node->vnet);
	switch (state) {
	case VROUTER_BOOTING:
		router_snoop_program(r); /* of this guest, before it can speak */
		timer_after(r->retry, 0);
		break;
	case VROUTER_AGENT:
		timer_after(r->retry, 0);
		break;
	case VROUTER_READY:
		ready(r);
		break;
	case VROUTER_STOPPED:
	case VROUTER_FAILED:
		ended(r);
		break;
	}
}

/* A guest that an earlier weftd has started, and may have had no time to say more to. One that it
 * did not see ready begins anew: nobody knows how far its becoming this router has come. */
static void adopted(struct router *r)
{
	struct vnet *v = r->node->vnet;

	r->was_ready = r->past.boot_ms != 0;
	if (!r->was_ready) {
		r->anew = true;
		router_restart(r);
		return;
	}
	for (unsigned i = 0; i < spec(r)->port_count; i++)
		if (!v->links[spec(r)->ports[i].link].risen)
			router_set_carrier(r, i, false);
	timer_after(r->retry, 0);
}

int router_create(struct node *node, struct router **out, struct err *err)
{
	struct router *r = calloc(1, sizeof(*r));
	char store[512];
	int code = -ENOMEM;

	if (!r)
		return err_sys(err, -ENOMEM, "%s", node->spec->name);
	r->node = node;
	r->turn = (struct start_entry){ .start = on_turn, .arg = r };
	r->backoff = (struct backoff){ .first_ms = 2000, .most_ms = 300000 };
	snprintf(r->dir, sizeof(r->dir), "%s/g/%u", node->vnet->daemon->run, node->id);
	snprintf(store, sizeof(store), "%s/images", node->vnet->daemon->state);
	router_begin_nics(r);
	r->retry = event_new(node->vnet->daemon->base, -1, 0, on_retry, r);
	r->gone = event_new(node->vnet->daemon->base, -1, 0, on_ended, r);
	r->sound = evtimer_new(node->vnet->daemon->base, on_sound, r);
	if (!r->retry || !r->gone || !r->sound) {
		err_sys(err, -ENOMEM, "%s", node->spec->name);
		goto fail;
	}
	code = image_find(store, node->spec->guest_image, &r->image, err);
	if (!code)
		code = router_make_dirs(r, err);
	if (!code)
		code = router_create_guest(r, on_state, err);
	if (!code && router_set_nics(r) < 0)
		code = err_sys(err, -ENOMEM, "%s", node->spec->name);
	if (code)
		goto fail;
	r->past = store_guest_get(node->vnet->daemon->store, node->vnet->id, spec(r)->name);
	code = vrouter_adopt(r->guest, err);
	router_begin_sleep(r, code == 0);
	if (code && vnet_awake(node->vnet)) {
		r->past = (struct store_guest){ 0 };
		start(r);
	} else {
		adopted(r);
	}
	*out = r;
	return 0;
fail:
	router_destroy(r);
	return code;
}

void router_destroy(struct router *r)
{
	bool stopped = r->stopping;
	struct err err;

	start_queue_leave(daemon_of(r)->starts, &r->turn);
	router_close_relays(r);
	router_snoop_end(r);
	if (stopped)
		router_remove_sockets(r);
	r->stopping = true; /* commands end now, and nothing is to follow from it */
	vrouter_destroy(r->guest);
	if (stopped && file_remove_tree(r->dir, &err) < 0)
		log_warn("%s", err.text);
	if (stopped)
		router_remove_saved(r);
	if (r->retry)
		event_free(r->retry);
	if (r->gone)
		event_free(r->gone);
	if (r->sound)
		event_free(r->sound);
	free(r->fibs);
	free(r);
}

bool router_stopped(const struct router *r)
{
	struct vrouter_info info;

	vrouter_info(r->guest, &info);
	return info.state == VROUTER_STOPPED || info.state == VROUTER_FAILED;
}

void router_stop(struct router *r)
{
	r->stopping = true;
	start_queue_leave(daemon_of(r)->starts, &r->turn);
	event_del(r->retry);
	if (!router_stopped(r))
		vrouter_stop(r->guest);
}

void router_restart(struct router *r)
{
	r->backoff.failures = 0;
	if (router_stopped(r)) {
		timer_after(r->retry, 0);
		return;
	}
	r->restarting = true;
	vrouter_stop(r->guest);
}

void router_wake(struct router *r)
{
	if (router_stopped(r))
		timer_after(r->retry, 0);
}
