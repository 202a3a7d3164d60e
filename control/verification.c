/* SPDX-License-Identifier: Apache-2.0 */
#include "control/verification_priv.h"

#include "base/clock.h"
#include "base/timer.h"
#include "control/engine.h"
#include "control/router.h"
#include "control/vnet_sleep.h"

#include <errno.h>
#include <event2/event.h>
#include <stdio.h>
#include <stdlib.h>

/* A difference is one if so many takes in a row, over so much time, have had it. */
enum { TAKES = 3, LASTS_MS = 1000 };
/* Between two takes; until one that could not be made is tried again; for all. */
enum { NEXT_MS = 100, RETRY_MS = 200, LIMIT_MS = 60000 };

struct node *verification_node(const struct verification *x)
{
	struct vnet *v = vnet_find(x->daemon, x->vnet);
	struct node *n = v && !v->destroying ? vnet_node(v, x->node) : NULL;

	return n && n->id == x->id && n->router ? n : NULL;
}

void verification_free(struct verification *x)
{
	if (x->next)
		event_free(x->next);
	if (x->limit)
		event_free(x->limit);
	verify_destroy(x->verify);
	free(x);
}

/* No more of it; what the engine still answers finds it over. */
static void stop(struct verification *x)
{
	x->over = true;
	event_del(x->next);
	event_del(x->limit);
	if (x->look)
		vrouter_look_cancel(x->look);
	x->look = NULL;
	if (!x->asking)
		verification_free(x);
}

static void finish(struct verification *x, const char *state)
{
	struct node *n = verification_node(x);

	x->done(x->arg, n ? verification_json(x, n, state) : verification_none(x->node, "unknown",
								  "it is gone"));
	stop(x);
}

static void try_again(struct verification *x, const char *why)
{
	snprintf(x->why, sizeof(x->why), "%.290s", why);
	timer_after(x->next, RETRY_MS);
}

/* kernel NULL: it is not known. */
static void compare(struct verification *x, const struct intake *kernel)
{
	struct node *n = verification_node(x);

	verify_begin(x->verify);
	if (kernel)
		verify_add_intake(x->verify, VERIFY_KERNEL, kernel);
	if (n)
		verify_add_intake(x->verify, VERIFY_INTAKE, vrouter_intake(router_vrouter(n->router)));
	x->fib = 0;
	x->page = (struct dp_route_get){ .most = DP_ROUTES_GET_MAX, .family = 4 };
	verification_read(x);
}

static void on_look(void *arg, int status, struct intake *kernel, const char *why)
{
	struct verification *x = arg;

	x->look = NULL;
	if (status) {
		try_again(x, why);
		if (status == -EOPNOTSUPP)
			timer_after(x->limit, 0);
		return;
	}
	compare(x, kernel);
	intake_destroy(kernel);
}

/* Why no take can be made now, or NULL. */
static const char *not_now(const struct verification *x, const struct node *n)
{
	struct vrouter_info info;

	vrouter_info(router_vrouter(n->router), &info);
	if (!engine_is_up(x->daemon->engine))
		return "no engine runs";
	if (!vnet_awake(n->vnet))
		return "the vnet is not awake";
	if (info.state != VROUTER_READY)
		return "its guest is not ready";
	return info.synced ? NULL : "its routes have not been read yet";
}

static void take(evutil_socket_t fd, short what, void *arg)
{
	struct verification *x = arg;
	struct node *n = verification_node(x);
	const char *why = n ? not_now(x, n) : NULL;
	struct err err;

	if (!n) {
		finish(x, "unknown");
		return;
	}
	x->engine = engine_pid(x->daemon->engine);
	if (why)
		try_again(x, why);
	else if (n->spec->intake != TOPOLOGY_INTAKE_AGENT) /* nobody is there to look at its kernel */
		compare(x, NULL);
	else if (vrouter_look(router_vrouter(n->router), on_look, x, &x->look, &err) < 0)
		try_again(x, err.text);
}

/* Since the first take was over. */
static uint64_t lasts_ms(struct verification *x, bool first)
{
	if (first)
		x->first_ms = clock_ms();
	return clock_ms() - x->first_ms;
}

void verification_taken(struct verification *x, int status)
{
	struct verify_sum sum;

	if (x->over) {
		verification_free(x);
		return;
	}
	if (status == -EAGAIN) {
		try_again(x, "the engine has ended");
		return;
	}
	x->why[0] = 0;
	if (verify_end(x->verify) < 0) {
		snprintf(x->why, sizeof(x->why), "weftd has no memory for it");
		finish(x, "unknown");
		return;
	}
	verify_sum(x->verify, &sum);
	if (!sum.differences)
		finish(x, "same");
	else if (lasts_ms(x, sum.takes == 1) >= LASTS_MS && sum.takes >= TAKES)
		finish(x, "differs");
	else
		timer_after(x->next, NEXT_MS);
}

static void on_limit(evutil_socket_t fd, short what, void *arg)
{
	struct verification *x = arg;

	if (!x->why[0])
		snprintf(x->why, sizeof(x->why), "its guest does not answer in time");
	finish(x, "unknown");
}

struct verification *verification_begin(struct node *n, void (*done)(void *arg, json_t *o), void *arg)
{
	struct verification *x = calloc(1, sizeof(*x));

	if (!x)
		return NULL;
	*x = (struct verification){ .daemon = n->vnet->daemon, .id = n->id, .done = done, .arg = arg };
	snprintf(x->vnet, sizeof(x->vnet), "%s", n->vnet->topology->name);
	snprintf(x->node, sizeof(x->node), "%s", n->spec->name);
	x->next = evtimer_new(x->daemon->base, take, x);
	x->limit = evtimer_new(x->daemon->base, on_limit, x);
	if (!x->next || !x->limit || verify_create(&x->verify) < 0) {
		verification_free(x);
		return NULL;
	}
	timer_after(x->next, 0);
	timer_after(x->limit, LIMIT_MS);
	return x;
}

void verification_cancel(struct verification *x)
{
	stop(x);
}
