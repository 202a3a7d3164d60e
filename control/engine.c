/* SPDX-License-Identifier: Apache-2.0 */
#include "control/engine.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/rd.h"
#include "base/timer.h"
#include "control/backoff.h"
#include "control/engine_priv.h"
#include "control/store.h"

#include <errno.h>
#include <event2/event.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/socket.h>
#include <unistd.h>

#define ENGINE_END_S 5 /* for an engine to end by itself */

struct engine {
	struct engine_conf conf;
	bool wanted; /* an engine shall run */
	bool up;     /* hello answered */
	int sock;    /* -1: not connected */
	pid_t pid;   /* 0: none known */
	int pidfd;
	bool hugepages;
	unsigned workers;
	struct backoff backoff;
	char why[256]; /* the last one ended, or could not be started */
	struct event *readable, *writable, *death, *retry, *flush;
	struct event *repair; /* programmes everything again after a record failed */
	struct event *kill;   /* it was told to end and has not */
	struct engine_queue queue;
	bool refused;	      /* the owner was told so, and not yet that all is well */
	bool failed;	      /* a record did, since the last time everything was programmed */
	unsigned repairs;     /* in a row, for the backoff */
	char complaint[sizeof(((struct dp_reply *)0)->error)]; /* the last one that was logged */
	void (*stopped)(void *arg);
	void *stopped_arg;
};

static void disconnect(struct engine *e)
{
	if (e->sock < 0)
		return;
	event_del(e->readable);
	event_del(e->writable);
	close(e->sock);
	e->sock = -1;
	e->up = false;
	event_del(e->repair);
	engine_queue_clear(&e->queue);
}

static void on_flush(evutil_socket_t fd, short what, void *arg)
{
	struct engine *e = arg;
	int code = e->sock < 0 ? 0 : engine_queue_transmit(&e->queue, e->sock);

	if (code == -EAGAIN) {
		event_add(e->writable, NULL);
	} else if (code) {
		log_warn("engine: send: %s", strerror(-code));
		disconnect(e);
		timer_after(e->retry, 50);
	}
}

/* Not everything is as it was told: it is told again, later and later while that does not help. */
static void plan_repair(struct engine *e)
{
	struct timeval tv = { .tv_sec = e->repairs < 8 ? 1l << e->repairs : 300 };

	e->failed = true;
	if (!event_pending(e->repair, EV_TIMEOUT, NULL))
		event_add(e->repair, &tv);
}

static void on_repair(evutil_socket_t fd, short what, void *arg)
{
	struct engine *e = arg;

	if (!e->up)
		return;
	e->repairs++;
	e->failed = false;
	e->conf.up(e->conf.arg, false);
}

void engine_send(struct engine *e, uint16_t op, const void *record, size_t len, int fd)
{
	int code;

	if (e->sock < 0 || (!e->up && op != DP_HELLO))
		return;
	code = engine_queue_add(&e->queue, op, record, len, fd);
	if (code) {
		log_error("engine: a change was lost: %s", strerror(-code));
		plan_repair(e);
	}
	event_active(e->flush, EV_TIMEOUT, 0);
}

void engine_ask(struct engine *e, const struct engine_question *questions, unsigned count,
		engine_results_cb cb, void *arg)
{
	if (!e->up || engine_queue_ask(&e->queue, questions, count, cb, arg) < 0)
		cb(arg, &(struct buf){ 0 });
	else
		event_active(e->flush, EV_TIMEOUT, 0);
}

static void on_hello(struct engine *e, const struct buf *results)
{
	struct rd r = rd_of(results->data, results->len);
	struct dp_hello hello;

	rd_copy(&r, &hello, sizeof(hello));
	if (r.bad || hello.version != DP_API_VERSION) {
		log_error("engine: speaks API version %u, this weftd %u: end it with "
			  "'weft destroy --all' of its own version", hello.version, DP_API_VERSION);
		disconnect(e);
		return;
	}
	e->hugepages = hello.hugepages;
	e->workers = hello.workers;
	e->up = true;
	backoff_works(&e->backoff, clock_ms());
	e->failed = false;
	e->repairs = 0;
	e->complaint[0] = 0;
	log_info("engine: pid %d, %s, %s", e->pid, hello.has_state ? "forwarding" : "empty",
		 hello.hugepages ? "on huge pages" : "without huge pages");
	e->conf.up(e->conf.arg, !hello.has_state);
}

static void take_answer(struct engine *e, const struct engine_answer *a)
{
	if (!a->ok) {
		if (strcmp(e->complaint, a->reply.error) != 0)
			log_warn("engine: %s", a->reply.error);
		strcpy(e->complaint, a->reply.error);
		plan_repair(e);
		e->refused = true;
		e->conf.refused(e->conf.arg, &a->bad, a->reply.error);
	}
	if (!e->up) {
		on_hello(e, &a->results);
	} else if (!e->failed && engine_queue_idle(&e->queue)) {
		e->repairs = 0;
		e->complaint[0] = 0;
		if (e->refused)
			e->conf.refused(e->conf.arg, NULL, NULL);
		e->refused = false;
	}
}

static void on_readable(evutil_socket_t fd, short what, void *arg)
{
	static uint8_t bytes[DP_DATAGRAM_MAX];
	struct engine *e = arg;

	for (int budget = 64; budget > 0 && e->sock >= 0; budget--) {
		ssize_t n = recv(e->sock, bytes, sizeof(bytes), MSG_DONTWAIT);
		struct engine_answer answer;
		int code;

		if (n < 0 && (errno == EAGAIN || errno == EINTR))
			return;
		code = n <= 0 ? -ECONNRESET : engine_queue_answer(&e->queue, bytes, (size_t)n, &answer);
		if (code == -EAGAIN)
			continue;
		if (code) {
			if (n > 0)
				log_error("engine: an answer to nothing; connecting again");
			disconnect(e);
			timer_after(e->retry, 50);
			return;
		}
		take_answer(e, &answer);
		buf_free(&answer.results);
		on_flush(-1, 0, e);
	}
}

static void on_death(evutil_socket_t fd, short what, void *arg)
{
	struct engine *e = arg;

	engine_describe_end(e->pid, e->why, sizeof(e->why));
	event_free(e->death);
	e->death = NULL;
	close(e->pidfd);
	e->pidfd = -1;
	log_warn("engine: %s", e->why);
	e->pid = 0;
	event_del(e->kill);
	disconnect(e);
	if (e->wanted) {
		/* One that dies of what it is told shall not be started in a tight loop. */
		timer_after(e->retry, backoff_ended(&e->backoff, clock_ms()));
		if (e->conf.died)
			e->conf.died(e->conf.arg, e->why);
		return;
	}
	engine_remove_traces(&e->conf);
	if (e->stopped)
		e->stopped(e->stopped_arg);
	e->stopped = NULL;
}

static void on_kill(evutil_socket_t fd, short what, void *arg)
{
	struct engine *e = arg;

	log_warn("engine: pid %d does not end by itself; killing it", e->pid);
	if (e->pidfd >= 0)
		pidfd_send_signal(e->pidfd, SIGKILL, NULL, 0);
}

static int watch(struct engine *e, pid_t pid)
{
	if (e->pid == pid)
		return 0;
	if (e->pid) { /* another one than the one we started: it must go first */
		kill(e->pid, SIGTERM);
		return -EAGAIN;
	}
	e->pidfd = pidfd_open(pid, 0);
	if (e->pidfd < 0)
		return -errno;
	e->pid = pid;
	e->death = event_new(e->conf.base, e->pidfd, EV_READ, on_death, e);
	if (e->death && event_add(e->death, NULL) == 0)
		return 0;
	log_error("engine: pid %d cannot be watched", pid);
	return -ENOMEM;
}

static int try_connect(struct engine *e)
{
	struct dp_record hello = { 0 };
	struct ucred peer;
	int size = 4 << 20, sock = engine_dial(e->conf.socket, &peer);

	if (sock < 0)
		return sock;
	if (watch(e, peer.pid) < 0) {
		close(sock);
		return -ECONNREFUSED;
	}
	setsockopt(sock, SOL_SOCKET, SO_SNDBUFFORCE, &size, sizeof(size));
	e->sock = sock;
	event_assign(e->readable, e->conf.base, sock, EV_READ | EV_PERSIST, on_readable, e);
	event_assign(e->writable, e->conf.base, sock, EV_WRITE, on_flush, e);
	event_add(e->readable, NULL);
	engine_send(e, DP_HELLO, &hello, sizeof(hello), -1);
	return 0;
}

static void spawn(struct engine *e)
{
	struct err err;
	pid_t pid = engine_spawn(&e->conf, &err);

	if (pid < 0) {
		if (strcmp(e->why, err.text) != 0)
			log_error("engine: %s", err.text);
		snprintf(e->why, sizeof(e->why), "%.255s", err.text);
	} else {
		watch(e, pid);
	}
}

static void on_retry(evutil_socket_t fd, short what, void *arg)
{
	struct engine *e = arg;

	if (e->sock >= 0 || !e->wanted || try_connect(e) == 0)
		return;
	if (!e->pid)
		spawn(e);
	timer_after(e->retry, e->pid ? 20 : 1000 + backoff_ended(&e->backoff, clock_ms()));
}

int engine_create(const struct engine_conf *conf, struct engine **out, struct err *err)
{
	struct engine *e = calloc(1, sizeof(*e));

	if (!e)
		return err_sys(err, -ENOMEM, "engine");
	e->conf = *conf;
	e->backoff = (struct backoff){ .first_ms = 200, .most_ms = 5000 };
	e->sock = e->pidfd = -1;
	e->workers = 1;
	engine_queue_init(&e->queue);
	e->readable = event_new(conf->base, -1, 0, on_readable, e);
	e->writable = event_new(conf->base, -1, 0, on_flush, e);
	e->retry = event_new(conf->base, -1, 0, on_retry, e);
	e->flush = event_new(conf->base, -1, 0, on_flush, e);
	e->repair = event_new(conf->base, -1, 0, on_repair, e);
	e->kill = event_new(conf->base, -1, 0, on_kill, e);
	if (!e->readable || !e->writable || !e->retry || !e->flush || !e->repair || !e->kill) {
		engine_destroy(e);
		return err_sys(err, -ENOMEM, "engine");
	}
	*out = e;
	return 0;
}

void engine_destroy(struct engine *e)
{
	if (!e)
		return;
	disconnect(e);
	struct event *events[] = { e->readable, e->writable, e->retry, e->flush, e->repair, e->kill,
				   e->death };
	for (unsigned i = 0; i < sizeof(events) / sizeof(events[0]); i++)
		if (events[i])
			event_free(events[i]);
	if (e->pidfd >= 0)
		close(e->pidfd);
	free(e);
}

void engine_start(struct engine *e)
{
	if (e->wanted)
		return;
	e->wanted = true;
	on_retry(-1, 0, e);
}

void engine_stop(struct engine *e, void (*done)(void *arg), void *arg)
{
	const struct timeval limit = { .tv_sec = ENGINE_END_S };

	e->wanted = false;
	if (!e->pid) /* one that an earlier weftd has left */
		try_connect(e);
	if (!e->pid) {
		engine_remove_traces(&e->conf);
		done(arg);
		return;
	}
	e->stopped = done;
	e->stopped_arg = arg;
	kill(e->pid, SIGTERM);
	event_add(e->kill, &limit);
}

bool engine_is_up(const struct engine *e)
{
	return e->up;
}

pid_t engine_pid(const struct engine *e)
{
	return e->pid;
}

bool engine_is_repaired(const struct engine *e)
{
	return e->repairs != 0;
}

unsigned engine_failures(const struct engine *e)
{
	return backoff_failures(&e->backoff, clock_ms());
}

const char *engine_why(const struct engine *e)
{
	return e->why;
}

bool engine_has_hugepages(const struct engine *e)
{
	return e->hugepages;
}

unsigned engine_workers(const struct engine *e)
{
	return e->workers;
}
