/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A machine's control channel: dialled until it answers, and again when it is lost. It is up once
 * the machine has said what it does. One answer at a time is awaited: that to "status", or the one
 * to the first wish.
 */
#include "hv/weft_vmm_priv.h"

#include "base/log.h"

#include <errno.h>
#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/event.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { DIAL_MS = 10, DIAL_SLOW_MS = 250, DIAL_FAST_TRIES = 500 };

/* fmt: the command's name in quotes, and what else the object has. Returns its id. */
static __attribute__((format(printf, 2, 3))) int64_t command(struct weft_vmm *w, const char *fmt, ...)
{
	struct evbuffer *out = bufferevent_get_output(w->bev);
	va_list ap;

	va_start(ap, fmt);
	evbuffer_add_printf(out, "{\"id\": %lld, \"command\": ", (long long)++w->id);
	evbuffer_add_vprintf(out, fmt, ap);
	evbuffer_add(out, "}\n", 2);
	va_end(ap);
	return w->id;
}

static void dial_later(struct weft_vmm *w)
{
	unsigned ms = w->tries++ < DIAL_FAST_TRIES ? DIAL_MS : DIAL_SLOW_MS;
	struct timeval tv = { .tv_usec = (suseconds_t)ms * 1000 };

	evtimer_add(w->dial, &tv);
}

/* A wish whose answer will not come is asked again, which does no harm. */
static void hang_up(struct weft_vmm *w)
{
	if (w->bev)
		bufferevent_free(w->bev);
	w->bev = NULL;
	w->up = false;
	w->asked = 0;
}

/* The control channel is gone: the process ended, or gave us something that is no answer. */
static void lost(struct weft_vmm *w)
{
	hang_up(w);
	if (machine_runs(&w->m))
		dial_later(w);
	else
		weft_vmm_control_process_ended(&w->m);
}

void weft_vmm_control_process_ended(struct machine *m)
{
	struct weft_vmm *w = (struct weft_vmm *)m;

	evtimer_del(w->dial);
	/* Its last words may still wait in the socket; the end of the stream follows them. */
	if (!w->bev)
		machine_over(m);
}

/* Asks for the first wish, if it has not. */
static void grant(struct weft_vmm *w)
{
	const struct weft_vmm_wish *wish = STAILQ_FIRST(&w->wishes);

	if (wish && w->up && !w->asked)
		w->asked = command(w, "\"%s\"", wish->pause ? "pause" : "resume");
}

int weft_vmm_control_wish(struct weft_vmm *w, bool pause)
{
	struct weft_vmm_wish *wish = calloc(1, sizeof(*wish));

	if (!wish)
		return -ENOMEM;
	wish->pause = pause;
	STAILQ_INSERT_TAIL(&w->wishes, wish, link);
	grant(w);
	return 0;
}

void weft_vmm_control_carrier(struct weft_vmm *w, unsigned nic)
{
	if (w->up && w->nic[nic] != WEFT_VMM_LINK_ASIS)
		command(w, "\"carrier\", \"nic\": %u, \"up\": %s", nic,
			w->nic[nic] == WEFT_VMM_LINK_UP ? "true" : "false");
}

static void came_up(struct weft_vmm *w)
{
	w->up = true;
	for (unsigned i = 0; i < w->m.rec.nic_count; i++)
		weft_vmm_control_carrier(w, i);
	if (!w->running_told)
		machine_tell(&w->m, HV_RUNNING, NULL);
	w->running_told = true;
}

static void granted(struct weft_vmm *w)
{
	struct weft_vmm_wish *wish = STAILQ_FIRST(&w->wishes);

	STAILQ_REMOVE_HEAD(&w->wishes, link);
	machine_tell(&w->m, wish->pause ? HV_PAUSED : HV_RESUMED, NULL);
	free(wish);
}

static void answered(struct weft_vmm *w, const struct weft_vmm_line *line)
{
	if (line->kind == WEFT_VMM_REFUSED)
		log_warn("%s: the machine refused a command: %.200s", w->m.dir, line->text);
	if (!w->asked || line->id != w->asked)
		return; /* that to a carrier */
	w->asked = 0;
	if (line->instant_us > 0)
		w->instant_us = line->instant_us;
	if (w->up)
		granted(w);
	else
		came_up(w);
	grant(w);
}

/* False: give up. */
static bool take(struct weft_vmm *w, const char *text, size_t len)
{
	struct weft_vmm_line line;

	if (len > WEFT_VMM_LINE_MAX || weft_vmm_line_read(text, len, &line) < 0)
		return false;
	if (line.kind == WEFT_VMM_ENDED)
		w->end = line;
	else if (line.kind != WEFT_VMM_OTHER)
		answered(w, &line);
	return true;
}

static void readable(struct bufferevent *bev, void *arg)
{
	struct evbuffer *in = bufferevent_get_input(bev);
	struct weft_vmm *w = arg;
	bool good = true;
	size_t len;
	char *line;

	while (good && (line = evbuffer_readln(in, &len, EVBUFFER_EOL_LF))) {
		good = take(w, line, len);
		free(line);
	}
	if (!good || evbuffer_get_length(in) > WEFT_VMM_LINE_MAX)
		lost(w);
}

static void closed(struct bufferevent *bev, short what, void *arg)
{
	lost(arg);
}

static void dial(evutil_socket_t unused, short what, void *arg)
{
	struct weft_vmm *w = arg;
	char path[PATH_MAX];
	int fd;

	snprintf(path, sizeof(path), "%s/control.sock", w->m.dir);
	fd = sock_connect_unix(path, w->m.rec.owner);
	if (fd >= 0)
		w->bev = bufferevent_socket_new(w->m.base, fd, BEV_OPT_CLOSE_ON_FREE);
	if (!w->bev) {
		if (fd >= 0)
			close(fd);
		dial_later(w);
		return;
	}
	bufferevent_setcb(w->bev, readable, NULL, closed, w);
	bufferevent_setwatermark(w->bev, EV_READ, 0, 2 * WEFT_VMM_LINE_MAX);
	bufferevent_enable(w->bev, EV_READ | EV_WRITE);
	w->asked = command(w, "\"status\"");
}

int weft_vmm_control_init(struct weft_vmm *w)
{
	STAILQ_INIT(&w->wishes);
	w->dial = evtimer_new(w->m.base, dial, w);
	return w->dial ? 0 : -ENOMEM;
}

void weft_vmm_control_fini(struct weft_vmm *w)
{
	struct weft_vmm_wish *wish;

	hang_up(w);
	while ((wish = STAILQ_FIRST(&w->wishes))) {
		STAILQ_REMOVE_HEAD(&w->wishes, link);
		free(wish);
	}
	if (w->dial)
		event_free(w->dial);
}

void weft_vmm_control_connect(struct weft_vmm *w)
{
	dial_later(w);
}
