/* SPDX-License-Identifier: Apache-2.0 */
#include "hv/qemu_save_priv.h"

#include "base/sock.h"
#include "hv/qemu_stream_priv.h"
#include "hv/saved_writer_priv.h"

#include <errno.h>
#include <event2/event.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

enum {
	AT_A_TIME = 2,
	SILENCE_MS = 30 * 1000, /* a machine that sends nothing for so long has failed, */
	DURATION_S = 600,	/* and one that takes so long in all */
};

enum verdict { VERDICT_NONE, VERDICT_COMPLETE, VERDICT_CANCEL };

struct save {
	atomic_uint refs; /* the owner's and the thread's */
	_Atomic enum verdict verdict;
	int verdict_fd; /* eventfd: owner to thread */
	int result_fd;	/* eventfd: thread to owner */
	struct err err; /* the thread's, until result_fd; then the owner's */
	int code;
	struct event *result;
	save_done_cb done;
	void *arg;
	/* the thread's */
	struct save_conf conf;
	char dir[PATH_MAX], machine[SOCK_PATH_MAX];
	int listener, stream;
	bool slot;
	struct saved_writer *writer;
	time_t end; /* CLOCK_MONOTONIC */
};

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
	saved_close(&s->listener);
	saved_close(&s->stream);
	saved_close(&s->conf.base);
	free(s);
}

static time_t now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec;
}

/* Waits until fd (-1: the verdict) is readable. ms: -1 waits for ever. */
static int await(struct save *s, int fd, int ms, struct err *err)
{
	for (;;) {
		struct pollfd p[2] = { { .fd = s->verdict_fd, .events = POLLIN },
				       { .fd = fd, .events = POLLIN } };
		uint64_t count;
		int n = poll(p, 2, ms);

		if (n < 0 && errno != EINTR)
			return err_sys(err, -errno, "poll");
		if (n == 0 || (s->end && now() > s->end))
			return err_set(err, -ETIMEDOUT, "the machine did not send its state in time");
		if (n > 0 && p[0].revents && read(s->verdict_fd, &count, sizeof(count)) > 0 &&
		    s->verdict == VERDICT_CANCEL)
			return err_set(err, -ECANCELED, "the machine did not send its state");
		if (n > 0 && (fd < 0 ? s->verdict != VERDICT_NONE : p[1].revents != 0))
			return 0;
	}
}

static int take_slot(struct save *s, struct err *err)
{
	uint64_t one;
	int code;

	do
		code = await(s, slots, -1, err);
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

/* The path is in a directory of the machine's: who connects must be that very process. */
static int accept_machine(struct save *s, struct err *err)
{
	char path[SOCK_PATH_MAX + 16];
	struct ucred peer;
	socklen_t len = sizeof(peer);
	int code = await(s, s->listener, SILENCE_MS, err);

	if (code)
		return code;
	s->stream = accept4(s->listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
	if (s->stream < 0)
		return err_sys(err, -errno, "%s/" SAVE_SOCKET, s->machine);
	if (getsockopt(s->stream, SOL_SOCKET, SO_PEERCRED, &peer, &len) < 0 ||
	    peer.pid != s->conf.pid || peer.uid != s->conf.uid)
		return err_set(err, -EACCES, "%s/" SAVE_SOCKET ": somebody else connected", s->machine);
	snprintf(path, sizeof(path), "%s/" SAVE_SOCKET, s->machine);
	unlink(path);
	return 0;
}

static ssize_t read_stream(void *arg, void *bytes, size_t len, struct err *err)
{
	struct save *s = arg;

	for (;;) {
		ssize_t n = read(s->stream, bytes, len);
		int code;

		if (n >= 0)
			return n;
		if (errno != EAGAIN && errno != EINTR)
			return err_sys(err, -errno, "the machine's state");
		code = await(s, s->stream, SILENCE_MS, err);
		if (code)
			return code;
	}
}

static int write_state(void *arg, const void *bytes, size_t len, struct err *err)
{
	return saved_writer_state(((struct save *)arg)->writer, bytes, len, err);
}

static int take_page(void *arg, uint64_t offset, const uint8_t *bytes, struct err *err)
{
	return saved_writer_page(((struct save *)arg)->writer, offset, bytes, err);
}

static int work(struct save *s, struct err *err)
{
	static const struct qemu_stream_ops ops = { read_stream, write_state, take_page };
	const struct saved_writer_conf conf = { .dir = s->dir, .as_template = s->conf.as_template,
						.saved = s->conf.saved, .base = s->conf.base };
	int code;

	s->end = now() + DURATION_S;
	code = accept_machine(s, err);
	if (!code)
		code = saved_writer_open(&conf, &s->writer, err);
	if (!code)
		code = qemu_stream_filter(&ops, s, (uint64_t)conf.saved.memory_mib << 20, err);
	if (!code && s->verdict != VERDICT_COMPLETE) /* the end of what it sent proves nothing */
		code = await(s, -1, SILENCE_MS, err);
	give_slot(s); /* disks flush for many at once */
	if (!code)
		code = saved_writer_finish(s->writer, err);
	saved_writer_destroy(s->writer);
	s->writer = NULL;
	/* Where it failed, the machine notices now that nobody listens. */
	saved_close(&s->stream);
	saved_close(&s->listener);
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

/* Returns the listening socket, which only uid can reach, or -errno. */
static int listen_in(const char *dir, uid_t uid, struct err *err)
{
	struct sockaddr_un sa = { .sun_family = AF_UNIX };
	int fd, path = -1, code = 0;
	struct stat st;

	if (snprintf(sa.sun_path, sizeof(sa.sun_path), "%s/" SAVE_SOCKET, dir) >=
	    (int)sizeof(sa.sun_path))
		return err_sys(err, -ENAMETOOLONG, "%s/" SAVE_SOCKET, dir);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return err_sys(err, -errno, "%s", sa.sun_path);
	unlink(sa.sun_path);
	if (bind(fd, (struct sockaddr *)&sa, sizeof(sa)) < 0 || listen(fd, 1) < 0)
		code = -errno;
	/* It is given away by descriptor: the path may be something else by now. */
	if (!code)
		path = open(sa.sun_path, O_PATH | O_NOFOLLOW | O_CLOEXEC);
	if (!code && (path < 0 || fstat(path, &st) < 0))
		code = -errno;
	if (!code && (!S_ISSOCK(st.st_mode) || st.st_uid != geteuid()))
		code = -EACCES;
	if (!code && fchownat(path, "", uid, uid, AT_EMPTY_PATH) < 0)
		code = -errno;
	saved_close(&path);
	if (!code)
		return fd;
	close(fd);
	return err_sys(err, code, "%s", sa.sun_path);
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
	int code;

	pthread_once(&once, make_slots);
	if (!s || slots < 0) {
		free(s);
		return err_sys(err, -ENOMEM, "%s", conf->dir);
	}
	s->refs = 2;
	s->done = done;
	s->arg = arg;
	s->conf = *conf;
	s->stream = -1;
	snprintf(s->dir, sizeof(s->dir), "%s", conf->dir);
	snprintf(s->machine, sizeof(s->machine), "%s", conf->machine);
	s->conf.base = conf->base < 0 ? -1 : fcntl(conf->base, F_DUPFD_CLOEXEC, 3);
	s->verdict_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	s->result_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	s->listener = code = listen_in(conf->machine, conf->uid, err);
	if (code < 0)
		goto fail;
	s->result = event_new(base, s->result_fd, EV_READ, finished, s);
	code = -ENOMEM;
	if (s->verdict_fd >= 0 && s->result && event_add(s->result, NULL) == 0)
		code = start_thread(s);
	if (code) {
		err_sys(err, code, "%s", conf->dir);
		goto fail;
	}
	*out = s;
	return 0;

fail:
	if (s->result)
		event_free(s->result);
	s->refs = 1;
	unref(s);
	return code;
}

static void tell(struct save *s, enum verdict verdict)
{
	const uint64_t one = 1;

	s->verdict = verdict;
	if (write(s->verdict_fd, &one, sizeof(one)) < 0)
		abort();
}

void save_complete(struct save *s)
{
	tell(s, VERDICT_COMPLETE);
}

void save_cancel(struct save *s)
{
	tell(s, VERDICT_CANCEL);
}

void save_destroy(struct save *s)
{
	if (!s)
		return;
	tell(s, VERDICT_CANCEL);
	event_free(s->result);
	unref(s);
}
