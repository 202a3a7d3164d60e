/* SPDX-License-Identifier: Apache-2.0 */
#include "control/gate.h"

#include "base/sock.h"
#include "control/user.h"

#include <errno.h>
#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/event.h>
#include <event2/listener.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
	CLIENTS_MAX = 512,
	CLIENTS_OF_UID = 64, /* with tokens or without */
	CLIENTS_OF_USER = 16,
	PATIENCE_S = 10,  /* for the head of the first request */
	PART = 256 << 10, /* that waits in the gate, each way */
};

struct visitor {
	TAILQ_ENTRY(visitor) entry;
	struct gate *gate;
	struct bufferevent *outer, *inner; /* inner: NULL until it has a token */
	struct event *patience;
	uid_t uid;
	uint32_t user; /* 0: not known */
	bool leaving;  /* what it is to be told yet is under way, and that is all */
};

struct gate {
	struct weftd *daemon;
	struct evconnlistener *listener;
	struct sockaddr_un address, inner;
	TAILQ_HEAD(visitor_list, visitor) visitors;
	unsigned count;
};

static void visitor_free(struct visitor *c)
{
	TAILQ_REMOVE(&c->gate->visitors, c, entry);
	c->gate->count--;
	if (c->patience)
		event_free(c->patience);
	if (c->inner)
		bufferevent_free(c->inner);
	if (c->outer)
		bufferevent_free(c->outer);
	free(c);
}

static void on_late(evutil_socket_t fd, short what, void *arg)
{
	visitor_free(arg);
}

/* The server has done with it: when it has taken what there is for it, or patience has an end, it goes. */
static void leave(struct visitor *c)
{
	static const struct timeval limit = { .tv_sec = PATIENCE_S };

	c->leaving = true;
	bufferevent_free(c->inner);
	c->inner = NULL;
	bufferevent_disable(c->outer, EV_READ);
	bufferevent_setwatermark(c->outer, EV_WRITE, 0, 0);
	event_add(c->patience, &limit);
}

static void on_over(struct bufferevent *side, short what, void *arg);

static void on_unwanted(struct bufferevent *side, void *arg)
{
	evbuffer_drain(bufferevent_get_input(side), SIZE_MAX);
}

static void on_told(struct bufferevent *side, void *arg)
{
	shutdown(bufferevent_getfd(side), SHUT_WR);
}

/* What it sends on is thrown away: to a client that still sends, a connection that is closed is all it
 * would see. */
static void refuse(struct visitor *c, const char *status, const char *why)
{
	static const struct timeval limit = { .tv_sec = PATIENCE_S };
	struct evbuffer *out = bufferevent_get_output(c->outer);

	bufferevent_setcb(c->outer, on_unwanted, on_told, on_over, c);
	on_unwanted(c->outer, c);
	event_add(c->patience, &limit);
	evbuffer_add_printf(out, "HTTP/1.1 %s\r\nContent-Type: application/json\r\nContent-Length: %zu\r\n"
			    "Connection: close\r\n\r\n{\"error\": \"%s\"}\n", status,
			    strlen(why) + strlen("{\"error\": \"\"}\n"), why);
}

static struct bufferevent *other(const struct visitor *c, const struct bufferevent *side)
{
	return side == c->outer ? c->inner : c->outer;
}

/* What came from one side goes to the other; if that takes it slowly, no more is read for now. */
static void on_bytes(struct bufferevent *side, void *arg)
{
	struct visitor *c = arg;
	struct bufferevent *to = other(c, side);

	bufferevent_write_buffer(to, bufferevent_get_input(side));
	if (evbuffer_get_length(bufferevent_get_output(to)) < PART)
		return;
	bufferevent_setwatermark(to, EV_WRITE, PART / 2, 0);
	bufferevent_disable(side, EV_READ);
}

static void on_taken(struct bufferevent *side, void *arg)
{
	struct visitor *c = arg;

	if (c->leaving) {
		if (!evbuffer_get_length(bufferevent_get_output(side)))
			visitor_free(c);
		return;
	}
	bufferevent_setwatermark(side, EV_WRITE, 0, 0);
	if (c->inner)
		bufferevent_enable(other(c, side), EV_READ);
}

static void on_over(struct bufferevent *side, short what, void *arg)
{
	struct visitor *c = arg;

	if (what & BEV_EVENT_CONNECTED)
		return;
	/* The server has said its last: that is still to be told. */
	if (side == c->inner) {
		bufferevent_write_buffer(c->outer, bufferevent_get_input(side));
		if (evbuffer_get_length(bufferevent_get_output(c->outer))) {
			leave(c);
			return;
		}
	}
	visitor_free(c);
}

static unsigned count(const struct gate *g, const struct visitor *like, bool by_user)
{
	const struct visitor *c;
	unsigned n = 0;

	TAILQ_FOREACH (c, &g->visitors, entry)
		n += by_user ? c->user == like->user : c->uid == like->uid;
	return n;
}

/* Somebody with a token. */
static void let_in(struct visitor *c, uint32_t user)
{
	struct gate *g = c->gate;

	c->user = user;
	if (count(g, c, true) > CLIENTS_OF_USER) {
		refuse(c, "503 Too many", "too many connections of this user");
		return;
	}
	c->inner = bufferevent_socket_new(g->daemon->base, -1, BEV_OPT_CLOSE_ON_FREE);
	if (!c->inner ||
	    bufferevent_socket_connect(c->inner, (struct sockaddr *)&g->inner, sizeof(g->inner)) < 0) {
		refuse(c, "503 Busy", "weftd takes no more connections now");
		return;
	}
	event_del(c->patience);
	bufferevent_setwatermark(c->outer, EV_READ, 0, 0);
	bufferevent_setcb(c->outer, on_bytes, on_taken, on_over, c);
	bufferevent_setcb(c->inner, on_bytes, on_taken, on_over, c);
	bufferevent_enable(c->inner, EV_READ | EV_WRITE);
	on_bytes(c->outer, c);
}

static void on_head(struct bufferevent *side, void *arg)
{
	struct evbuffer *in = bufferevent_get_input(side);
	struct evbuffer_ptr end = evbuffer_search(in, "\r\n\r\n", 4, NULL);
	char head[GATE_HEAD_MAX + 8], value[USER_TOKEN_MAX + 16];
	struct principal who;
	struct visitor *c = arg;

	if (end.pos < 0 && evbuffer_get_length(in) < GATE_HEAD_MAX)
		return;
	if (end.pos < 0 || end.pos > GATE_HEAD_MAX) {
		refuse(c, "431 Too long", "the head of the request is too long");
		return;
	}
	evbuffer_copyout(in, head, (size_t)end.pos);
	head[end.pos] = 0;
	if (user_find_header(head, value) && user_by_header(c->gate->daemon->store, value, &who))
		let_in(c, who.user);
	else
		refuse(c, "401 Unauthorized", GATE_NOBODY);
}

static int visitor_begin(struct visitor *c, evutil_socket_t fd)
{
	static const struct timeval limit = { .tv_sec = PATIENCE_S };

	c->patience = evtimer_new(c->gate->daemon->base, on_late, c);
	c->outer = bufferevent_socket_new(c->gate->daemon->base, fd, BEV_OPT_CLOSE_ON_FREE);
	if (!c->patience || !c->outer || event_add(c->patience, &limit) < 0)
		return -ENOMEM;
	bufferevent_setcb(c->outer, on_head, on_taken, on_over, c);
	bufferevent_setwatermark(c->outer, EV_READ, 0, GATE_HEAD_MAX);
	return bufferevent_enable(c->outer, EV_READ | EV_WRITE);
}

static void on_visitor(struct evconnlistener *listener, evutil_socket_t fd, struct sockaddr *from, int len,
		     void *arg)
{
	struct gate *g = arg;
	struct visitor *c = g->count < CLIENTS_MAX ? calloc(1, sizeof(*c)) : NULL;
	struct ucred peer;
	socklen_t size = sizeof(peer);

	if (!c || getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &size) < 0) {
		free(c);
		close(fd);
		return;
	}
	c->gate = g;
	c->uid = peer.uid;
	TAILQ_INSERT_TAIL(&g->visitors, c, entry);
	g->count++;
	if (count(g, c, false) > CLIENTS_OF_UID || visitor_begin(c, fd) < 0) {
		if (!c->outer)
			close(fd);
		visitor_free(c);
	}
}

static int listen_on(struct gate *g, struct err *err)
{
	const char *path = g->address.sun_path;
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	unlink(path);
	if (fd < 0 || bind(fd, (struct sockaddr *)&g->address, sizeof(g->address)) < 0 ||
	    chmod(path, 0666) < 0) {
		int code = -errno;

		if (fd >= 0)
			close(fd);
		return err_sys(err, code, "%s", path);
	}
	g->listener = evconnlistener_new(g->daemon->base, on_visitor, g,
					 LEV_OPT_CLOSE_ON_FREE | LEV_OPT_CLOSE_ON_EXEC, 128, fd);
	if (g->listener)
		return 0;
	close(fd);
	return err_sys(err, -ENOMEM, "%s", path);
}

int gate_create(struct weftd *d, const char *socket, const char *inner, struct gate **out, struct err *err)
{
	struct gate *g = calloc(1, sizeof(*g));
	int code;

	if (!g)
		return err_sys(err, -ENOMEM, "%s", socket);
	g->daemon = d;
	TAILQ_INIT(&g->visitors);
	code = sock_address(&g->inner, inner, err);
	if (!code)
		code = sock_address(&g->address, socket, err);
	if (!code)
		code = listen_on(g, err);
	if (code) {
		gate_destroy(g);
		return code;
	}
	*out = g;
	return 0;
}

void gate_destroy(struct gate *g)
{
	struct visitor *c;

	if (!g)
		return;
	while ((c = TAILQ_FIRST(&g->visitors)))
		visitor_free(c);
	if (g->listener)
		evconnlistener_free(g->listener);
	if (g->address.sun_path[0])
		unlink(g->address.sun_path);
	free(g);
}

void gate_forget(struct gate *g, uint32_t user)
{
	struct visitor *c, *next;

	for (c = g ? TAILQ_FIRST(&g->visitors) : NULL; c; c = next) {
		next = TAILQ_NEXT(c, entry);
		if (c->user == user)
			visitor_free(c);
	}
}
