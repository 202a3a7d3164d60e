/* SPDX-License-Identifier: Apache-2.0 */
#include "control/state.h"

#include "control/engine.h"
#include "control/host.h"
#include "control/physical.h"
#include "control/router.h"
#include "control/vnet_sleep.h"

#include <stdio.h>

const char *const node_state_names[NODE_STATES] = {
	[NODE_WAITING] = "waiting", [NODE_STOPPED] = "stopped", [NODE_BOOTING] = "booting",
	[NODE_AGENT] = "agent",	    [NODE_READY] = "ready",	[NODE_FAILED] = "failed",
	[NODE_PAUSED] = "paused",   [NODE_HIBERNATED] = "hibernated",
};

static enum node_state guest_state(const struct router *r, const struct vrouter_info *info)
{
	static const enum node_state states[] = {
		[VROUTER_STOPPED] = NODE_STOPPED, [VROUTER_BOOTING] = NODE_BOOTING,
		[VROUTER_AGENT] = NODE_AGENT,	  [VROUTER_READY] = NODE_READY,
		[VROUTER_FAILED] = NODE_FAILED,
	};

	/* Configured, but its exec lines still run: not yet what the topology says. */
	if (info->state == VROUTER_READY && !router_ready(r))
		return NODE_AGENT;
	return router_waiting(r) ? NODE_WAITING : states[info->state];
}

/* Of a guest that has ended, and is to be started again. */
static void say_end(const struct router *r, const char *reason, char why[STATE_WHY_MAX])
{
	unsigned times = router_failures(r), s = router_next_start_s(r);

	snprintf(why, STATE_WHY_MAX, "%s", reason);
	if (times > 1)
		snprintf(why, STATE_WHY_MAX, "%s; it has ended %u times in a row, and is started again in "
			 "%u s, or by weft restart", reason, times, s);
}

static enum node_state router_state(const struct node *n, char why[STATE_WHY_MAX])
{
	struct vrouter_info info;
	enum node_state state;

	vrouter_info(router_vrouter(n->router), &info);
	state = guest_state(n->router, &info);
	if (n->vnet->mode == STORE_HIBERNATED)
		state = NODE_HIBERNATED;
	else if (n->vnet->mode == STORE_PAUSED && info.pid)
		state = NODE_PAUSED;
	if (router_error(n->router)) {
		snprintf(why, STATE_WHY_MAX, "%s", router_error(n->router));
		return NODE_FAILED;
	}
	if (info.state == VROUTER_FAILED)
		say_end(n->router, info.reason, why);
	else if (router_failures(n->router) >= STATE_FAILURES)
		snprintf(why, STATE_WHY_MAX, "its guest has ended %u times in a row, the last time: %s",
			 router_failures(n->router), router_ended(n->router));
	else if (router_refusal(n->router))
		snprintf(why, STATE_WHY_MAX, "the engine does not take all of its routes, and the guest "
			 "forwards: %s", router_refusal(n->router));
	return state;
}

enum node_state node_state(const struct node *n, char *why)
{
	char unused[STATE_WHY_MAX];

	why = why ? why : unused;
	snprintf(why, STATE_WHY_MAX, "%s", n->error);
	if (n->router)
		return router_state(n, why);
	if (n->host && host_error(n->host)) {
		snprintf(why, STATE_WHY_MAX, "%s", host_error(n->host));
		return NODE_FAILED;
	}
	if (n->host && !host_ready(n->host))
		return NODE_BOOTING;
	if (n->error[0])
		return NODE_FAILED;
	if (n->spec->kind == TOPOLOGY_PHYSICAL)
		return physical_trouble(n, why, STATE_WHY_MAX) ? NODE_FAILED : NODE_READY;
	return n->host || n->spec->kind == TOPOLOGY_BRIDGE ? NODE_READY : NODE_WAITING;
}

static bool in_step(const struct node *n)
{
	struct vrouter_info info;

	if (!n->router)
		return true;
	vrouter_info(router_vrouter(n->router), &info);
	return info.synced;
}

const char *vnet_state(struct vnet *v)
{
	bool forwards = engine_is_up(v->daemon->engine);
	const char *state = forwards ? "running" : "deploying";

	if (v->destroying)
		return "destroying";
	if (vnet_sleep_state(v))
		return vnet_sleep_state(v);
	if (!forwards && engine_failures(v->daemon->engine) >= STATE_FAILURES)
		return "degraded";
	for (unsigned i = 0; i < v->topology->node_count; i++) {
		char why[STATE_WHY_MAX];
		enum node_state s = node_state(v->nodes[i], why);

		if (s == NODE_FAILED || why[0])
			return "degraded";
		if (s != NODE_READY || !in_step(v->nodes[i]))
			state = "deploying";
	}
	for (unsigned i = 0; i < v->topology->link_count; i++)
		if (!v->links[i].risen)
			state = "deploying";
	return state;
}
