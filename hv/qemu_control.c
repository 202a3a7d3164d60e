/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A machine's control channel: dialled until it answers, and again when it is lost. It is up once
 * the machine has said what it does, and has loaded what it goes on from.
 */
#include "hv/qemu_machine_priv.h"

#include "base/log.h"
#include "hv/qmp_priv.h"

#include <errno.h>
#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/event.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { DIAL_MS = 10, DIAL_SLOW_MS = 250, DIAL_FAST_TRIES = 500 };

static void grant(struct qemu *q);

static void pop_wish(struct qemu *q)
{
	struct wish *w = STAILQ_FIRST(&q->wishes);

	STAILQ_REMOVE_HEAD(&q->wishes, link);
	free(w);
}

static void granted(struct qemu *q, enum hv_event ev, const char *reason)
{
	pop_wish(q);
	machine_tell(&q->m, ev, reason);
	grant(q);
}

static void paused(void *arg, const json_t *value, const char *refused)
{
	struct qemu *q = arg;

	if (refused)
		log_warn("%s: the machine refused to pause: %.200s", q->m.dir, refused);
	q->stands = !refused;
	granted(q, HV_PAUSED, NULL);
}

static void resumed(void *arg, const json_t *value, const char *refused)
{
	struct qemu *q = arg;

	if (refused)
		log_warn("%s: the machine refused to go on: %.200s", q->m.dir, refused);
	q->stands = refused != NULL;
	granted(q, HV_RESUMED, NULL);
}

/* Both must be over: our side, and the machine's, which would refuse the next save until then. */
static void saved(struct qemu *q)
{
	if (!q->save && !q->sending)
		granted(q, q->result[0] ? HV_NOT_SAVED : HV_SAVED, q->result[0] ? q->result : NULL);
}

static void save_failed(struct qemu *q, const char *why)
{
	q->sending = false;
	if (!q->result[0])
		snprintf(q->result, sizeof(q->result), "%s", why);
	if (q->save)
		save_cancel(q->save); /* and then saved() */
	else
		saved(q);
}

static void save_is_done(void *arg, const char *failed)
{
	struct qemu *q = arg;

	if (!failed)
		q->result[0] = 0;
	else if (!q->result[0])
		snprintf(q->result, sizeof(q->result), "%s", failed);
	save_destroy(q->save);
	q->save = NULL;
	saved(q);
	if (!machine_runs(&q->m) && !q->bev)
		control_process_ended(&q->m);
}

static void sending(void *arg, const json_t *value, const char *refused)
{
	if (refused)
		save_failed(arg, refused);
}

static void begin_save(struct qemu *q, const struct wish *w)
{
	struct save_conf conf = { .dir = w->dir, .machine = q->m.dir, .pid = q->m.rec.pid,
				  .uid = q->m.rec.owner, .as_template = w->as_template,
				  .base = q->base_ram };
	char uri[SOCK_PATH_MAX + 32];
	struct err err;

	snprintf(conf.saved.backend, sizeof(conf.saved.backend), "%s", q->m.rec.backend);
	snprintf(conf.saved.id, sizeof(conf.saved.id), "%s", q->m.rec.from);
	conf.saved.memory_mib = q->m.rec.memory_mib;
	conf.saved.cpus = q->m.rec.cpus;
	q->result[0] = 0;
	if (!q->stands) {
		granted(q, HV_NOT_SAVED, "the machine is not paused");
		return;
	}
	if (save_start(q->m.base, &conf, save_is_done, q, &q->save, &err) < 0) {
		granted(q, HV_NOT_SAVED, err.text);
		return;
	}
	snprintf(uri, sizeof(uri), "unix:%s/" SAVE_SOCKET, q->m.dir);
	q->sending = true;
	if (qmp_command(q->qmp, "migrate", json_pack("{s:s}", "uri", uri), sending) < 0)
		save_failed(q, "out of memory");
}

/* Begins with the first wish, if it has not. */
static void grant(struct qemu *q)
{
	struct wish *w = STAILQ_FIRST(&q->wishes);

	if (!w || w->begun || !q->up)
		return;
	w->begun = true;
	if (w->kind == WISH_PAUSE)
		qmp_command(q->qmp, "stop", NULL, paused);
	else if (w->kind == WISH_RESUME)
		qmp_command(q->qmp, "cont", NULL, resumed);
	else
		begin_save(q, w);
}

int control_wish(struct qemu *q, enum wish_kind kind, const char *dir, bool as_template)
{
	struct wish *w = calloc(1, sizeof(*w));

	if (!w)
		return -ENOMEM;
	w->kind = kind;
	w->as_template = as_template;
	if (dir)
		snprintf(w->dir, sizeof(w->dir), "%s", dir);
	STAILQ_INSERT_TAIL(&q->wishes, w, link);
	grant(q);
	return 0;
}

bool control_saves(const struct qemu *q)
{
	const struct wish *w;

	STAILQ_FOREACH(w, &q->wishes, link)
		if (w->kind == WISH_SAVE)
			return true;
	return false;
}

static void dial_later(struct qemu *q)
{
	unsigned ms = q->tries++ < DIAL_FAST_TRIES ? DIAL_MS : DIAL_SLOW_MS;
	struct timeval tv = { .tv_usec = (suseconds_t)ms * 1000 };

	evtimer_add(q->dial, &tv);
}

static void hang_up(struct qemu *q)
{
	struct wish *w = STAILQ_FIRST(&q->wishes);

	if (q->bev)
		bufferevent_free(q->bev);
	q->bev = NULL;
	qmp_destroy(q->qmp);
	q->qmp = NULL;
	q->up = false;
	if (w && w->kind != WISH_SAVE)
		w->begun = false; /* the answer will not come: asked again, which does no harm */
	else if (q->sending)
		save_failed(q, "the machine ended, or its control channel was lost");
}

/* The control channel is gone: the process ended, or gave us something that is no QMP. */
static void lost(struct qemu *q)
{
	hang_up(q);
	if (!machine_runs(&q->m))
		control_process_ended(&q->m);
	else
		dial_later(q);
}

void control_process_ended(struct machine *m)
{
	struct qemu *q = (struct qemu *)m;

	evtimer_del(q->dial);
	/* Its last words may still wait in the socket; the end of the stream follows them. And what
	 * is being saved is given up first. */
	if (q->bev || q->save)
		return;
	while (STAILQ_FIRST(&q->wishes)) {
		if (STAILQ_FIRST(&q->wishes)->kind == WISH_SAVE)
			machine_tell(&q->m, HV_NOT_SAVED, "the machine ended");
		pop_wish(q);
	}
	machine_over(m);
}

void control_carrier(struct qemu *q, unsigned nic)
{
	char name[16];

	if (!q->up || q->carrier[nic] == CARRIER_ASIS)
		return;
	snprintf(name, sizeof(name), "nic%u", nic);
	qmp_command(q->qmp, "set_link",
		    json_pack("{s:s, s:b}", "name", name, "up", q->carrier[nic] == CARRIER_UP), NULL);
}

static void take_status(void *arg, const json_t *value, const char *refused)
{
	const char *status = json_string_value(json_object_get(value, "status"));
	struct qemu *q = arg;

	if (q->up || (status && strcmp(status, "inmigrate") == 0))
		return; /* an event tells when it is loaded */
	q->stands = !json_is_true(json_object_get(value, "running"));
	q->up = true;
	for (unsigned i = 0; i < q->m.rec.nic_count; i++)
		control_carrier(q, i);
	if (!q->running_told)
		machine_tell(&q->m, HV_RUNNING, NULL);
	q->running_told = true;
	grant(q);
}

static void ask_status(void *arg)
{
	struct qemu *q = arg;

	qmp_command(q->qmp, "query-status", NULL, take_status);
}

/* Its state is loaded, or sent, or will not be. */
static void migrated(struct qemu *q, const char *status)
{
	bool complete = strcmp(status, "completed") == 0;

	if (!q->up && complete)
		ask_status(q);
	if (!q->sending || (!complete && strcmp(status, "failed") != 0))
		return;
	q->sending = false;
	if (!q->save)
		saved(q);
	else if (complete)
		save_complete(q->save);
	else
		save_cancel(q->save);
}

static void take_event(void *arg, const char *name, const json_t *data, int64_t us)
{
	const char *reason = json_string_value(json_object_get(data, "reason"));
	const char *status = json_string_value(json_object_get(data, "status"));
	struct qemu *q = arg;

	if (strcmp(name, "SHUTDOWN") == 0 && reason && strspn(reason, "abcdefghijklmnopqrstuvwxyz-") ==
						       strlen(reason))
		snprintf(q->shutdown, sizeof(q->shutdown), "%s", reason);
	else if (strcmp(name, "STOP") == 0 || strcmp(name, "RESUME") == 0)
		q->instant = us;
	else if (strcmp(name, "MIGRATION") == 0 && status)
		migrated(q, status);
}

static void take_refusal(void *arg, const char *text)
{
	struct qemu *q = arg;

	log_warn("%s: the machine refused a command: %.200s", q->m.dir, text);
}

static void readable(struct bufferevent *bev, void *arg)
{
	struct qemu *q = arg;

	if (qmp_input(q->qmp, bufferevent_get_input(bev)) < 0)
		lost(q);
}

static void closed(struct bufferevent *bev, short what, void *arg)
{
	lost(arg);
}

static void dial(evutil_socket_t unused, short what, void *arg)
{
	static const struct qmp_ops ops = { ask_status, take_event, take_refusal };
	struct qemu *q = arg;
	char path[PATH_MAX];
	int fd;

	snprintf(path, sizeof(path), "%s/qmp.sock", q->m.dir);
	fd = sock_connect_unix(path, q->m.rec.owner);
	if (fd < 0) {
		dial_later(q);
		return;
	}
	q->bev = bufferevent_socket_new(q->m.base, fd, BEV_OPT_CLOSE_ON_FREE);
	if (!q->bev) {
		close(fd);
		dial_later(q);
		return;
	}
	q->qmp = qmp_create(bufferevent_get_output(q->bev), &ops, q);
	if (!q->qmp) {
		hang_up(q);
		dial_later(q);
		return;
	}
	bufferevent_setcb(q->bev, readable, NULL, closed, q);
	bufferevent_setwatermark(q->bev, EV_READ, 0, 2 * QMP_LINE_MAX);
	bufferevent_enable(q->bev, EV_READ | EV_WRITE);
}

int control_init(struct qemu *q)
{
	STAILQ_INIT(&q->wishes);
	q->dial = evtimer_new(q->m.base, dial, q);
	return q->dial ? 0 : -ENOMEM;
}

void control_fini(struct qemu *q)
{
	save_destroy(q->save);
	q->save = NULL;
	q->sending = false;
	hang_up(q);
	while (STAILQ_FIRST(&q->wishes))
		pop_wish(q);
	if (q->dial)
		event_free(q->dial);
}

void control_connect(struct qemu *q)
{
	dial_later(q);
}
