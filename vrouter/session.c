/* SPDX-License-Identifier: Apache-2.0 */
#include "vrouter/session_priv.h"

#include "base/log.h"
#include "base/rd.h"
#include "base/sock.h"
#include "base/timer.h"
#include "vrouter/cost_priv.h"

#include <errno.h>
#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/event.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

enum { READ_MAX = 4 * (SESSION_HEADER + AGENT_FRAME_MAX) };
enum { DIAL_MS = 50, HELLO_MS = 1000, COMMIT_MS = 5, ANEW_S_MAX = 64 };

static void take_welcome(struct session *s, const uint8_t *payload, size_t len)
{
	struct rd r = rd_of(payload, len);
	uint32_t version = rd_u32(&r), ready = rd_u32(&r);

	if (s->welcomed || r.bad)
		return;
	if (version != AGENT_VERSION) {
		log_warn("%s: the agent speaks version %u, not %u", s->path, version, AGENT_VERSION);
		return;
	}
	s->welcomed = true;
	event_del(s->hello);
	s->ops->welcome(s->arg, ready != 0);
}

static void charge(struct session *s, uint64_t since)
{
	unsigned ms = cost_rest_ms(since);

	if (!ms || s->dead || !s->bev)
		return;
	bufferevent_disable(s->bev, EV_READ);
	timer_after(s->rest, ms);
}

static void rested(evutil_socket_t fd, short what, void *arg)
{
	struct session *s = arg;

	if (!s->bev)
		return;
	bufferevent_enable(s->bev, EV_READ);
	session_input(s, bufferevent_get_input(s->bev));
}

static void commit(evutil_socket_t fd, short what, void *arg)
{
	struct session *s = arg;
	uint64_t since = cost_now();

	if (!s->dumping)
		intake_commit(s->intake);
	charge(s, since);
}

static void take_again(struct session *s, struct rd r)
{
	struct agent_again again;

	rd_copy(&r, &again, sizeof(again));
	if (r.bad || !s->dumping)
		return;
	intake_dump_again(s->intake, again.type, again.family);
	s->agains = again.type == s->again.type && again.family == s->again.family ? s->agains + 1 : 1;
	s->again = again;
	s->unsure |= s->agains >= AGENT_AGAIN_MAX;
}

static void begin_dump(struct session *s)
{
	event_del(s->anew);
	s->dumping = true;
	s->agains = 0;
	s->unsure = false;
	intake_dump_begin(s->intake);
}

/* What went while a part was told may have stayed: another dump, later and later while there is no rest. */
static void end_dump(struct session *s)
{
	s->dumping = false;
	intake_dump_end(s->intake);
	if (s->unsure)
		timer_after(s->anew, s->anew_s * 1000);
	s->anew_s = !s->unsure ? 1 : s->anew_s < ANEW_S_MAX ? s->anew_s * 2 : ANEW_S_MAX;
	s->ops->synced(s->arg);
}

static void dump_anew(evutil_socket_t fd, short what, void *arg)
{
	struct session *s = arg;

	if (s->watching && !s->dumping)
		session_send(s, AGENT_WATCH, 0, NULL, 0);
}

static void take_routes(struct session *s, const struct agent_frame *h, const uint8_t *payload)
{
	struct rd r = rd_of(payload, h->len);
	uint32_t flags;

	if (!s->watching)
		return;
	switch (h->type) {
	case AGENT_DUMP_BEGIN:
		begin_dump(s);
		return;
	case AGENT_DUMP_AGAIN:
		take_again(s, r);
		return;
	case AGENT_DUMP_END:
		if (s->dumping)
			end_dump(s);
		return;
	case AGENT_NETLINK:
		intake_netlink(s->intake, payload, h->len);
		break;
	default:
		flags = rd_u32(&r);
		if (r.bad)
			return;
		intake_forward(s->intake, flags);
		break;
	}
	/* From the first frame of a burst on, not the last: a steady stream must not starve it. */
	if (!s->dumping && !event_pending(s->commit, EV_TIMEOUT, NULL))
		timer_after(s->commit, COMMIT_MS);
}

static void say_hello(evutil_socket_t fd, short what, void *arg);

/* Another agent than the one that was welcomed: all that was under way there is over. */
static void begin_anew(struct session *s)
{
	uint64_t nonce;

	if (!s->bev || getrandom(&nonce, sizeof(nonce), 0) != sizeof(nonce))
		return;
	event_del(s->commit);
	event_del(s->anew);
	s->welcomed = s->watching = s->dumping = s->unsure = false;
	s->nonce = nonce;
	session_exec_end_all(s); /* may end the session */
	if (!s->dead && s->bev)
		say_hello(-1, 0, s);
}

static void take(struct session *s, const struct agent_frame *h, const uint8_t *payload)
{
	if (h->type == AGENT_BORN && s->welcomed)
		begin_anew(s);
	if (h->type == AGENT_WELCOME)
		take_welcome(s, payload, h->len);
	if (!s->welcomed)
		return;
	switch (h->type) {
	case AGENT_READY:
		s->ops->ready(s->arg);
		break;
	case AGENT_DUMP_BEGIN:
	case AGENT_DUMP_AGAIN:
	case AGENT_NETLINK:
	case AGENT_DUMP_END:
	case AGENT_FORWARD:
		take_routes(s, h, payload);
		break;
	case AGENT_STDOUT:
	case AGENT_STDERR:
	case AGENT_EXIT:
		session_exec_frame(s, h, payload);
		break;
	}
}

static void leave(struct session *s)
{
	if (--s->busy == 0 && s->dead)
		free(s);
}

void session_input(struct session *s, struct evbuffer *in)
{
	struct agent_frame h;

	s->busy++;
	while (!s->dead && !event_pending(s->rest, EV_TIMEOUT, NULL) && session_next_frame(s, in, &h)) {
		uint64_t since = cost_now();
		uint8_t *frame = malloc(SESSION_HEADER + h.len);

		if (!frame)
			break;
		/* A copy: handling it may end the session, and `in` with it. */
		evbuffer_remove(in, frame, SESSION_HEADER + h.len);
		take(s, &h, frame + SESSION_HEADER);
		free(frame);
		charge(s, since);
		if (s->bev && bufferevent_get_input(s->bev) != in)
			break;
	}
	leave(s);
}

static void hang_up(struct session *s)
{
	event_del(s->hello);
	event_del(s->commit);
	event_del(s->rest);
	event_del(s->anew);
	if (s->bev)
		bufferevent_free(s->bev);
	s->bev = NULL;
	/* The next session's dump marks and sweeps anew; this one's, cut short, sweeps nothing. */
	s->welcomed = s->watching = s->dumping = s->unsure = false;
	s->busy++;
	session_exec_end_all(s);
	leave(s);
}

static void readable(struct bufferevent *bev, void *arg)
{
	session_input(arg, bufferevent_get_input(bev));
}

static void closed(struct bufferevent *bev, short what, void *arg)
{
	struct session *s = arg;

	if (s->path[0])
		timer_after(s->dial, DIAL_MS);
	hang_up(s);
}

static void say_hello(evutil_socket_t fd, short what, void *arg)
{
	struct session *s = arg;

	/* While the machine boots nobody reads: what waits is enough. */
	if (evbuffer_get_length(bufferevent_get_output(s->bev)) == 0)
		session_send(s, AGENT_HELLO, 0, NULL, 0);
	timer_after(s->hello, HELLO_MS);
}

int session_attach(struct session *s, int fd)
{
	if (getrandom(&s->nonce, sizeof(s->nonce), 0) != sizeof(s->nonce))
		return -EIO;
	s->bev = bufferevent_socket_new(s->base, fd, BEV_OPT_CLOSE_ON_FREE);
	if (!s->bev)
		return -ENOMEM;
	bufferevent_setcb(s->bev, readable, NULL, closed, s);
	bufferevent_setwatermark(s->bev, EV_READ, 0, READ_MAX);
	bufferevent_enable(s->bev, EV_READ | EV_WRITE);
	say_hello(-1, 0, s);
	return 0;
}

static void dial(evutil_socket_t unused, short what, void *arg)
{
	struct session *s = arg;
	int fd = sock_connect_unix(s->path, s->uid);

	if (fd >= 0 && session_attach(s, fd) == 0)
		return;
	if (fd >= 0)
		close(fd);
	timer_after(s->dial, DIAL_MS);
}

int session_dial(struct session *s, const char *path, uid_t uid)
{
	if (strlen(path) >= sizeof(s->path))
		return -ENAMETOOLONG;
	strcpy(s->path, path);
	s->uid = uid;
	timer_after(s->dial, 0);
	return 0;
}

void session_close(struct session *s)
{
	event_del(s->dial);
	s->path[0] = 0;
	hang_up(s);
}

void session_watch(struct session *s)
{
	if (!s->welcomed || s->watching)
		return;
	s->watching = true;
	session_send(s, AGENT_WATCH, 0, NULL, 0);
}

int session_create(struct event_base *base, struct intake *in, const struct session_ops *ops,
		   void *arg, struct session **out)
{
	struct session *s = calloc(1, sizeof(*s));

	if (!s)
		return -ENOMEM;
	*s = (struct session){ .base = base, .intake = in, .ops = ops, .arg = arg, .anew_s = 1 };
	s->dial = evtimer_new(base, dial, s);
	s->hello = evtimer_new(base, say_hello, s);
	s->commit = evtimer_new(base, commit, s);
	s->rest = evtimer_new(base, rested, s);
	s->anew = evtimer_new(base, dump_anew, s);
	if (!s->dial || !s->hello || !s->commit || !s->rest || !s->anew) {
		session_destroy(s);
		return -ENOMEM;
	}
	*out = s;
	return 0;
}

void session_destroy(struct session *s)
{
	if (!s)
		return;
	s->busy++;
	s->dead = true;
	if (s->hello && s->commit && s->rest && s->anew)
		hang_up(s);
	if (s->dial)
		event_free(s->dial);
	if (s->hello)
		event_free(s->hello);
	if (s->commit)
		event_free(s->commit);
	if (s->rest)
		event_free(s->rest);
	if (s->anew)
		event_free(s->anew);
	leave(s);
}
