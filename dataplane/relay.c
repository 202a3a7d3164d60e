/* SPDX-License-Identifier: Apache-2.0 */
#include "dataplane/relay_priv.h"

#include "base/log.h"
#include "dataplane/capture_priv.h"
#include "dataplane/engine_priv.h"
#include "dataplane/relay_io_priv.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <rte_cycles.h>
#include <rte_lcore.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

enum {
	EVENTS = 64, /* ports served in one round; epoll takes turns among more */
	WAKE = 0,    /* epoll data of wake_fd: no port has slot 0 */
	FULL_US = 50,
	INJECT_RATE = 150000, /* frames a second of a vnet's guests; about what they are asked */
	INJECT_BURST = 4096,
};

struct relay {
	struct engine *engine;
	struct relay_port **ports; /* by slot; RCU */
	struct relay_io io;
	struct epoll_event events[EVENTS];
	int event_count;
	uint64_t now, hz; /* TSC */
	bool full;	  /* a worker's ring was, in this round */
	/* Slots of ports that are not read, because their vnets injected over the rate: first come,
	 * first served again. */
	struct rate inject;
	uint64_t release_at;
	uint16_t held[PORTS_MAX + 1], held_first; /* a ring */
	unsigned held_count;
	bool is_held[PORTS_MAX + 1];

	int epoll_fd, wake_fd;
	uint32_t asleep, stop;
	pthread_t thread;
};

static_assert(PORTS_MAX == UINT16_MAX, "relay.held is indexed by whatever a uint16_t says");

void relay_wake(struct relay *r)
{
	uint64_t one = 1;

	/* Pairs with the fence before the relay's last look at the rings. */
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	if (RD(r->asleep) && __atomic_exchange_n(&r->asleep, 0, __ATOMIC_SEQ_CST))
		(void)!write(r->wake_fd, &one, sizeof(one));
}

static void relay_arm(struct relay *r, struct relay_port *rp, uint32_t events)
{
	struct epoll_event ev = { .events = events, .data.u32 = rp->handle };

	if (rp->dead || rp->armed == events)
		return;
	rp->armed = events;
	/* The descriptor may just have been taken away: nothing to arm then. */
	epoll_ctl(r->epoll_fd, EPOLL_CTL_MOD, rp->fd, &ev);
}

/* A round's budget; what is left then waits for the next round as for a full descriptor. */
static void relay_flush(struct relay *r, struct relay_port *rp)
{
	if (rp->dead)
		relay_io_drop(&r->io, rp, DP_DROP_NO_BACKING);
	else if (relay_io_send(&r->io, rp))
		relay_arm(r, rp, rp->armed | EPOLLOUT);
	else
		relay_arm(r, rp, rp->armed & ~(uint32_t)EPOLLOUT);
}

static struct relay_port *relay_find(struct relay *r, uint32_t handle)
{
	struct relay_port *rp = RD(r->ports[handle & 0xffff]);

	return rp && rp->handle == handle ? rp : NULL;
}

/* Takes a burst of what each worker sent and passes it on. */
static void relay_drain(struct relay *r, enum relay_lane lane)
{
	struct relay_port *dirty[BURST];
	struct rte_mbuf *pkts[BURST];

	for (unsigned w = 0; w < r->engine->worker_count; w++) {
		struct rte_ring *ring = r->engine->workers[w]->to_relay[lane].ring;
		unsigned n = rte_ring_sc_dequeue_burst(ring, (void **)pkts, BURST, NULL), d = 0;

		for (unsigned i = 0; i < n; i++) {
			struct relay_port *rp = relay_find(r, pkt(pkts[i])->handle);

			if (!rp) { /* it has no descriptor, or is no more */
				pkt_drop(r->engine, COUNTERS_RELAY, pkts[i], DP_DROP_NO_BACKING);
				continue;
			}
			relay_io_queue(&r->io, rp, lane, pkts[i]);
			/* One that waits to be writable has had its turn, or will. */
			if (!rp->dirty && (lane == LANE_CONTROL || !(rp->armed & EPOLLOUT))) {
				rp->dirty = true;
				dirty[d++] = rp;
			}
		}
		while (d) {
			dirty[--d]->dirty = false;
			relay_flush(r, dirty[d]);
		}
	}
}

/* It came in the DP_SYNC that goes on: what waits there may be for a port that is still to come. */
static bool relay_is_early(const struct relay *r, const struct relay_port *rp)
{
	return RD(r->engine->syncing) && RD(r->engine->epoch) == rp->epoch;
}

/* Hosts send what their links take; guests of routers, whatever is run in them, what a vnet may. */
static bool relay_may_read(const struct relay *r, const struct relay_port *rp)
{
	if (relay_is_early(r, rp))
		return false;
	return rp->port->kind != DP_NODE_ROUTER ||
	       rate_room(&r->inject, rp->port->vnet->local[COUNTERS_RELAY].inject_due, r->now);
}

static void relay_held_put(struct relay *r, uint16_t slot)
{
	r->is_held[slot] = true;
	r->held[(uint16_t)(r->held_first + r->held_count++)] = slot;
}

/* Leaves the port's frames where they are, for a millisecond or so: its guest notices. */
static void relay_hold(struct relay *r, struct relay_port *rp)
{
	uint16_t slot = (uint16_t)rp->handle;

	if (!relay_is_early(r, rp))
		rp->port->vnet->local[COUNTERS_RELAY].held++;
	relay_arm(r, rp, rp->armed & ~(uint32_t)EPOLLIN);
	if (!r->is_held[slot])
		relay_held_put(r, slot);
}

static void relay_release(struct relay *r)
{
	if (!r->held_count || r->now < r->release_at)
		return;
	r->release_at = r->now + r->hz / 1000;
	for (unsigned n = r->held_count; n; n--) {
		uint16_t slot = r->held[r->held_first++];
		struct relay_port *rp = RD(r->ports[slot]);

		r->held_count--;
		r->is_held[slot] = false;
		if (rp && !relay_may_read(r, rp))
			relay_held_put(r, slot);
		else if (rp)
			relay_arm(r, rp, rp->armed | EPOLLIN);
	}
}

/* Reads one batch. Each port belongs to one worker, so its frames stay in order. */
static void relay_read(struct relay *r, struct relay_port *rp)
{
	struct worker *w = r->engine->workers[rp->handle % r->engine->worker_count];
	struct rte_mbuf *pkts[RELAY_BATCH];
	unsigned n, read;

	if (rte_ring_free_count(w->from_relay) < RELAY_BATCH) {
		worker_wake(w);
		r->full = true;
		return;
	}
	if (!relay_may_read(r, rp)) {
		relay_hold(r, rp);
		return;
	}
	n = relay_io_receive(&r->io, rp, pkts, &read);
	if (rp->port->kind == DP_NODE_ROUTER)
		rate_charge(&r->inject, &rp->port->vnet->local[COUNTERS_RELAY].inject_due, r->now,
			    read);
	if (n) {
		rte_ring_sp_enqueue_bulk(w->from_relay, (void **)pkts, n, NULL);
		worker_serve(w);
	}
}

static void relay_event(struct relay *r, const struct epoll_event *ev)
{
	struct relay_port *rp;
	uint64_t ticks;

	if (ev->data.u32 == WAKE) {
		(void)!read(r->wake_fd, &ticks, sizeof(ticks));
		return;
	}
	rp = relay_find(r, ev->data.u32);
	if (!rp || rp->dead)
		return;
	if (ev->events & (EPOLLERR | EPOLLHUP) && !relay_io_recover(rp, ev->events)) {
		rp->dead = true; /* until another descriptor comes */
		epoll_ctl(r->epoll_fd, EPOLL_CTL_DEL, rp->fd, NULL);
		relay_io_drop(&r->io, rp, DP_DROP_NO_BACKING);
		return;
	}
	if (ev->events & EPOLLOUT)
		relay_flush(r, rp);
	if (ev->events & EPOLLIN)
		relay_read(r, rp);
}

static bool relay_rings_empty(const struct relay *r)
{
	for (unsigned w = 0; w < r->engine->worker_count; w++)
		if (!worker_relay_served(r->engine->workers[w]))
			return false;
	return true;
}

void relay_wait(struct relay *r, bool sleep)
{
	int timeout = !sleep ? 0 : r->held_count ? 1 : -1;

	WR(r->asleep, 1);
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	if (!relay_rings_empty(r) || RD(r->stop)) {
		WR(r->asleep, 0);
		timeout = 0;
	}
	rte_rcu_qsbr_thread_offline(r->engine->qsbr, COUNTERS_RELAY);
	r->event_count = epoll_wait(r->epoll_fd, r->events, EVENTS, timeout);
	rte_rcu_qsbr_thread_online(r->engine->qsbr, COUNTERS_RELAY);
	WR(r->asleep, 0);
}

void relay_round(struct relay *r, uint64_t now)
{
	r->now = now;
	relay_release(r);
	for (int i = 0; i < r->event_count; i++) {
		relay_event(r, &r->events[i]);
		relay_drain(r, LANE_CONTROL); /* waits for one port's turn, not for all */
	}
	relay_drain(r, LANE_CONTROL);
	relay_drain(r, LANE_REST);
	if (r->full) {
		/* Frames wait where they are; so does this thread, not to spin on them. */
		r->full = false;
		usleep(FULL_US);
	}
}

static void *relay_main(void *arg)
{
	struct relay *r = arg;

	pthread_setname_np(pthread_self(), "relay");
	rte_thread_register(); /* gives the packet pools a cache; without it they are only slower */
	rte_rcu_qsbr_thread_register(r->engine->qsbr, COUNTERS_RELAY);
	rte_rcu_qsbr_thread_online(r->engine->qsbr, COUNTERS_RELAY);
	while (!RD(r->stop)) {
		relay_wait(r, true);
		relay_round(r, rte_rdtsc());
	}
	rte_rcu_qsbr_thread_offline(r->engine->qsbr, COUNTERS_RELAY);
	rte_rcu_qsbr_thread_unregister(r->engine->qsbr, COUNTERS_RELAY);
	rte_thread_unregister();
	return NULL;
}

int relay_create(struct engine *e, struct err *err)
{
	struct epoll_event ev = { .events = EPOLLIN, .data.u32 = WAKE };
	struct relay *r = calloc(1, sizeof(*r));

	if (!r)
		return err_set(err, -ENOMEM, "out of memory");
	r->engine = e;
	r->hz = rte_get_tsc_hz();
	rate_init(&r->inject, r->hz, INJECT_RATE, INJECT_BURST);
	r->ports = calloc(PORTS_MAX + 1, sizeof(struct relay_port *));
	r->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	r->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (!r->ports || r->epoll_fd < 0 || r->wake_fd < 0 ||
	    epoll_ctl(r->epoll_fd, EPOLL_CTL_ADD, r->wake_fd, &ev) < 0 ||
	    relay_io_init(&r->io, e) < 0)
		goto free;
	e->relay = r;
	return 0;
free:
	close(r->epoll_fd);
	close(r->wake_fd);
	free(r->ports);
	free(r);
	return err_set(err, -ENOMEM, "the relay lacks memory or descriptors");
}

int relay_start(struct relay *r, struct err *err)
{
	int rc = pthread_create(&r->thread, NULL, relay_main, r);

	return rc ? err_sys(err, -rc, "cannot start the relay thread") : 0;
}

void relay_stop(struct relay *r)
{
	uint64_t one = 1;

	WR(r->stop, 1);
	(void)!write(r->wake_fd, &one, sizeof(one));
	pthread_join(r->thread, NULL);
}

unsigned relay_spare(const struct relay *r)
{
	return RD(r->io.rx_count);
}

void relay_destroy(struct relay *r)
{
	if (!r)
		return;
	relay_io_fini(&r->io);
	close(r->epoll_fd);
	close(r->wake_fd);
	free(r->ports);
	free(r);
}

int relay_attach(struct engine *e, struct port *port, uint32_t backing, int fd, struct err *err)
{
	struct epoll_event ev = { .events = EPOLLIN, .data.u32 = port->handle };
	struct relay_port *rp;

	if (fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK) < 0)
		return err_sys(err, -errno, "%s: bad descriptor", port->name);
	rp = relay_port_create(port, backing, fd);
	if (!rp)
		return err_set(err, -ENOMEM, "%s: out of memory", port->name);
	rp->armed = EPOLLIN;
	rp->epoch = e->epoch;
	relay_tap_open(rp);
	relay_detach(e, port);
	WR(port->offloads, rp->offloads);
	WR(e->relay->ports[port->handle & 0xffff], rp);
	if (epoll_ctl(e->relay->epoll_fd, EPOLL_CTL_ADD, fd, &ev) < 0) {
		int rc = err_sys(err, -errno, "%s: the descriptor cannot be polled", port->name);

		rp->fd = -1; /* stays the caller's */
		port->relay = rp;
		relay_detach(e, port);
		return rc;
	}
	port->relay = rp;
	return 0;
}

void relay_detach(struct engine *e, struct port *port)
{
	struct relay_port *rp = port->relay;

	if (!rp)
		return;
	if (rp->fd >= 0)
		epoll_ctl(e->relay->epoll_fd, EPOLL_CTL_DEL, rp->fd, NULL);
	WR(e->relay->ports[port->handle & 0xffff], NULL);
	WR(port->offloads, false);
	port->relay = NULL;
	engine_defer(e, relay_port_free, rp);
}
