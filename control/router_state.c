/* SPDX-License-Identifier: Apache-2.0 */
/* How a router is doing. */
#include "control/router_priv.h"

#include "base/clock.h"

#include <event2/event.h>

struct store_guest router_past(const struct router *r)
{
	return r->past;
}

struct vrouter *router_vrouter(struct router *r)
{
	return r->guest;
}

const char *router_error(const struct router *r)
{
	return r->error[0] ? r->error : NULL;
}

unsigned router_failures(const struct router *r)
{
	return backoff_failures(&r->backoff, clock_ms());
}

const char *router_ended(const struct router *r)
{
	return r->ended;
}

unsigned router_next_start_s(const struct router *r)
{
	struct timeval at, now;

	if (!router_stopped(r) || !event_pending(r->retry, EV_TIMEOUT, &at))
		return 0;
	evutil_gettimeofday(&now, NULL);
	return at.tv_sec > now.tv_sec ? (unsigned)(at.tv_sec - now.tv_sec) : 0;
}

bool router_ready(const struct router *r)
{
	struct vrouter_info info;

	vrouter_info(r->guest, &info);
	for (unsigned i = 0; i < r->nics.count; i++)
		if (!r->nics.nic[i].told)
			return false;
	return info.state == VROUTER_READY && r->exec_done;
}

bool router_waiting(const struct router *r)
{
	return r->turn.place == START_WAITING;
}

bool router_was_ready(const struct router *r)
{
	return r->was_ready;
}

bool router_on_its_way(const struct router *r)
{
	return !r->was_ready && !r->backoff.failures && !r->late;
}

void router_forget_late(struct router *r)
{
	r->late = !router_waiting(r);
}
