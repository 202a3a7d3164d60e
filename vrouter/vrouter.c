/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The life of a vrouter's guest. The machine's events and the agent's drive it:
 *
 *   STOPPED --start--> BOOTING --welcome--> AGENT --ready--> READY
 *                         \__________________|________________|--machine ended--> FAILED / STOPPED
 *
 * A clone becomes this router between welcome and ready (clone.c). One that cannot is ended and
 * FAILED with `again` set, and from then on this router boots.
 *
 * The owner is told from an event of its own, so that it may do anything then, and sees the state
 * that holds by then.
 */
#include "vrouter/vrouter.h"

#include "base/clock.h"
#include "base/timer.h"
#include "vrouter/clone_priv.h"
#include "vrouter/template_priv.h"
#include "vrouter/vrouter_conf_priv.h"
#include "vrouter/vrouter_priv.h"

#include <errno.h>
#include <event2/event.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void set_state(struct vrouter *v, enum vrouter_state state)
{
	v->state = state;
	event_active(v->notify, 0, 0);
}

static void notify(evutil_socket_t fd, short what, void *arg)
{
	struct vrouter *v = arg;

	v->cb(v, v->state, v->arg); /* may destroy */
}

static void watch(struct vrouter *v)
{
	if (!v->conf->by_itself)
		session_watch(v->session);
}

static void hold_over(evutil_socket_t fd, short what, void *arg)
{
	watch(arg);
}

static void is_ready(void *arg)
{
	struct vrouter *v = arg;

	if (v->state != VROUTER_AGENT)
		return;
	if (v->started_ms)
		v->boot_ms = clock_ms() - v->started_ms;
	set_state(v, VROUTER_READY);
	vrouter_tell_nics(v);
	if (v->restarted)
		timer_after(v->hold, v->conf->hold_ms);
}

static void on_cloned(void *arg, int code, const char *why)
{
	struct vrouter *v = arg;

	clone_destroy(v->clone);
	v->clone = NULL;
	if (!code)
		return; /* ready follows */
	v->refused = true;
	snprintf(v->cold_why, sizeof(v->cold_why), "%s", why);
	if (v->machine)
		hv_stop(v->machine);
}

static void become(struct vrouter *v)
{
	int code;

	clone_destroy(v->clone);
	v->clone = NULL;
	code = clone_begin(v->session, v->conf, on_cloned, v, &v->clone);
	if (code)
		on_cloned(v, code, strerror(-code));
}

static void is_welcome(void *arg, bool ready)
{
	struct vrouter *v = arg;

	if (v->state == VROUTER_BOOTING)
		set_state(v, VROUTER_AGENT);
	if (v->clock_wanted)
		vrouter_set_clock(v);
	/* After the hold of a restart, or without one, a new session's dump is wanted at once. */
	if (!v->restarted || (v->state == VROUTER_READY && !event_pending(v->hold, EV_TIMEOUT, NULL)))
		watch(v);
	vrouter_tell_nics(v); /* of a session that was cut off */
	if (ready)
		is_ready(v);
	else if (v->is_clone)
		become(v);
}

void vrouter_answers(struct vrouter *v)
{
	if (v->state == VROUTER_BOOTING)
		v->state = VROUTER_AGENT;
	is_ready(v);
}

static void is_synced(void *arg)
{
	struct vrouter *v = arg;

	v->synced = true;
}

static void machine_event(struct hv_machine *m, enum hv_event ev, const char *reason, void *arg)
{
	struct vrouter *v = arg;

	if (ev == HV_RUNNING && v->fpm)
		vrouter_fpm_begin(v);
	if (ev != HV_STOPPED) {
		vrouter_machine_slept(v, ev, reason);
		return;
	}
	event_del(v->hold);
	event_del(v->clock);
	hv_detach(m);
	v->machine = NULL;
	v->synced = v->loading = v->clock_wanted = false;
	snprintf(v->reason, sizeof(v->reason), "%s", reason);
	set_state(v, v->stop_asked ? VROUTER_STOPPED : VROUTER_FAILED);
	clone_destroy(v->clone);
	v->clone = NULL;
	if (v->fpm)
		vrouter_fpm_end(v);
	session_close(v->session); /* last: commands' owners may destroy v */
}

static int create_intake(struct vrouter *v)
{
	const struct vrouter_conf *c = v->conf;
	struct intake_port ports[HV_PORTS_MAX];
	struct intake_conf conf = { .port_count = HV_PORTS_MAX, .ports = ports,
				    .nh_base = c->nh_base, .max_routes = c->max_routes,
				    .fpm = c->fpm, .sink = c->sink, .arg = c->sink_arg };

	for (unsigned i = 0; i < HV_PORTS_MAX; i++)
		vrouter_intake_port(c, i, &ports[i]);
	return intake_create(&conf, &v->intake);
}

int vrouter_create(struct event_base *base, const struct vrouter_conf *conf, vrouter_state_cb cb,
		   void *arg, struct vrouter **out, struct err *err)
{
	static const struct session_ops ops = { is_welcome, is_ready, is_synced };
	struct vrouter *v = calloc(1, sizeof(*v));
	int code = -ENOMEM;

	if (!v)
		return err_sys(err, -ENOMEM, "%s", conf->name);
	*v = (struct vrouter){ .base = base, .cb = cb, .arg = arg };
	v->conf = vrouter_conf_copy(conf);
	v->notify = event_new(base, -1, 0, notify, v);
	v->hold = evtimer_new(base, hold_over, v);
	v->clock = evtimer_new(base, vrouter_clock_again, v);
	if (v->conf && v->notify && v->hold && v->clock)
		code = create_intake(v);
	if (!code)
		code = session_create(base, v->intake, &ops, v, &v->session);
	if (!code && conf->fpm)
		code = vrouter_fpm_create(v);
	if (code) {
		vrouter_destroy(v);
		return err_sys(err, code, "%s", conf->name);
	}
	*out = v;
	return 0;
}

/* A machine is there: dial its agent. */
static int begin(struct vrouter *v, bool restarted, struct err *err)
{
	char path[PATH_MAX];
	int code = 0;

	snprintf(path, sizeof(path), "%s/agent.sock", v->conf->dir);
	if (!v->fpm)
		code = session_dial(v->session, path, v->conf->uid);
	if (code) { /* hv checks it, but an adopted machine's directory may be named otherwise */
		hv_detach(v->machine);
		v->machine = NULL;
		return err_sys(err, code, "%s", path);
	}
	v->restarts = v->starts++;
	v->restarted = restarted;
	v->stop_asked = v->synced = false;
	v->boot_ms = 0;
	v->reason[0] = 0;
	set_state(v, VROUTER_BOOTING);
	return 0;
}

/* All but the initrd. */
static struct hv_conf machine_conf(const struct vrouter_conf *c)
{
	struct hv_conf conf = { .name = c->name, .dir = c->dir, .uid = c->uid,
				.nic_count = c->guest.nic_count, .nics = c->nics };

	template_machine(c->image, &conf);
	if (c->memory_mib)
		conf.memory_mib = c->memory_mib;
	conf.huge_pages = c->huge_pages;
	conf.manage = c->fpm;
	if (c->cpus)
		conf.cpus = c->cpus;
	return conf;
}

const char *vrouter_cold_why(struct vrouter *v)
{
	if (!v->refused)
		clone_refusal(v->conf, v->cold_why, sizeof(v->cold_why));
	return v->cold_why[0] ? v->cold_why : NULL;
}

/* Whether it starts as a clone, of t; else cold_why says why not. */
static bool find_template(struct vrouter *v, struct template *t)
{
	struct err err;

	if (vrouter_cold_why(v))
		return false;
	if (template_find(v->conf->image, t, &err) == 0)
		return true;
	snprintf(v->cold_why, sizeof(v->cold_why), "%.190s", err.text);
	return false;
}

int vrouter_start(struct vrouter *v, struct err *err)
{
	const struct vrouter_conf *c = v->conf;
	struct hv_conf conf = machine_conf(c);
	struct template template;
	char initrd[PATH_MAX];
	int code = 0;

	if (v->machine)
		return err_set(err, -EBUSY, "%s runs already", c->name);
	v->is_clone = find_template(v, &template);
	if (v->is_clone)
		conf.from = template.dir;
	else
		code = template_initrd(c->image, &c->guest, c->dir, initrd, err);
	if (code)
		return err_prefix(err, code, "%s", c->name);
	conf.initrd = v->is_clone ? NULL : initrd;
	v->started_ms = clock_ms();
	code = hv_start(v->base, &conf, machine_event, v, &v->machine, err);
	return code ? code : begin(v, v->starts > 0, err);
}

int vrouter_load(struct vrouter *v, const char *dir, struct err *err)
{
	struct hv_conf conf = machine_conf(v->conf);
	int code;

	if (v->machine)
		return err_set(err, -EBUSY, "%s runs already", v->conf->name);
	conf.from = dir;
	conf.paused = true;
	code = hv_start(v->base, &conf, machine_event, v, &v->machine, err);
	if (code)
		return code;
	v->started_ms = 0;
	v->loading = v->clock_wanted = true;
	return begin(v, false, err);
}

int vrouter_adopt(struct vrouter *v, struct err *err)
{
	char from[TEMPLATE_PATH_MAX];
	int code;

	if (v->machine)
		return err_set(err, -EBUSY, "%s runs already", v->conf->name);
	template_dir(v->conf->image, from);
	code = hv_adopt(v->base, v->conf->dir, from, machine_event, v, &v->machine, err);
	if (code)
		return code;
	v->started_ms = 0;
	return begin(v, false, err);
}

void vrouter_stop(struct vrouter *v)
{
	v->stop_asked = true;
	if (v->machine)
		hv_stop(v->machine);
	else
		set_state(v, VROUTER_STOPPED);
}

void vrouter_set_carrier(struct vrouter *v, unsigned nic, bool up)
{
	if (v->machine)
		hv_set_carrier(v->machine, nic, up);
	if (v->fpm)
		vrouter_fpm_carrier(v, nic, up);
}

void vrouter_destroy(struct vrouter *v)
{
	if (!v)
		return;
	vrouter_fpm_destroy(v);
	session_destroy(v->session);
	clone_destroy(v->clone);
	if (v->machine)
		hv_detach(v->machine);
	if (v->intake)
		intake_destroy(v->intake);
	if (v->hold)
		event_free(v->hold);
	if (v->clock)
		event_free(v->clock);
	if (v->notify)
		event_free(v->notify);
	vrouter_conf_free(v->conf);
	free(v);
}

void vrouter_info(const struct vrouter *v, struct vrouter_info *out)
{
	*out = (struct vrouter_info){ .state = v->state, .boot_ms = v->boot_ms,
				      .restarts = v->restarts, .synced = v->synced || v->conf->by_itself,
				      .clone = v->is_clone, .again = v->is_clone && v->refused };
	snprintf(out->reason, sizeof(out->reason), "%s", v->reason);
	snprintf(out->cold_why, sizeof(out->cold_why), "%s", v->cold_why);
	if (v->fpm)
		out->fpm_up = vrouter_fpm_is_up(v);
	if (v->machine) {
		out->pid = hv_pid(v->machine);
		out->machine = hv_name(v->machine);
		out->accel = hv_accel(v->machine);
	}
}

const struct intake *vrouter_intake(const struct vrouter *v)
{
	return v->intake;
}

int vrouter_exec(struct vrouter *v, const struct vrouter_exec_conf *conf, struct vrouter_exec **out,
		 struct err *err)
{
	int code;

	if (v->fpm)
		return err_set(err, -ENOTSUP, "%s has no agent to run commands (intake: fpm): `weft console` "
			       "gets in", v->conf->name);
	code = session_exec(v->session, conf, out, err);
	return code ? err_prefix(err, code, "%s", v->conf->name) : 0;
}
