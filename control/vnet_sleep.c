/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From one mode of a vnet to another, in steps; in each, every router that takes part is asked at
 * once, and the next begins when all have answered.
 *
 *   pause               STOP, commit
 *   resume, paused      commit, GO
 *   hibernate           STOP, SAVE, commit, END
 *   resume, hibernated  LOAD, commit, GO
 *
 * What fails before the commit is taken back: UNDO lets go on what stood still, UNLOAD ends what
 * was loaded. The commit is one record in the store, so a weftd that is killed anywhere leaves
 * either the former mode or the new one, and the next makes the guests be like that.
 */
#include "control/vnet_sleep_priv.h"

#include "base/file.h"
#include "base/log.h"
#include "control/router.h"
#include "control/vnet_news.h"

#include <errno.h>
#include <event2/event.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ANSWER_TIMEOUT_S 120 /* for all guests of a vnet; saving takes what the disk takes */

static struct node *router_at(const struct vnet *v, unsigned i)
{
	return v->nodes[i]->router ? v->nodes[i] : NULL;
}

/* Calls do_this for each router that has been made. */
#define EACH_ROUTER(v, n)                                                  \
	for (unsigned n##_i = 0; n##_i < (v)->topology->node_count; n##_i++) \
		for (struct node *n = router_at(v, n##_i); n; n = NULL)

static void fail(struct vnet_sleep *s, const struct node *n, const char *why)
{
	if (s->code)
		return;
	s->code = -EIO;
	err_set(&s->err, s->code, "%s/%s: %.400s", s->vnet->topology->name, n->spec->name, why);
}

static unsigned awaited(const struct vnet *v)
{
	unsigned count = 0;

	EACH_ROUTER (v, n)
		count += n->awaited;
	return count;
}

/* Every router has been asked: waits for the answers. */
static void begin_step(struct vnet_sleep *s, enum step step)
{
	struct timeval tv = { .tv_sec = ANSWER_TIMEOUT_S };

	s->step = step;
	event_del(s->turn);
	if (!awaited(s->vnet))
		event_active(s->turn, 0, 0);
	else if (step != SAVE && step != END && step != UNLOAD)
		event_add(s->turn, &tv);
}

static void settle(struct vnet_sleep *s, struct node *n)
{
	n->awaited = false;
	if (!awaited(s->vnet))
		event_active(s->turn, 0, 0);
}

void vnet_router_slept(struct node *n, enum vrouter_sleep what, const char *why)
{
	static const enum vrouter_sleep wanted[] = {
		[STOP] = VROUTER_PAUSED, [SAVE] = VROUTER_SAVED,  [LOAD] = VROUTER_LOADED,
		[GO] = VROUTER_RESUMED,	 [UNDO] = VROUTER_RESUMED,
	};
	struct vnet_sleep *s = n->vnet->sleep;

	if (!s || !n->awaited || s->step == END || s->step == UNLOAD)
		return;
	if (s->step == SAVE && what == VROUTER_NOT_SAVED)
		fail(s, n, why ? why : "it cannot be saved");
	else if (what != wanted[s->step])
		return;
	settle(s, n);
}

void vnet_router_ended(struct node *n)
{
	struct vnet_sleep *s = n->vnet->sleep;
	struct vrouter_info info;

	if (!s || !n->awaited)
		return;
	vrouter_info(router_vrouter(n->router), &info);
	if (s->step == SAVE || s->step == LOAD || (s->step == STOP && s->verb == VNET_HIBERNATE)) {
		char why[300];

		snprintf(why, sizeof(why), "its guest has ended: %s", info.reason);
		fail(s, n, why);
	}
	settle(s, n);
}

/* Between the first and the last of those that stand still, or go on. */
static void measure(struct vnet_sleep *s)
{
	int64_t first = INT64_MAX, last = 0;

	s->said.routers = 0;
	EACH_ROUTER (s->vnet, n) {
		int64_t at = router_instant(n->router);

		s->said.routers += router_runs(n->router);
		if (!at) /* it stood still before this weftd came */
			continue;
		first = at < first ? at : first;
		last = at > last ? at : last;
	}
	s->said.spread_us = last > first ? (uint64_t)(last - first) : 0;
}

static void end(struct vnet_sleep *s)
{
	struct timespec now;

	EACH_ROUTER (s->vnet, n)
		n->awaited = false;
	clock_gettime(CLOCK_MONOTONIC, &now);
	s->said.seconds = (double)(now.tv_sec - s->since.tv_sec) +
			  (double)(now.tv_nsec - s->since.tv_nsec) / 1e9;
	s->vnet->sleep = NULL;
	s->done(s->arg, s->code, &s->err, &s->said);
	vnet_news(s->vnet);
	event_free(s->turn);
	free(s);
}

static void finish(struct vnet_sleep *s)
{
	struct vnet *v = s->vnet;

	if (s->code)
		log_error("%s: not %s: %s", v->topology->name, vnet_sleep_state(v), s->err.text);
	else
		log_info("%s: %s, %u routers within %llu us", v->topology->name,
			 v->mode == STORE_RUNNING ? "goes on" :
			 v->mode == STORE_PAUSED  ? "paused" : "hibernated",
			 s->said.routers, (unsigned long long)s->said.spread_us);
	end(s);
	if (v->mode == STORE_RUNNING)
		EACH_ROUTER (v, n)
			router_wake(n->router);
}

static bool commit(struct vnet_sleep *s, enum store_mode mode)
{
	struct vnet *v = s->vnet;

	if (!s->code)
		s->code = store_mode_set(v->daemon->store, v->id, mode, &s->err);
	if (!s->code)
		v->mode = mode;
	return !s->code;
}

static void ask_to_stop(struct vnet_sleep *s)
{
	EACH_ROUTER (s->vnet, n)
		n->awaited = router_pause(n->router) == 0;
	begin_step(s, STOP);
}

static void ask_to_go(struct vnet_sleep *s, enum step step)
{
	EACH_ROUTER (s->vnet, n)
		n->awaited = router_resume(n->router) == 0;
	begin_step(s, step);
}

/* What stood still before goes on standing still. */
static void undo(struct vnet_sleep *s)
{
	if (s->verb == VNET_HIBERNATE)
		EACH_ROUTER (s->vnet, n)
			router_remove_saved(n->router);
	if (s->vnet->mode == STORE_RUNNING)
		ask_to_go(s, UNDO);
	else
		finish(s);
}

static void save(struct vnet_sleep *s)
{
	char path[PATH_MAX];
	struct err err;

	snprintf(path, sizeof(path), "%s/asleep", s->vnet->daemon->state);
	s->code = file_mkdirs(path, 0700, &s->err);
	EACH_ROUTER (s->vnet, n) {
		if (s->code)
			continue;
		router_remove_saved(n->router); /* of before; nobody needs it now */
		n->awaited = router_save(n->router, &err) == 0;
		if (!n->awaited)
			fail(s, n, err.text);
	}
	begin_step(s, SAVE);
}

static void hibernate(struct vnet_sleep *s)
{
	EACH_ROUTER (s->vnet, n) {
		s->said.bytes += router_saved_bytes(n->router);
		n->awaited = router_runs(n->router);
		router_hibernate(n->router);
	}
	begin_step(s, END);
}

static void load(struct vnet_sleep *s)
{
	struct err err;

	EACH_ROUTER (s->vnet, n) {
		if (s->code)
			continue;
		n->awaited = router_load(n->router, &err) == 0;
		if (!n->awaited)
			fail(s, n, err.text);
	}
	begin_step(s, LOAD);
}

static void unload(struct vnet_sleep *s)
{
	EACH_ROUTER (s->vnet, n) {
		n->awaited = router_runs(n->router);
		if (n->awaited)
			router_unload(n->router);
	}
	begin_step(s, UNLOAD);
}

static void stopped(struct vnet_sleep *s)
{
	measure(s);
	if (!s->code)
		EACH_ROUTER (s->vnet, n)
			router_stand(n->router);
	if (s->code)
		undo(s);
	else if (s->verb == VNET_HIBERNATE)
		save(s);
	else if (commit(s, STORE_PAUSED))
		finish(s);
	else
		undo(s);
}

static void gone_on(struct vnet_sleep *s)
{
	measure(s);
	EACH_ROUTER (s->vnet, n)
		router_remove_saved(n->router);
	finish(s);
}

static void on_turn(evutil_socket_t fd, short what, void *arg)
{
	struct vnet_sleep *s = arg;

	EACH_ROUTER (s->vnet, n)
		if (n->awaited)
			fail(s, n, "its machine does not answer");
	switch (s->step) {
	case STOP:
		stopped(s);
		break;
	case SAVE:
		if (commit(s, STORE_HIBERNATED))
			hibernate(s);
		else
			undo(s);
		break;
	case LOAD:
		if (commit(s, STORE_RUNNING))
			ask_to_go(s, GO);
		else
			unload(s);
		break;
	case GO:
		gone_on(s);
		break;
	case END:
	case UNDO:
	case UNLOAD:
		finish(s);
		break;
	}
}

int vnet_sleep(struct vnet *v, enum vnet_verb verb, vnet_slept_cb done, void *arg, struct err *err)
{
	int code = vnet_sleep_admit(v, verb, err);
	struct vnet_sleep *s;

	if (code)
		return code;
	s = calloc(1, sizeof(*s));
	if (s)
		s->turn = evtimer_new(v->daemon->base, on_turn, s);
	if (!s || !s->turn) {
		free(s);
		return err_sys(err, -ENOMEM, "%s", v->topology->name);
	}
	s->vnet = v;
	s->verb = verb;
	s->done = done;
	s->arg = arg;
	clock_gettime(CLOCK_MONOTONIC, &s->since);
	v->sleep = s;
	vnet_news(v);
	if (verb == VNET_RESUME && v->mode == STORE_HIBERNATED)
		load(s);
	else if (verb == VNET_HIBERNATE && v->mode == STORE_HIBERNATED)
		begin_step(s, END);
	else if (verb != VNET_RESUME)
		ask_to_stop(s);
	else if (commit(s, STORE_RUNNING))
		ask_to_go(s, GO);
	else
		begin_step(s, UNDO);
	return 0;
}

void vnet_sleep_cancel(struct vnet *v, const char *why)
{
	struct vnet_sleep *s = v->sleep;

	if (!s)
		return;
	s->code = -ECANCELED;
	err_set(&s->err, s->code, "vnet %s: %s", v->topology->name, why);
	end(s);
}
