/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A guest that stands still, and one that is saved. Its timers run by the clock that stands still
 * with it; only its wall clock must be set when it goes on.
 */
#include "vrouter/vrouter_priv.h"

#include <errno.h>
#include <event2/event.h>

enum { CLOCK_AGAIN_S = 3, CLOCK_TRIES = 40 };

void vrouter_on_sleep(struct vrouter *v, vrouter_sleep_cb cb, void *arg)
{
	v->sleep_cb = cb;
	v->sleep_arg = arg;
}

int vrouter_pause(struct vrouter *v)
{
	return v->machine ? hv_pause(v->machine) : -ENOENT;
}

int vrouter_resume(struct vrouter *v)
{
	return v->machine ? hv_resume(v->machine) : -ENOENT;
}

int64_t vrouter_instant(const struct vrouter *v)
{
	return v->machine ? hv_instant(v->machine) : 0;
}

int vrouter_save(struct vrouter *v, const char *dir, struct err *err)
{
	if (!v->machine)
		return err_set(err, -ENOENT, "%s: its guest does not run", v->conf->name);
	return hv_save(v->machine, dir, false, err);
}

/* Of a hundred that go on at once each is busy, and answers late: again when they have come to rest. */
static void on_clock_set(void *arg, int status)
{
	static const struct timeval pause = { .tv_sec = CLOCK_AGAIN_S };
	struct vrouter *v = arg;

	if (status == -ETIME && v->machine && v->clock_tries++ < CLOCK_TRIES)
		event_add(v->clock, &pause);
}

void vrouter_clock_again(evutil_socket_t fd, short what, void *arg)
{
	vrouter_set_clock(arg);
}

void vrouter_set_clock(struct vrouter *v)
{
	if (v->fpm) /* nobody in it can */
		return;
	v->clock_wanted = session_clock(v->session, on_clock_set, v) == -EAGAIN;
}

static void tell(struct vrouter *v, enum vrouter_sleep what, const char *why)
{
	if (v->sleep_cb)
		v->sleep_cb(v, what, why, v->sleep_arg);
}

void vrouter_machine_slept(struct vrouter *v, enum hv_event ev, const char *why)
{
	switch (ev) {
	case HV_RUNNING:
		if (v->loading)
			tell(v, VROUTER_LOADED, NULL);
		v->loading = false;
		break;
	case HV_PAUSED:
		tell(v, VROUTER_PAUSED, NULL);
		break;
	case HV_RESUMED:
		v->clock_tries = 0;
		vrouter_set_clock(v);
		tell(v, VROUTER_RESUMED, NULL);
		break;
	case HV_SAVED:
		tell(v, VROUTER_SAVED, NULL);
		break;
	case HV_NOT_SAVED:
		tell(v, VROUTER_NOT_SAVED, why);
		break;
	case HV_STOPPED:
		break;
	}
}
