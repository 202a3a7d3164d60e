/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The connection, and what phase it is in. Requests are sent without waiting, and answers come in
 * their order; so a phase is a burst of requests, and ends with the answer to its last. A connection
 * that fails is shut down where that is seen, which may be on a CPU's thread, and left on the loop.
 */
#include "virtio/vhost_user_priv.h"

#include "base/log.h"
#include "base/sock.h"

#include <errno.h>
#include <event2/event.h>
#include <linux/virtio_config.h>
#include <linux/virtio_ring.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

enum { FIRST_DELAY_MS = 20, DELAY_MAX_MS = 200, ANSWER_MS = 5000 };

#define BIT(n)	 (1ull << (n))
#define RINGS                                                                                      \
	(BIT(VIRTIO_RING_F_INDIRECT_DESC) | BIT(VIRTIO_RING_F_EVENT_IDX) | BIT(VIRTIO_F_RING_PACKED))
#define PROTOCOL (BIT(VU_P_MQ) | BIT(VU_P_REPLY_ACK) | BIT(VU_P_MTU) | BIT(VU_P_INFLIGHT))

static void arm(struct vhost_user *v, unsigned ms)
{
	const struct timeval t = { ms / 1000, ms % 1000 * 1000 };

	event_add(v->timer, &t);
}

/* Each time later. */
static void try_again(struct vhost_user *v)
{
	arm(v, v->delay_ms);
	v->delay_ms = v->delay_ms * 2 < DELAY_MAX_MS ? v->delay_ms * 2 : DELAY_MAX_MS;
}

void vu_fail(struct vhost_user *v, const char *what)
{
	if (v->failed)
		return;
	v->failed = what;
	shutdown(v->fd, SHUT_RDWR); /* wakes the loop */
}

static bool is_question(enum vu_request r)
{
	return r == VU_GET_FEATURES || r == VU_GET_PROTOCOL_FEATURES || r == VU_GET_QUEUE_NUM ||
	       r == VU_GET_VRING_BASE || r == VU_GET_INFLIGHT_FD;
}

void vu_ask(struct vhost_user *v, enum vu_request request, const void *payload, size_t len,
	    const int *fds, unsigned fd_count)
{
	bool ack = !is_question(request) && vu_has(v, VU_P_REPLY_ACK);

	if (v->failed)
		return;
	if (v->expect_count == VU_EXPECT_MAX) {
		vu_fail(v, "does not keep up with its requests");
		return;
	}
	if (vu_send(v->fd, request, ack, payload, len, fds, fd_count) < 0) {
		vu_fail(v, "");
		return;
	}
	if (!ack && !is_question(request))
		return;
	v->expected[(v->expect_first + v->expect_count++) % VU_EXPECT_MAX] = (uint8_t)request;
	arm(v, ANSWER_MS);
}

void vu_ask_u64(struct vhost_user *v, enum vu_request request, uint64_t value)
{
	vu_ask(v, request, &value, sizeof(value), NULL, 0);
}

/* What the driver may have: not while it has chosen. */
static void offer(struct vhost_user *v)
{
	struct virtio_device *dev = v->conf.dev;

	dev->offered = v->offered | (v->features & v->conf.optional);
	dev->withheld = RINGS & ~v->features;
	/* Where a packed ring is, only the back end knows: if it dies without having noted it, the
	 * ring is lost. */
	if (!vu_has(v, VU_P_INFLIGHT))
		dev->withheld |= BIT(VIRTIO_F_RING_PACKED);
}

static void attach(struct vhost_user *v)
{
	v->delay_ms = FIRST_DELAY_MS;
	v->said = false;
	v->conf.attached(v->conf.arg, true);
}

/* The device has stopped, and no back end has its rings. */
static void let_go(struct vhost_user *v)
{
	v->conf.dev->stopping = false;
	vu_drop_area(v);
}

static void idle(struct vhost_user *v)
{
	v->phase = VU_IDLE;
	if (v->wanted) {
		vu_setup(v);
		return;
	}
	let_go(v);
	if (!v->conf.dev->features)
		offer(v);
	attach(v);
}

static void stop_rings(struct vhost_user *v)
{
	v->phase = VU_STOPPING;
	v->conf.dev->stopping = true;
	vu_stop_rings(v);
	if (!v->expect_count && !v->failed)
		idle(v);
}

static void set_up(struct vhost_user *v)
{
	if (!v->wanted) { /* stopped meanwhile */
		stop_rings(v);
		return;
	}
	v->phase = VU_UP;
	vu_nudge(v);
	attach(v);
}

static void got_features(struct vhost_user *v, uint64_t features)
{
	v->features = features;
	if (!(features & BIT(VU_F_PROTOCOL_FEATURES)) || !(features & BIT(VIRTIO_F_VERSION_1)))
		vu_fail(v, "lacks VIRTIO_F_VERSION_1 or VHOST_USER_F_PROTOCOL_FEATURES");
	else
		vu_ask(v, VU_GET_PROTOCOL_FEATURES, NULL, 0, NULL, 0);
}

static void got_protocol(struct vhost_user *v, uint64_t protocol)
{
	vu_ask_u64(v, VU_SET_PROTOCOL_FEATURES, protocol & PROTOCOL);
	v->protocol = protocol & PROTOCOL;
	vu_ask(v, VU_SET_OWNER, NULL, 0, NULL, 0);
	if (vu_has(v, VU_P_MQ))
		vu_ask(v, VU_GET_QUEUE_NUM, NULL, 0, NULL, 0);
	else if (v->conf.rings > 2)
		vu_fail(v, "has one pair of queues only");
	else
		idle(v);
}

static void got_queues(struct vhost_user *v, uint64_t pairs)
{
	if (pairs < v->conf.rings / 2)
		vu_fail(v, "has fewer pairs of queues than the NIC");
	else
		idle(v);
}

static void got_base(struct vhost_user *v, const struct vu_vring_state *s)
{
	if (s->index >= v->conf.rings)
		vu_fail(v, "gave back a ring that is none");
	else if (!v->expect_count)
		idle(v);
}

static void got_area(struct vhost_user *v, const struct vu_reply *r)
{
	if (v->wanted)
		vu_take_area(v, r);
	else
		idle(v); /* no ring was given yet */
}

/* Of GET_VRING_BASE and GET_INFLIGHT_FD it is clear which phase asked. */
static void got(struct vhost_user *v, const struct vu_reply *r)
{
	if (!v->expect_count || v->expected[v->expect_first] != r->request) {
		vu_fail(v, "answered what it was not asked");
		return;
	}
	v->expect_first = (v->expect_first + 1) % VU_EXPECT_MAX;
	if (--v->expect_count)
		arm(v, ANSWER_MS);
	else
		event_del_noblock(v->timer);
	if (r->request == VU_GET_FEATURES && v->phase == VU_HELLO)
		got_features(v, r->value);
	else if (r->request == VU_GET_FEATURES)
		set_up(v);
	else if (r->request == VU_GET_PROTOCOL_FEATURES)
		got_protocol(v, r->value);
	else if (r->request == VU_GET_QUEUE_NUM)
		got_queues(v, r->value);
	else if (r->request == VU_GET_VRING_BASE)
		got_base(v, &r->state);
	else if (r->request == VU_GET_INFLIGHT_FD)
		got_area(v, r);
	else if (r->value)
		vu_fail(v, "refused a request");
}

static void leave(struct vhost_user *v)
{
	if (v->failed && *v->failed) {
		if (!v->said)
			log_warn("%s: the back end %s", v->path.sun_path, v->failed);
		v->said = true;
		v->conf.refused(v->conf.arg);
	}
	event_free(v->readable);
	v->readable = NULL;
	close(v->fd);
	v->fd = -1;
	vu_reader_fini(&v->in);
	for (unsigned i = 0; i < v->conf.rings; i++)
		v->ring[i].set = v->ring[i].on = false;
	v->expect_count = 0;
	v->features = v->protocol = 0;
	v->failed = NULL;
	v->phase = VU_DOWN;
	if (!v->wanted)
		let_go(v);
	v->conf.attached(v->conf.arg, false);
	try_again(v);
}

static void readable(evutil_socket_t fd, short what, void *arg)
{
	struct vhost_user *v = arg;
	struct vu_reply r;
	int code = 1;

	virtio_lock(v->conf.dev);
	while (!v->failed && code > 0) {
		code = vu_read(&v->in, v->fd, &r);
		if (code < 0)
			vu_fail(v, code == -EBADMSG ? "sent what is no answer" : "");
		if (code <= 0)
			break;
		got(v, &r);
		if (r.fd >= 0 && r.fd != v->area.fd)
			close(r.fd);
	}
	if (v->failed)
		leave(v);
	virtio_unlock(v->conf.dev);
}

static bool open_connection(struct vhost_user *v)
{
	v->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (v->fd < 0)
		return false;
	v->readable = event_new(v->base, v->fd, EV_READ | EV_PERSIST, readable, v);
	if (v->readable && connect(v->fd, (struct sockaddr *)&v->path, sizeof(v->path)) == 0 &&
	    event_add(v->readable, NULL) == 0)
		return true;
	if (v->readable)
		event_free(v->readable);
	v->readable = NULL;
	close(v->fd);
	v->fd = -1;
	return false;
}

static void on_timer(evutil_socket_t fd, short what, void *arg)
{
	struct vhost_user *v = arg;

	virtio_lock(v->conf.dev);
	if (v->phase != VU_DOWN && v->expect_count) {
		vu_fail(v, "does not answer");
	} else if (v->phase == VU_DOWN && open_connection(v)) {
		v->phase = VU_HELLO;
		vu_ask(v, VU_GET_FEATURES, NULL, 0, NULL, 0);
	} else if (v->phase == VU_DOWN) {
		try_again(v);
	}
	virtio_unlock(v->conf.dev);
}

void vhost_user_start(struct vhost_user *v)
{
	v->wanted = true;
	if (v->phase == VU_IDLE)
		vu_setup(v);
}

void vhost_user_stop(struct vhost_user *v)
{
	v->wanted = false;
	for (unsigned i = 0; i < v->conf.rings; i++)
		v->ring[i].touched = false;
	switch (v->phase) {
	case VU_UP:
		stop_rings(v);
		break;
	case VU_SETUP:
		v->conf.dev->stopping = true; /* set_up() goes on with it */
		break;
	case VU_STOPPING:
		break;
	case VU_IDLE:
		offer(v);
		break;
	default:
		let_go(v);
		break;
	}
}

void vhost_user_enable(struct vhost_user *v, unsigned rings)
{
	v->enabled = rings;
	vu_enable(v);
}

int vhost_user_create(const struct vhost_user_conf *conf, struct event_base *base,
		      struct vhost_user **out, struct err *err)
{
	struct vhost_user *v = calloc(1, sizeof(*v));
	int code;

	if (!v)
		return err_sys(err, -ENOMEM, "%s", conf->path);
	*v = (struct vhost_user){ .conf = *conf, .base = base, .fd = -1, .area.fd = -1,
				  .delay_ms = FIRST_DELAY_MS, .offered = conf->dev->offered };
	vu_reader_init(&v->in);
	code = sock_address(&v->path, conf->path, err);
	if (code) {
		free(v);
		return code;
	}
	v->timer = evtimer_new(base, on_timer, v);
	if (!v->timer) {
		free(v);
		return err_sys(err, -ENOMEM, "%s", conf->path);
	}
	offer(v);
	arm(v, 0);
	*out = v;
	return 0;
}

void vhost_user_destroy(struct vhost_user *v)
{
	if (!v)
		return;
	if (v->readable)
		event_free(v->readable);
	event_free(v->timer);
	if (v->fd >= 0)
		close(v->fd);
	vu_reader_fini(&v->in);
	vu_drop_area(v);
	free(v);
}
