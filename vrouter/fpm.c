/* SPDX-License-Identifier: Apache-2.0 */
#include "vrouter/fpm_priv.h"

#include "base/clock.h"
#include "base/rd.h"
#include "base/timer.h"
#include "vrouter/cost_priv.h"
#include "vrouter/intake.h"

#include <errno.h>
#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/event.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { HEADER = 4, FRAME_MAX = 65535, READ_MAX = 4 * FRAME_MAX };
enum { COMMIT_MS = 5, SWEEP_MS = 500, AGAIN_MS = 1000 };
enum { FPM_VERSION = 1, FPM_NETLINK = 1 };

void fpm_touch(struct fpm *f)
{
	if (!event_pending(f->commit, EV_TIMEOUT, NULL))
		timer_after(f->commit, COMMIT_MS);
}

/* A guest that has cost much is not listened to for some times as long. */
static void charge(struct fpm *f, uint64_t since)
{
	unsigned ms = cost_rest_ms(since);

	if (!ms || !f->bev)
		return;
	bufferevent_disable(f->bev, EV_READ);
	timer_after(f->rest, ms);
}

static void commit(evutil_socket_t fd, short what, void *arg)
{
	struct fpm *f = arg;
	uint64_t since = cost_now();

	intake_commit(f->intake);
	charge(f, since);
}

static void dump_over(struct fpm *f)
{
	f->dumping = false;
	event_del(f->sweep);
	f->ops->tell(f->arg);
	intake_dump_end(f->intake);
	f->ops->synced(f->arg);
}

static void sweep(evutil_socket_t fd, short what, void *arg)
{
	struct fpm *f = arg;
	uint64_t now = clock_ms();

	if ((now - f->last_ms >= FPM_QUIET_MS && now - f->began_ms >= FPM_LEAST_MS) ||
	    now - f->began_ms >= FPM_MOST_MS)
		dump_over(f);
	else
		timer_after(f->sweep, SWEEP_MS);
}

static bool is_taken(uint16_t type)
{
	return type == RTM_NEWROUTE || type == RTM_DELROUTE || type == RTM_NEWNEXTHOP ||
	       type == RTM_DELNEXTHOP;
}

/* The messages of a frame, or of what there is of them before one that cannot be. */
static bool take(struct fpm *f, const uint8_t *bytes, size_t len)
{
	struct rd r = rd_of(bytes, len);

	while (r.left) {
		const uint8_t *at = r.p;
		struct rd peek = r;
		struct nlmsghdr h;
		size_t pad;

		rd_copy(&peek, &h, sizeof(h));
		rd_skip(&r, h.nlmsg_len < sizeof(h) ? SIZE_MAX : h.nlmsg_len);
		if (peek.bad || r.bad) {
			snprintf(f->why, sizeof(f->why),
				 "a netlink message of %u bytes in %zu of a frame", h.nlmsg_len,
				 (size_t)(bytes + len - at));
			return false;
		}
		pad = NLMSG_ALIGN(h.nlmsg_len) - h.nlmsg_len;
		rd_skip(&r, pad < r.left ? pad : r.left);
		if (is_taken(h.nlmsg_type))
			intake_netlink(f->intake, at, h.nlmsg_len);
	}
	return true;
}

/* The length of the frame at the front; 0: its header is not there yet, or it is none. */
static size_t frame_length(struct fpm *f, struct evbuffer *in, bool *bad)
{
	uint8_t head[HEADER];
	uint8_t version, type;
	uint16_t len;
	struct rd r;

	*bad = false;
	if (evbuffer_copyout(in, head, HEADER) != HEADER)
		return 0;
	r = rd_of(head, HEADER);
	version = rd_u8(&r);
	type = rd_u8(&r);
	len = rd_be16(&r);
	*bad = version != FPM_VERSION || type != FPM_NETLINK || len < HEADER;
	if (*bad)
		snprintf(f->why, sizeof(f->why), "a frame of version %u, type %u, %u bytes",
			 version, type, len);
	return *bad ? 0 : len;
}

bool fpm_input(struct fpm *f, struct evbuffer *in)
{
	bool bad = false;
	size_t len;

	while (!event_pending(f->rest, EV_TIMEOUT, NULL) && (len = frame_length(f, in, &bad)) &&
	       evbuffer_get_length(in) >= len) {
		const uint8_t *frame = evbuffer_pullup(in, (ev_ssize_t)len);
		uint64_t since = cost_now();

		if (!frame)
			break;
		bad = !take(f, frame + HEADER, len - HEADER);
		evbuffer_drain(in, len);
		f->last_ms = clock_ms();
		fpm_touch(f);
		charge(f, since);
		if (bad)
			break;
	}
	return !bad;
}

static void hang_up(struct fpm *f)
{
	event_del(f->commit);
	event_del(f->sweep);
	event_del(f->rest);
	if (f->bev)
		bufferevent_free(f->bev);
	f->bev = NULL;
	f->dumping = false; /* what this connection has not repeated stays: the next one sweeps */
}

/* Whoever connects again and again costs each time: no sooner than this, then. */
static void accept_later(struct fpm *f)
{
	if (!f->acceptable)
		return;
	event_del(f->acceptable);
	timer_after(f->again, AGAIN_MS);
}

static void lost(struct fpm *f, const char *why)
{
	hang_up(f);
	intake_commit(f->intake); /* what it had said */
	accept_later(f);
	f->ops->down(f->arg, why);
}

static void readable(struct bufferevent *bev, void *arg)
{
	struct fpm *f = arg;

	if (!fpm_input(f, bufferevent_get_input(bev)))
		lost(f, f->why);
}

static void rested(evutil_socket_t fd, short what, void *arg)
{
	struct fpm *f = arg;

	if (!f->bev)
		return;
	bufferevent_enable(f->bev, EV_READ);
	readable(f->bev, f);
}

static void closed(struct bufferevent *bev, short what, void *arg)
{
	struct fpm *f = arg;

	/* Until it rests there may be frames that were not looked at. */
	if (!event_pending(f->rest, EV_TIMEOUT, NULL) && !fpm_input(f, bufferevent_get_input(bev)))
		lost(f, f->why);
	else
		lost(f, "zebra has closed it");
}

int fpm_attach(struct fpm *f, int fd)
{
	struct bufferevent *bev = bufferevent_socket_new(f->base, fd, BEV_OPT_CLOSE_ON_FREE);

	if (!bev)
		return -ENOMEM;
	hang_up(f);
	f->bev = bev;
	f->began_ms = f->last_ms = clock_ms();
	f->dumping = true;
	intake_dump_begin(f->intake);
	f->ops->up(f->arg);
	if (f->at_once)
		dump_over(f);
	else
		timer_after(f->sweep, SWEEP_MS);
	f->at_once = false;
	bufferevent_setcb(bev, readable, NULL, closed, f);
	bufferevent_setwatermark(bev, EV_READ, 0, READ_MAX);
	bufferevent_enable(bev, EV_READ);
	return 0;
}

static void on_acceptable(evutil_socket_t listener, short what, void *arg)
{
	int fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);

	accept_later(arg);
	if (fd >= 0 && fpm_attach(arg, fd) < 0)
		close(fd);
}

static void on_again(evutil_socket_t fd, short what, void *arg)
{
	struct fpm *f = arg;

	if (f->acceptable)
		event_add(f->acceptable, NULL);
}

int fpm_listen(struct fpm *f, int fd, bool at_once)
{
	struct event *ev = event_new(f->base, fd, EV_READ | EV_PERSIST, on_acceptable, f);

	if (!ev || event_add(ev, NULL) < 0) {
		if (ev)
			event_free(ev);
		return -ENOMEM;
	}
	fpm_close(f);
	f->acceptable = ev;
	f->listener = fd;
	f->at_once = at_once;
	return 0;
}

void fpm_close(struct fpm *f)
{
	hang_up(f);
	event_del(f->again);
	if (f->acceptable)
		event_free(f->acceptable);
	f->acceptable = NULL;
	if (f->listener >= 0)
		close(f->listener);
	f->listener = -1;
}

bool fpm_is_up(const struct fpm *f)
{
	return f->bev != NULL;
}

int fpm_create(struct event_base *base, struct intake *in, const struct fpm_ops *ops, void *arg,
	       struct fpm **out)
{
	struct fpm *f = calloc(1, sizeof(*f));

	if (!f)
		return -ENOMEM;
	*f = (struct fpm){ .base = base, .intake = in, .ops = ops, .arg = arg, .listener = -1 };
	f->commit = evtimer_new(base, commit, f);
	f->sweep = evtimer_new(base, sweep, f);
	f->rest = evtimer_new(base, rested, f);
	f->again = evtimer_new(base, on_again, f);
	if (!f->commit || !f->sweep || !f->rest || !f->again) {
		fpm_destroy(f);
		return -ENOMEM;
	}
	*out = f;
	return 0;
}

void fpm_destroy(struct fpm *f)
{
	if (!f)
		return;
	if (f->commit && f->sweep && f->rest && f->again)
		fpm_close(f);
	if (f->commit)
		event_free(f->commit);
	if (f->sweep)
		event_free(f->sweep);
	if (f->rest)
		event_free(f->rest);
	if (f->again)
		event_free(f->again);
	free(f);
}
