/* SPDX-License-Identifier: Apache-2.0 */
#include "control/capture_priv.h"

#include "base/log.h"
#include "base/tape.h"
#include "control/capture.h"
#include "control/engine.h"
#include "control/gate.h"

#include <errno.h>
#include <event2/event.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
	CAPTURES_MAX = 12, /* fewer than DP_CAPTURES_MAX: the engine may be behind */
	CAPTURES_OF_USER = 4,
	CAPTURES_OF_USERS = 8,
};

void capture_free(struct capture *c)
{
	TAILQ_REMOVE(&c->all->list, c, entry);
	c->door->count--;
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

/* Of the user, or of all users (0). */
static unsigned count_told(const struct captures *all, uint32_t user)
{
	const struct capture *c;
	unsigned n = 0;

	TAILQ_FOREACH (c, &all->list, entry)
		n += c->id && c->user && (!user || c->user == user);
	return n;
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
	if (c->user && (count_told(c->all, c->user) >= CAPTURES_OF_USER ||
			count_told(c->all, 0) >= CAPTURES_OF_USERS))
		return err_set(err, -EBUSY, "there are %d captures of one user at most, %d of all",
			       CAPTURES_OF_USER, CAPTURES_OF_USERS);
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
	struct principal who = { .user = 0 };
	int code = 0;

	if (c->door == &c->all->users &&
	    !user_by_token(c->all->daemon->store, json_string_value(json_object_get(o, "token")), &who))
		code = err_set(&err, -EACCES, "%s", GATE_NOBODY);
	c->user = who.user;
	if (!code)
		code = capture_request_parse(c->all->daemon, &who, o, &r, &err);
	json_decref(o);
	if (code) {
		capture_over(c, err.text);
		return;
	}
	if (program(c, &r, &err))
		capture_over(c, err.text);
	capture_request_free(&r);
}

void capture_readable(evutil_socket_t fd, short what, void *arg)
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

static bool is_of_user(const struct capture *c, uint32_t id)
{
	return c->user == id;
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

void captures_user_gone(struct captures *all, uint32_t user)
{
	captures_over(all, is_of_user, user, "the token is none any more");
}
