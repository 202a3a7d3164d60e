/* SPDX-License-Identifier: Apache-2.0 */
#include "dataplane/relay_priv.h"

#include "base/log.h"
#include "dataplane/engine_priv.h"
#include "dataplane/relay_io_priv.h"
#include "dataplane/worker_priv.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <rte_lcore.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

enum { EVENTS = 64, WAKE = 0 /* epoll data of wake_fd: no port has slot 0 */ };

struct relay {
	struct engine *engine;
	struct relay_port **ports; /* by slot; RCU */
	struct relay_io io;
	int epoll_fd, wake_fd;
	uint32_t asleep, stop;
	pthread_t thread;
};

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

	if (rp->armed == events)
		return;
	rp->armed = events;
	/* The descriptor may just have been taken away: nothing to arm then. */
	epoll_ctl(r->epoll_fd, events ? EPOLL_CTL_MOD : EPOLL_CTL_DEL, rp->fd, &ev);
}

static void relay_flush(struct relay *r, struct relay_port *rp)
{
	if (rp->armed)
		relay_arm(r, rp, relay_io_send(&r->io, rp) ? EPOLLIN | EPOLLOUT : EPOLLIN);
	else
		relay_io_drop(&r->io, rp, DP_DROP_NO_BACKING);
}

static struct relay_port *relay_find(struct relay *r, uint32_t handle)
{
	struct relay_port *rp = RD(r->ports[handle & 0xffff]);

	return rp && rp->handle == handle ? rp : NULL;
}

/* A packet for a port without descriptor: count it when there is still a port. */
static void relay_lost(struct relay *r, struct rte_mbuf *m)
{
	struct port *port = port_by_handle(r->engine, pkt(m)->handle);

	if (port)
		port->local[COUNTERS_RELAY].count.drops[DP_DROP_NO_BACKING]++;
	rte_pktmbuf_free(m);
}

/* Takes what the workers sent and passes it on. Returns how much it was. */
static unsigned relay_drain(struct relay *r)
{
	struct relay_port *dirty[BURST];
	struct rte_mbuf *pkts[BURST];
	unsigned all = 0;

	for (unsigned w = 0; w < r->engine->worker_count; w++) {
		struct rte_ring *ring = r->engine->workers[w]->to_relay;
		unsigned n = rte_ring_sc_dequeue_burst(ring, (void **)pkts, BURST, NULL), d = 0;

		for (unsigned i = 0; i < n; i++) {
			struct relay_port *rp = relay_find(r, pkt(pkts[i])->handle);

			if (!rp) {
				relay_lost(r, pkts[i]);
				continue;
			}
			relay_io_queue(rp, pkts[i]);
			if (!rp->dirty) {
				rp->dirty = true;
				dirty[d++] = rp;
			}
		}
		while (d) {
			dirty[--d]->dirty = false;
			relay_flush(r, dirty[d]);
		}
		all += n;
	}
	return all;
}

/* Reads one batch. Each port belongs to one worker, so its frames stay in order. */
static void relay_read(struct relay *r, struct relay_port *rp)
{
	struct worker *w = r->engine->workers[rp->handle % r->engine->worker_count];
	struct rte_mbuf *pkts[RELAY_BATCH];
	unsigned room = rte_ring_free_count(w->from_relay), n;

	if (room < RELAY_BATCH) {
		/* The frames wait where they are; so does this thread, not to spin on them. */
		worker_wake(w);
		usleep(50);
		return;
	}
	n = relay_io_receive(&r->io, rp, pkts);
	if (n) {
		rte_ring_sp_enqueue_bulk(w->from_relay, (void **)pkts, n, NULL);
		worker_wake(w);
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
	if (!rp || !rp->armed)
		return;
	if (ev->events & (EPOLLERR | EPOLLHUP) && !relay_io_recover(rp, ev->events)) {
		relay_arm(r, rp, 0); /* until another descriptor comes */
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
		if (!rte_ring_empty(r->engine->workers[w]->to_relay))
			return false;
	return true;
}

static int relay_wait(struct relay *r, struct epoll_event *events)
{
	int n, timeout = -1;

	WR(r->asleep, 1);
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	if (!relay_rings_empty(r) || RD(r->stop)) {
		WR(r->asleep, 0);
		timeout = 0;
	}
	rte_rcu_qsbr_thread_offline(r->engine->qsbr, COUNTERS_RELAY);
	n = epoll_wait(r->epoll_fd, events, EVENTS, timeout);
	rte_rcu_qsbr_thread_online(r->engine->qsbr, COUNTERS_RELAY);
	WR(r->asleep, 0);
	return n;
}

static void *relay_main(void *arg)
{
	struct epoll_event events[EVENTS];
	struct relay *r = arg;

	pthread_setname_np(pthread_self(), "relay");
	rte_thread_register(); /* gives the packet pools a cache; without it they are only slower */
	rte_rcu_qsbr_thread_register(r->engine->qsbr, COUNTERS_RELAY);
	rte_rcu_qsbr_thread_online(r->engine->qsbr, COUNTERS_RELAY);
	while (!RD(r->stop)) {
		int n = relay_wait(r, events);

		for (int i = 0; i < n; i++)
			relay_event(r, &events[i]);
		relay_drain(r);
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
	int rc = -ENOMEM;

	if (!r)
		return err_set(err, -ENOMEM, "out of memory");
	r->engine = e;
	r->ports = calloc(PORTS_MAX + 1, sizeof(struct relay_port *));
	r->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	r->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (!r->ports || r->epoll_fd < 0 || r->wake_fd < 0 ||
	    epoll_ctl(r->epoll_fd, EPOLL_CTL_ADD, r->wake_fd, &ev) < 0 ||
	    relay_io_init(&r->io, e) < 0)
		goto free;
	rc = -pthread_create(&r->thread, NULL, relay_main, r);
	if (rc)
		goto io;
	e->relay = r;
	return 0;
io:
	relay_io_fini(&r->io);
free:
	close(r->epoll_fd);
	close(r->wake_fd);
	free(r->ports);
	free(r);
	return err_sys(err, rc, "cannot start the relay thread");
}

void relay_stop(struct relay *r)
{
	uint64_t one = 1;

	WR(r->stop, 1);
	(void)!write(r->wake_fd, &one, sizeof(one));
	pthread_join(r->thread, NULL);
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
	relay_detach(e, port);
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
	port->relay = NULL;
	engine_defer(e, relay_port_free, rp);
}
