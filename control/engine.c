/* SPDX-License-Identifier: Apache-2.0 */
#include "control/engine.h"

#include "base/log.h"
#include "base/rd.h"
#include "control/engine_priv.h"
#include "control/store.h"

#include <errno.h>
#include <event2/event.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/queue.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

/* A request: built by engine_send, sent when the socket takes it, kept until its reply. */
struct request {
	STAILQ_ENTRY(request) entry;
	struct buf bytes; /* struct dp_request and records */
	uint32_t seq, count;
	unsigned fd_count;
	int fds[DP_FDS_MAX];
	engine_stats_cb stats_cb;
	void *stats_arg;
	struct buf results;
};

STAILQ_HEAD(request_list, request);

struct engine {
	struct engine_conf conf;
	bool wanted; /* an engine shall run */
	bool up;     /* hello answered */
	int sock;    /* -1: not connected */
	pid_t pid;   /* 0: none known */
	int pidfd;
	uint32_t seq;
	bool hugepages;
	unsigned failures; /* deaths in a row, for the backoff */
	struct event *readable, *writable, *death, *retry, *flush;
	struct request *open;	     /* being filled */
	struct request_list waiting; /* to be sent */
	struct request_list sent;    /* to be answered */
	void (*stopped)(void *arg);
	void *stopped_arg;
};

static void request_free(struct request *r)
{
	if (!r)
		return;
	for (unsigned i = 0; i < r->fd_count; i++)
		close(r->fds[i]);
	buf_free(&r->bytes);
	buf_free(&r->results);
	free(r);
}

static struct request *request_create(struct engine *e)
{
	struct request *r = calloc(1, sizeof(*r));

	if (!r)
		return NULL;
	r->seq = ++e->seq;
	buf_reserve(&r->bytes, sizeof(struct dp_request));
	return r;
}

/* Ends every request that waits for an answer: the engine is gone. */
static void drop_requests(struct engine *e)
{
	struct request *r;

	STAILQ_CONCAT(&e->sent, &e->waiting);
	if (e->open)
		STAILQ_INSERT_TAIL(&e->sent, e->open, entry);
	e->open = NULL;
	while ((r = STAILQ_FIRST(&e->sent))) {
		STAILQ_REMOVE_HEAD(&e->sent, entry);
		if (r->stats_cb) {
			buf_reset(&r->results);
			r->stats_cb(r->stats_arg, &r->results);
		}
		request_free(r);
	}
}

static void disconnect(struct engine *e)
{
	if (e->sock < 0)
		return;
	event_del(e->readable);
	event_del(e->writable);
	close(e->sock);
	e->sock = -1;
	e->up = false;
	drop_requests(e);
}

static void retry_in(struct engine *e, unsigned ms)
{
	struct timeval tv = { .tv_sec = ms / 1000, .tv_usec = (ms % 1000) * 1000 };

	event_add(e->retry, &tv);
}

/* Sends one datagram with its descriptors; false: the socket takes no more now. */
static bool transmit(struct engine *e, struct request *r)
{
	struct dp_request head = { .seq = r->seq, .count = r->count };
	struct iovec iov = { .iov_base = r->bytes.data, .iov_len = r->bytes.len };
	char control[CMSG_SPACE(sizeof(r->fds))];
	struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1 };

	memcpy(r->bytes.data, &head, sizeof(head));
	if (r->fd_count) {
		struct cmsghdr *c;

		msg.msg_control = control;
		msg.msg_controllen = CMSG_SPACE(r->fd_count * sizeof(int));
		c = CMSG_FIRSTHDR(&msg);
		c->cmsg_level = SOL_SOCKET;
		c->cmsg_type = SCM_RIGHTS;
		c->cmsg_len = CMSG_LEN(r->fd_count * sizeof(int));
		memcpy(CMSG_DATA(c), r->fds, r->fd_count * sizeof(int));
	}
	if (sendmsg(e->sock, &msg, MSG_NOSIGNAL) < 0) {
		if (errno == EAGAIN || errno == ENOBUFS)
			return false;
		log_warn("engine: send: %s", strerror(errno)); /* its death is seen on the pidfd */
	}
	for (unsigned i = 0; i < r->fd_count; i++)
		close(r->fds[i]);
	r->fd_count = 0;
	return true;
}

static void on_flush(evutil_socket_t fd, short what, void *arg)
{
	struct engine *e = arg;
	struct request *r;

	if (e->sock < 0)
		return;
	if (e->open && e->open->count) {
		STAILQ_INSERT_TAIL(&e->waiting, e->open, entry);
		e->open = NULL;
	}
	while ((r = STAILQ_FIRST(&e->waiting))) {
		if (!transmit(e, r)) {
			event_add(e->writable, NULL);
			return;
		}
		STAILQ_REMOVE_HEAD(&e->waiting, entry);
		STAILQ_INSERT_TAIL(&e->sent, r, entry);
	}
}

void engine_send(struct engine *e, uint16_t op, const void *record, size_t len, int fd)
{
	size_t padded = (len + 7) & ~(size_t)7;
	struct dp_record rec = { .op = op, .len = (uint16_t)padded };
	struct request *r = e->open;
	uint8_t *at;

	if (e->sock < 0 || (!e->up && op != DP_HELLO))
		return;
	if (r && (r->bytes.len + padded > DP_DATAGRAM_MAX || r->count == DP_RECORDS_MAX ||
		  (fd >= 0 && r->fd_count == DP_FDS_MAX))) {
		STAILQ_INSERT_TAIL(&e->waiting, r, entry);
		r = NULL;
	}
	if (!r)
		r = e->open = request_create(e);
	at = r ? buf_reserve(&r->bytes, padded) : NULL;
	if (!at) {
		log_error("engine: out of memory; a change was lost");
		return;
	}
	memcpy(at, record, len);
	memcpy(at, &rec, sizeof(rec));
	r->count++;
	if (fd >= 0)
		r->fds[r->fd_count++] = fcntl(fd, F_DUPFD_CLOEXEC, 3);
	event_active(e->flush, EV_TIMEOUT, 0);
}

void engine_stats(struct engine *e, engine_stats_cb cb, void *arg)
{
	static const uint16_t ops[] = { DP_PORT_GET, DP_VNET_GET, DP_FIB_GET };
	struct dp_id all = { .id = 0 };
	struct buf none = { 0 };

	if (!e->up) {
		cb(arg, &none);
		return;
	}
	/* A request of its own, behind everything that was sent before. */
	if (e->open && e->open->count) {
		STAILQ_INSERT_TAIL(&e->waiting, e->open, entry);
		e->open = NULL;
	}
	for (unsigned i = 0; i < sizeof(ops) / sizeof(ops[0]); i++)
		engine_send(e, ops[i], &all, sizeof(all), -1);
	if (!e->open) {
		cb(arg, &none);
		return;
	}
	e->open->stats_cb = cb;
	e->open->stats_arg = arg;
	STAILQ_INSERT_TAIL(&e->waiting, e->open, entry);
	e->open = NULL;
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
	e->up = true;
	e->failures = 0;
	log_info("engine: pid %d, %s, %s", e->pid, hello.has_state ? "forwarding" : "empty",
		 hello.hugepages ? "on huge pages" : "without huge pages");
	e->conf.up(e->conf.arg, !hello.has_state);
}

static void finish(struct engine *e, struct request *r, const struct dp_reply *reply)
{
	if (reply->status < 0)
		log_warn("engine: record %u of request %u: %.*s", reply->index, reply->seq,
			 (int)sizeof(reply->error), reply->error);
	if (r->stats_cb)
		r->stats_cb(r->stats_arg, &r->results);
	else if (!e->up)
		on_hello(e, &r->results);
	request_free(r);
}

static void on_readable(evutil_socket_t fd, short what, void *arg)
{
	static uint8_t bytes[DP_DATAGRAM_MAX];
	struct engine *e = arg;

	for (int budget = 64; budget > 0 && e->sock >= 0; budget--) {
		ssize_t n = recv(e->sock, bytes, sizeof(bytes), MSG_DONTWAIT);
		struct request *req = STAILQ_FIRST(&e->sent);
		struct dp_reply reply;
		struct rd r;

		if (n < 0 && (errno == EAGAIN || errno == EINTR))
			return;
		if (n <= 0) {
			disconnect(e);
			retry_in(e, 50);
			return;
		}
		r = rd_of(bytes, (size_t)n);
		rd_copy(&r, &reply, sizeof(reply));
		if (r.bad || !req || reply.seq != req->seq) {
			log_error("engine: an answer to nothing; connecting again");
			disconnect(e);
			retry_in(e, 50);
			return;
		}
		buf_put(&req->results, r.p, r.left);
		if (reply.flags & DP_REPLY_MORE)
			continue;
		STAILQ_REMOVE_HEAD(&e->sent, entry);
		finish(e, req, &reply);
	}
}

static void on_death(evutil_socket_t fd, short what, void *arg)
{
	struct engine *e = arg;

	waitpid(e->pid, NULL, WNOHANG); /* when it was ours */
	event_free(e->death);
	e->death = NULL;
	close(e->pidfd);
	e->pidfd = -1;
	log_warn("engine: pid %d ended", e->pid);
	e->pid = 0;
	disconnect(e);
	if (e->wanted) {
		unsigned backoff = e->failures < 6 ? 100u << e->failures : 5000;

		retry_in(e, e->failures++ ? backoff : 0);
		return;
	}
	engine_hugepages_release(e->conf.store);
	unlink(e->conf.socket);
	if (e->stopped)
		e->stopped(e->stopped_arg);
	e->stopped = NULL;
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
	event_add(e->death, NULL);
	return 0;
}

static int try_connect(struct engine *e)
{
	struct sockaddr_un addr = { .sun_family = AF_UNIX };
	struct dp_record hello = { 0 };
	struct ucred peer;
	socklen_t len = sizeof(peer);
	int size = 4 << 20, sock;

	strncpy(addr.sun_path, e->conf.socket, sizeof(addr.sun_path) - 1);
	sock = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (sock < 0)
		return -errno;
	if (connect(sock, (struct sockaddr *)&addr, sizeof(addr)) < 0 ||
	    getsockopt(sock, SOL_SOCKET, SO_PEERCRED, &peer, &len) < 0 || watch(e, peer.pid) < 0) {
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

static void on_retry(evutil_socket_t fd, short what, void *arg)
{
	struct engine *e = arg;
	struct err err;
	pid_t pid;

	if (e->sock >= 0 || !e->wanted || try_connect(e) == 0)
		return;
	if (!e->pid) {
		pid = engine_spawn(&e->conf, engine_hugepages_reserve(e->conf.store), &err);
		if (pid < 0)
			log_error("engine: %s", err.text);
		else
			watch(e, pid);
	}
	retry_in(e, e->pid ? 20 : 1000);
}

int engine_create(const struct engine_conf *conf, struct engine **out, struct err *err)
{
	struct engine *e = calloc(1, sizeof(*e));

	if (!e)
		return err_sys(err, -ENOMEM, "engine");
	e->conf = *conf;
	e->sock = e->pidfd = -1;
	STAILQ_INIT(&e->waiting);
	STAILQ_INIT(&e->sent);
	e->readable = event_new(conf->base, -1, 0, on_readable, e);
	e->writable = event_new(conf->base, -1, 0, on_flush, e);
	e->retry = event_new(conf->base, -1, 0, on_retry, e);
	e->flush = event_new(conf->base, -1, 0, on_flush, e);
	if (!e->readable || !e->writable || !e->retry || !e->flush) {
		engine_destroy(e);
		return err_sys(err, -ENOMEM, "engine");
	}
	*out = e;
	return 0;
}

void engine_destroy(struct engine *e)
{
	struct event *events[5];

	if (!e)
		return;
	disconnect(e);
	if (e->pidfd >= 0)
		close(e->pidfd);
	memcpy(events, (struct event *[]){ e->readable, e->writable, e->retry, e->flush, e->death },
	       sizeof(events));
	for (unsigned i = 0; i < 5; i++)
		if (events[i])
			event_free(events[i]);
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
	e->wanted = false;
	if (!e->pid) /* one that an earlier weftd has left */
		try_connect(e);
	if (!e->pid) {
		engine_hugepages_release(e->conf.store);
		done(arg);
		return;
	}
	e->stopped = done;
	e->stopped_arg = arg;
	kill(e->pid, SIGTERM);
}

bool engine_is_up(const struct engine *e)
{
	return e->up;
}

pid_t engine_pid(const struct engine *e)
{
	return e->pid;
}

bool engine_has_hugepages(const struct engine *e)
{
	return e->hugepages;
}
