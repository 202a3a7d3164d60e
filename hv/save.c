/* SPDX-License-Identifier: Apache-2.0 */
#include "hv/save_priv.h"

#include <errno.h>
#include <event2/event.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

enum { AT_A_TIME = 2 };

/* An eventfd that counts the threads that may still start to work. */
static int slots = -1;

static void make_slots(void)
{
	slots = eventfd(AT_A_TIME, EFD_CLOEXEC | EFD_NONBLOCK | EFD_SEMAPHORE);
}

static void unref(struct save *s)
{
	if (atomic_fetch_sub(&s->refs, 1) > 1)
		return;
	saved_close(&s->verdict_fd);
	saved_close(&s->result_fd);
	saved_close(&s->conf.source);
	saved_close(&s->conf.base);
	free(s);
}

static time_t now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec;
}

int save_await(struct save *s, int fd, int ms, struct err *err)
{
	for (;;) {
		struct pollfd p[2] = { { .fd = s->verdict_fd, .events = POLLIN },
				       { .fd = fd, .events = POLLIN } };
		uint64_t count;
		int n = poll(p, 2, ms);

		if (n < 0 && errno != EINTR)
			return err_sys(err, -errno, "poll");
		if (n == 0 || (s->end && now() > s->end))
			return err_set(err, -ETIMEDOUT, "the machine did not send its state in "
				       "time");
		if (n > 0 && p[0].revents && read(s->verdict_fd, &count, sizeof(count)) > 0 &&
		    s->verdict == SAVE_CANCELLED)
			return err_set(err, -ECANCELED, "the machine did not send its state");
		if (n > 0 && (fd < 0 ? s->verdict != SAVE_GOES_ON : p[1].revents != 0))
			return 0;
	}
}

static int take_slot(struct save *s, struct err *err)
{
	uint64_t one;
	int code;

	do
		code = save_await(s, slots, -1, err);
	while (!code && read(slots, &one, sizeof(one)) < 0);
	s->slot = !code;
	return code;
}

static void give_slot(struct save *s)
{
	const uint64_t one = 1;

	if (!s->slot)
		return;
	s->slot = false;
	if (write(slots, &one, sizeof(one)) < 0)
		abort(); /* counts to 2^64 */
}

int save_open_writer(struct save *s, bool whole, struct err *err)
{
	const struct saved_writer_conf conf = { .dir = s->dir, .as_template = whole,
						.saved = s->conf.saved, .base = s->conf.base };

	return saved_writer_open(&conf, &s->writer, err);
}

static int work(struct save *s, struct err *err)
{
	int code;

	s->end = now() + SAVE_DURATION_MS / 1000;
	code = s->conf.take(s, err);
	give_slot(s); /* disks flush for many at once */
	if (!code)
		code = saved_writer_finish(s->writer, err);
	saved_writer_destroy(s->writer);
	s->writer = NULL;
	saved_close(&s->conf.source);
	return code;
}

static void *thread(void *arg)
{
	const uint64_t one = 1;
	struct save *s = arg;

	s->code = take_slot(s, &s->err);
	if (!s->code)
		s->code = work(s, &s->err);
	if (write(s->result_fd, &one, sizeof(one)) < 0)
		abort();
	unref(s);
	return NULL;
}

static void finished(evutil_socket_t fd, short what, void *arg)
{
	struct save *s = arg;

	event_del(s->result);
	s->done(s->arg, s->code ? s->err.text : NULL); /* may destroy */
}

/* No signal of the process's is for it. */
static int start_thread(struct save *s)
{
	pthread_attr_t attr;
	sigset_t none, old;
	pthread_t id;
	int code;

	sigfillset(&none);
	pthread_attr_init(&attr);
	pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
	pthread_sigmask(SIG_SETMASK, &none, &old);
	code = -pthread_create(&id, &attr, thread, s);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	pthread_attr_destroy(&attr);
	return code;
}

int save_start(struct event_base *base, const struct save_conf *conf, save_done_cb done, void *arg,
	       struct save **out, struct err *err)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;
	struct save *s = calloc(1, sizeof(*s));
	int source = conf->source, code = -ENOMEM;

	pthread_once(&once, make_slots);
	if (!s || slots < 0) {
		free(s);
		saved_close(&source);
		return err_sys(err, -ENOMEM, "%s", conf->dir);
	}
	s->refs = 2;
	s->done = done;
	s->arg = arg;
	s->conf = *conf;
	snprintf(s->dir, sizeof(s->dir), "%s", conf->dir);
	snprintf(s->machine, sizeof(s->machine), "%s", conf->machine);
	s->conf.base = conf->base < 0 ? -1 : fcntl(conf->base, F_DUPFD_CLOEXEC, 3);
	s->verdict_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	s->result_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	s->result = event_new(base, s->result_fd, EV_READ, finished, s);
	if (s->verdict_fd >= 0 && s->result_fd >= 0 && s->result && event_add(s->result, NULL) == 0)
		code = start_thread(s);
	if (!code) {
		*out = s;
		return 0;
	}
	if (s->result)
		event_free(s->result);
	s->refs = 1;
	unref(s);
	return err_sys(err, code, "%s", conf->dir);
}

static void tell(struct save *s, enum save_verdict verdict)
{
	const uint64_t one = 1;

	s->verdict = verdict;
	if (write(s->verdict_fd, &one, sizeof(one)) < 0)
		abort();
}

void save_complete(struct save *s)
{
	tell(s, SAVE_COMPLETE);
}

void save_cancel(struct save *s)
{
	tell(s, SAVE_CANCELLED);
}

void save_destroy(struct save *s)
{
	if (!s)
		return;
	tell(s, SAVE_CANCELLED);
	event_free(s->result);
	unref(s);
}
