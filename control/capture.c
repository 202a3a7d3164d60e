/* SPDX-License-Identifier: Apache-2.0 */
#include "control/capture.h"

#include "base/log.h"
#include "base/sock.h"
#include "base/tape.h"
#include "control/capture_priv.h"
#include "control/engine.h"

#include <errno.h>
#include <event2/event.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
	CAPTURES_MAX = 12, /* fewer than DP_CAPTURES_MAX: the engine may be behind */
	CLIENTS_MAX = 64,
	PATIENCE_S = 10, /* for a client to say what it wants */
	ANSWER_MAX = 1 << 20,
};

enum state { CAPTURE_NEW, CAPTURE_BEGINS, CAPTURE_RUNS, CAPTURE_ENDS, CAPTURE_FORGOTTEN };

struct capture {
	TAILQ_ENTRY(capture) entry;
	struct captures *all;
	struct event *readable;
	int sock;
	enum state state;
	uint32_t id, vnet;
	int tape;	     /* until it runs: -1 else */
	json_t *interfaces; /* the same */
};

struct captures {
	TAILQ_HEAD(capture_list, capture) list;
	struct weftd *daemon;
	struct event *acceptable;
	struct sockaddr_un address;
	int sock;
	unsigned count, told; /* of these, captures that the engine was told of */
	uint32_t last_id;
};

static void capture_free(struct capture *c)
{
	TAILQ_REMOVE(&c->all->list, c, entry);
	c->all->count--;
	c->all->told -= c->id != 0;
	if (c->readable)
		event_free(c->readable);
	if (c->tape >= 0)
		close(c->tape);
	close(c->sock);
	json_decref(c->interfaces);
	free(c);
}

/* A datagram of JSON, with a descriptor or -1. Takes o. A client that does not take it is gone, or
 * as good as: that is seen when its connection ends. */
static void say(const struct capture *c, json_t *o, int fd)
{
	char *text = json_dumps(o, JSON_COMPACT), control[CMSG_SPACE(sizeof(fd))] = { 0 };
	struct iovec iov = { text, text ? strlen(text) : 0 };
	struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1 };

	if (fd >= 0) {
		struct cmsghdr *h;

		msg.msg_control = control;
		msg.msg_controllen = sizeof(control);
		h = CMSG_FIRSTHDR(&msg);
		h->cmsg_level = SOL_SOCKET;
		h->cmsg_type = SCM_RIGHTS;
		h->cmsg_len = CMSG_LEN(sizeof(fd));
		memcpy(CMSG_DATA(h), &fd, sizeof(fd));
	}
	if (text && sendmsg(c->sock, &msg, MSG_NOSIGNAL | MSG_DONTWAIT) < 0)
		log_warn("capture %u: its client takes no answer: %s", c->id, strerror(errno));
	free(text);
	json_decref(o);
}

/* The client is told why, and that is all. The engine has forgotten it, or is told to. */
static void capture_over(struct capture *c, const char *why)
{
	say(c, json_pack("{s:s}", "error", why), -1);
	if (c->state == CAPTURE_BEGINS || c->state == CAPTURE_ENDS) {
		c->state = CAPTURE_FORGOTTEN; /* an answer of the engine's is to come */
		shutdown(c->sock, SHUT_RDWR);
		event_del(c->readable);
		return;
	}
	capture_free(c);
}

static void tell_end(const struct capture *c)
{
	struct dp_id rec = { .id = c->id };

	engine_send(c->all->daemon->engine, DP_CAPTURE_DEL, &rec, sizeof(rec), -1);
}

/* Asks something that always has an answer: when that comes, all that was sent before has been done. */
static void await_engine(struct capture *c, engine_results_cb done)
{
	static const struct dp_record rec;
	static const struct engine_question question = { DP_MEMORY_GET, sizeof(rec), &rec };

	engine_ask(c->all->daemon->engine, &question, 1, done, c);
}

/* The engine writes nothing more: the client may read what there is to its end. */
static void on_ended(void *arg, const struct buf *results)
{
	capture_free(arg);
}

/* The engine has done what it was told: the client may begin. */
static void on_begun(void *arg, const struct buf *results)
{
	struct capture *c = arg;
	json_t *o;

	if (c->state == CAPTURE_FORGOTTEN) {
		capture_free(c);
		return;
	}
	if (!results->len) {
		tell_end(c); /* it may be that it has only not said so */
		c->state = CAPTURE_NEW;
		capture_over(c, "the engine does not run");
		return;
	}
	o = json_pack("{s:O}", "interfaces", c->interfaces);
	say(c, o, c->tape);
	json_decref(c->interfaces);
	close(c->tape);
	c->interfaces = NULL;
	c->tape = -1;
	c->state = CAPTURE_RUNS;
}

static int program(struct capture *c, const struct capture_request *r, struct err *err)
{
	struct engine *engine = c->all->daemon->engine;
	struct tape_shape shape = { .tracks = engine_workers(engine) + 2, .channels = r->count };
	struct dp_capture rec = { .vnet = r->vnet, .snap = r->snap, .channels = r->count };

	if (!engine_is_up(engine))
		return err_set(err, -ENOTCONN, "the engine does not run");
	if (c->all->told == CAPTURES_MAX)
		return err_set(err, -EBUSY, "there are %d captures already", CAPTURES_MAX);
	for (unsigned i = 0; i < shape.tracks && i < TAPE_TRACKS_MAX; i++)
		shape.blocks[i] = i + 2 < shape.tracks ? DP_CAPTURE_BLOCKS : DP_CAPTURE_BLOCKS_OTHER;
	c->tape = tape_memory("weft-capture", &shape);
	if (c->tape < 0)
		return err_sys(err, c->tape, "memory for a capture");
	c->vnet = r->vnet;
	c->id = rec.id = ++c->all->last_id;
	c->all->told++;
	c->interfaces = json_incref(r->interfaces);
	engine_send(engine, DP_CAPTURE_SET, &rec, sizeof(rec), c->tape);
	for (uint32_t i = 0; i < r->count; i++) {
		struct dp_capture_port port = { .capture = c->id, .port = r->ports[i].id, .channel = i,
						.flags = r->ports[i].flags };

		if (port.port)
			engine_send(engine, DP_CAPTURE_PORT, &port, sizeof(port), -1);
	}
	c->state = CAPTURE_BEGINS;
	/* Behind all that: its answer says that it is so. May be at once, and free c. */
	await_engine(c, on_begun);
	return 0;
}

static void on_request(struct capture *c, const char *bytes, size_t len)
{
	struct capture_request r;
	struct err err;
	json_t *o = json_loadb(bytes, len, 0, NULL);
	int code = capture_request_parse(c->all->daemon, o, &r, &err);

	json_decref(o);
	if (code) {
		capture_over(c, err.text);
		return;
	}
	if (program(c, &r, &err))
		capture_over(c, err.text);
	capture_request_free(&r);
}

static void on_readable(evutil_socket_t fd, short what, void *arg)
{
	struct capture *c = arg;
	char bytes[4096];
	ssize_t n = what & EV_TIMEOUT ? 0 : recv(fd, bytes, sizeof(bytes), MSG_DONTWAIT);

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n > 0 && c->state == CAPTURE_NEW) {
		event_remove_timer(c->readable);
		on_request(c, bytes, (size_t)n);
		return;
	}
	event_del(c->readable);
	switch (c->state) {
	case CAPTURE_NEW:
		capture_free(c);
		break;
	case CAPTURE_BEGINS:
		tell_end(c);
		c->state = CAPTURE_FORGOTTEN;
		break;
	default: /* it has ended, or says that it wants no more */
		tell_end(c);
		c->state = CAPTURE_ENDS;
		await_engine(c, on_ended);
	}
}

static void on_acceptable(evutil_socket_t fd, short what, void *arg)
{
	const struct timeval patience = { .tv_sec = PATIENCE_S };
	struct captures *all = arg;
	struct capture *c;
	int sock = accept4(fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK), size = ANSWER_MAX;

	if (sock < 0)
		return;
	c = all->count < CLIENTS_MAX ? calloc(1, sizeof(*c)) : NULL;
	if (!c) {
		close(sock);
		return;
	}
	*c = (struct capture){ .all = all, .sock = sock, .tape = -1 };
	TAILQ_INSERT_TAIL(&all->list, c, entry);
	all->count++;
	setsockopt(sock, SOL_SOCKET, SO_SNDBUFFORCE, &size, sizeof(size));
	c->readable = event_new(all->daemon->base, sock, EV_READ | EV_PERSIST, on_readable, c);
	if (!c->readable || event_add(c->readable, &patience) < 0)
		capture_free(c);
}

int captures_create(struct weftd *d, const char *socket_path, struct captures **out, struct err *err)
{
	struct captures *all = calloc(1, sizeof(*all));
	int code;

	if (!all)
		return err_sys(err, -ENOMEM, "%s", socket_path);
	TAILQ_INIT(&all->list);
	all->daemon = d;
	all->sock = -1;
	code = sock_address(&all->address, socket_path, err);
	if (code)
		goto fail;
	unlink(socket_path);
	all->sock = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (all->sock < 0 ||
	    bind(all->sock, (struct sockaddr *)&all->address, sizeof(all->address)) < 0 ||
	    chmod(socket_path, 0660) < 0 || listen(all->sock, CLIENTS_MAX) < 0) {
		code = err_sys(err, -errno, "%s", socket_path);
		goto fail;
	}
	all->acceptable = event_new(d->base, all->sock, EV_READ | EV_PERSIST, on_acceptable, all);
	if (!all->acceptable || event_add(all->acceptable, NULL) < 0) {
		code = err_sys(err, -ENOMEM, "%s", socket_path);
		goto fail;
	}
	*out = all;
	return 0;
fail:
	captures_destroy(all);
	return code;
}

void captures_destroy(struct captures *all)
{
	struct capture *c;

	if (!all)
		return;
	while ((c = TAILQ_FIRST(&all->list)))
		capture_free(c);
	if (all->acceptable)
		event_free(all->acceptable);
	if (all->sock >= 0) {
		close(all->sock);
		unlink(all->address.sun_path);
	}
	free(all);
}

/* Those that the engine has been told of and that are not ending. */
static void captures_over(struct captures *all, bool (*is_meant)(const struct capture *c, uint32_t id),
			  uint32_t id, const char *why)
{
	struct capture *c, *next;

	for (c = all ? TAILQ_FIRST(&all->list) : NULL; c; c = next) {
		next = TAILQ_NEXT(c, entry);
		if ((c->state == CAPTURE_BEGINS || c->state == CAPTURE_RUNS) && is_meant(c, id)) {
			tell_end(c);
			capture_over(c, why);
		}
	}
}

static bool is_any(const struct capture *c, uint32_t id)
{
	return true;
}

static bool is_it(const struct capture *c, uint32_t id)
{
	return c->id == id;
}

static bool is_of_vnet(const struct capture *c, uint32_t id)
{
	return c->vnet == id;
}

void captures_engine_up(struct captures *all)
{
	captures_over(all, is_any, 0, "the engine has begun anew");
}

void captures_refused(struct captures *all, const struct dp_id *bad, const char *why)
{
	if (bad && (bad->rec.op == DP_CAPTURE_SET || bad->rec.op == DP_CAPTURE_PORT))
		captures_over(all, is_it, bad->id, why);
}

void captures_vnet_gone(struct captures *all, uint32_t vnet)
{
	captures_over(all, is_of_vnet, vnet, "its vnet is destroyed");
}
