/* SPDX-License-Identifier: Apache-2.0 */
#include "dataplane/worker_priv.h"

#include "dataplane/capture_priv.h"
#include "dataplane/device_priv.h"
#include "dataplane/graph_priv.h"
#include "dataplane/link_impair_priv.h"
#include "dataplane/relay_priv.h"
#include "dataplane/share_priv.h"

#include <errno.h>
#include <poll.h>
#include <sched.h>
#include <rte_cycles.h>
#include <rte_lcore.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

enum {
	RING_SIZE = 4096,
	SPIN_US = 50,	   /* looks for work this long before it sleeps */
	SLEEP_MIN_US = 200, /* between looks at devices, which cannot wake it */
	SLEEP_MAX_US = 2000,
	QUEUE_MAX = 512, /* packets that wait in a device when vnets begin to be limited, */
	QUEUE_LIMITING = 4 * BURST, /* and that others wait for, while they are */
	DUE_US = 150, /* before what a link holds is due it is awake: a wake-up may take as long */
	REST_US = 5,	 /* and while they are, few packets at a time cost more than they need */
};

void worker_wake(struct worker *w)
{
	uint64_t one = 1;

	/* Pairs with the fence before the worker's last look at its ring. */
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	if (RD(w->asleep) && __atomic_exchange_n(&w->asleep, 0, __ATOMIC_SEQ_CST))
		(void)!write(w->wake_fd, &one, sizeof(one));
}

static void worker_flush_lane(struct worker *w, struct worker_lane *lane)
{
	unsigned n = lane->count;
	unsigned done = rte_ring_sp_enqueue_burst(lane->ring, (void **)lane->pkts, n, NULL);

	lane->count = 0;
	for (unsigned i = done; i < n; i++)
		pkt_drop(w->engine, w->index, lane->pkts[i], DP_DROP_BACKING_FULL);
}

void worker_flush_relay(struct worker *w)
{
	for (unsigned i = 0; i < LANES; i++)
		if (w->to_relay[i].count)
			worker_flush_lane(w, &w->to_relay[i]);
}

void worker_to_relay(struct worker *w, struct rte_mbuf *m, enum relay_lane lane)
{
	struct worker_lane *to = &w->to_relay[lane];

	to->pkts[to->count++] = m;
	if (to->count == BURST)
		worker_flush_lane(w, to);
}

bool worker_relay_served(const struct worker *w)
{
	for (unsigned i = 0; i < LANES; i++)
		if (!rte_ring_empty(w->to_relay[i].ring))
			return false;
	return true;
}

static unsigned worker_poll_relay(struct worker *w)
{
	struct rte_mbuf *pkts[BURST];
	unsigned n = rte_ring_sc_dequeue_burst(w->from_relay, (void **)pkts, BURST, NULL);

	for (unsigned i = 0; i < n; i++) {
		struct port *port = port_by_handle(w->engine, pkt(pkts[i])->handle);

		if (!port) { /* deleted while the frame was under way */
			pkt_gone(w->engine, pkts[i], w->index);
			rte_pktmbuf_free(pkts[i]);
			continue;
		}
		fast_receive(&w->fast.rx, pkts[i], port);
	}
	worker_burst(w, false);
	return n;
}

/* The clock of this round. */
static void worker_tick(struct worker *w)
{
	struct share *s = w->share;
	uint64_t before = w->now;

	w->now = s->now = rte_rdtsc();
	if (w->idle) { /* nobody's; what follows a bill, sending for instance, is in the next one */
		share_idle(s, w->now - w->billed_until);
		w->billed_until = w->now;
	} else {
		w->busy += w->now - before;
	}
	if (unlikely(share_epoch_due(s, w->now)))
		share_epoch_end(s, w->now, device_overflows(w, QUEUE_MAX));
}

unsigned worker_poll(struct worker *w)
{
	unsigned n;

	worker_tick(w);
	w->idle = w->share->limiting && w->now < w->rest;
	if (unlikely(w->idle))
		return 0;
	if (unlikely(w->share->limiting))
		w->share->backlog = device_overflows(w, QUEUE_LIMITING);
	n = worker_poll_relay(w);
	n += device_poll_all(w);
	w->packets += n;
	if (unlikely(calendar_next(RD(w->calendar)) <= w->now))
		n += impair_release(w);
	n += device_flush_all(w);
	w->idle = !n;
	if (n < BURST)
		w->rest = w->now + w->hz / 1000000 * REST_US;
	if (!n)
		return 0;
	worker_flush_relay(w);
	if (w->engine->relay && !worker_relay_served(w))
		relay_wake(w->engine->relay);
	return n;
}

/* When it has to be awake for what links hold. */
static uint64_t worker_due(const struct worker *w)
{
	uint64_t next = calendar_next(RD(w->calendar));

	return next == CALENDAR_NEVER ? next : next - w->hz / 1000000 * DUE_US;
}

void worker_serve(struct worker *w)
{
	bool sooner;
	unsigned n;

	/* Devices are the worker's own: what is sent to them may be answered soon. */
	if (device_any(w->engine) || !rte_spinlock_trylock(&w->awake)) {
		worker_wake(w);
		return;
	}
	worker_tick(w);
	while ((n = worker_poll_relay(w)))
		w->packets += n;
	w->idle = true;
	worker_flush_relay(w);
	sooner = worker_due(w) < w->until;
	w->busy += rte_rdtsc() - w->now;
	rte_spinlock_unlock(&w->awake);
	if (sooner)
		worker_wake(w);
}

/* From now to w->until. */
static struct timespec worker_left(const struct worker *w)
{
	uint64_t now = rte_rdtsc(), left = w->until > now ? w->until - now : 0;

	return (struct timespec){ .tv_sec = (time_t)(left / w->hz),
				  .tv_nsec = (long)(left % w->hz * 1000000000 / w->hz) };
}

/* Sleeps until the relay thread has something, until the time for what links hold, and for us
 * microseconds at most when us is not 0. */
static void worker_sleep(struct worker *w, unsigned us)
{
	struct timespec ts;
	struct pollfd pfd = { .fd = w->wake_fd, .events = POLLIN };
	uint64_t ticks;

	WR(w->asleep, 1);
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	if (rte_ring_empty(w->from_relay) && !RD(w->stop) && !RD(w->call)) {
		rte_rcu_qsbr_thread_offline(w->engine->qsbr, w->index);
		w->until = worker_due(w);
		if (us)
			w->until = RTE_MIN(w->until, w->now + w->hz / 1000000 * us);
		ts = worker_left(w);
		rte_spinlock_unlock(&w->awake);
		if (ppoll(&pfd, 1, w->until == CALENDAR_NEVER ? NULL : &ts, NULL) > 0)
			(void)!read(w->wake_fd, &ticks, sizeof(ticks));
		while (!rte_spinlock_trylock(&w->awake))
			sched_yield();
		rte_rcu_qsbr_thread_online(w->engine->qsbr, w->index);
	}
	WR(w->asleep, 0);
}

void worker_call(struct worker *w, worker_fn *fn, void *arg)
{
	if (!w->started) {
		fn(w, arg);
		return;
	}
	w->call_arg = arg;
	WR(w->call, fn);
	worker_wake(w);
	while (RD(w->call))
		sched_yield();
}

static inline void worker_answer(struct worker *w)
{
	worker_fn *fn = RD(w->call);

	if (likely(!fn))
		return;
	fn(w, w->call_arg);
	WR(w->call, NULL);
}

static void worker_loop(struct worker *w)
{
	uint64_t idle_since = 0;
	unsigned us = SLEEP_MIN_US;

	while (!RD(w->stop)) {
		worker_answer(w);
		if (worker_poll(w)) {
			idle_since = 0;
			us = SLEEP_MIN_US;
		} else if (!idle_since) {
			idle_since = w->now;
		} else if (!w->engine->busy_poll && worker_due(w) > w->now &&
			   w->now - idle_since > w->hz / 1000000 * SPIN_US) {
			worker_sleep(w, device_any(w->engine) ? us : 0);
			us = us * 2 < SLEEP_MAX_US ? us * 2 : SLEEP_MAX_US;
		}
		rte_rcu_qsbr_quiescent(w->engine->qsbr, w->index);
	}
}

static void *worker_main(void *arg)
{
	struct worker *w = arg;

	pthread_setname_np(pthread_self(), "worker");
	rte_thread_register(); /* gives the packet pools a cache; without it they are only slower */
	rte_rcu_qsbr_thread_register(w->engine->qsbr, w->index);
	rte_rcu_qsbr_thread_online(w->engine->qsbr, w->index);
	worker_loop(w);
	rte_rcu_qsbr_thread_offline(w->engine->qsbr, w->index);
	rte_rcu_qsbr_thread_unregister(w->engine->qsbr, w->index);
	rte_thread_unregister();
	return NULL;
}

static bool ring_create(const char *what, unsigned index, struct rte_ring **out)
{
	char name[RTE_RING_NAMESIZE];

	snprintf(name, sizeof(name), "%s%u", what, index);
	*out = rte_ring_create(name, RING_SIZE, SOCKET_ID_ANY, RING_F_SP_ENQ | RING_F_SC_DEQ);
	return *out;
}

int worker_create(struct engine *e, unsigned index, struct worker **out)
{
	struct worker *w = aligned_alloc(RTE_CACHE_LINE_SIZE,
					 RTE_ALIGN_CEIL(sizeof(*w), RTE_CACHE_LINE_SIZE));
	bool ok;

	if (!w)
		return -ENOMEM;
	*w = (struct worker){ .engine = e, .index = index, .nhs = e->nhs,
			       .ports = e->ports, .adjs = e->adjs };
	w->hz = rte_get_tsc_hz();
	w->now = w->billed_until = rte_rdtsc();
	w->idle = true;
	rte_spinlock_init(&w->awake);
	rte_spinlock_lock(&w->awake);
	w->avx512 = fib_isa() == FIB_ISA_AVX512;
	policer_rates_init(&w->rates, w->hz, e->worker_count);
	ok = !share_create(VNETS_MAX + 1, w->hz, w->now, &w->share);
	ok &= ring_create("from_relay", index, &w->from_relay);
	ok &= ring_create("to_relay_control", index, &w->to_relay[LANE_CONTROL].ring);
	ok &= ring_create("to_relay", index, &w->to_relay[LANE_REST].ring);
	w->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (!ok || w->wake_fd < 0) {
		worker_destroy(w);
		return -ENOMEM;
	}
	*out = w;
	return 0;
}

static void ring_destroy(struct rte_ring *ring)
{
	struct rte_mbuf *m;

	if (!ring)
		return;
	while (rte_ring_dequeue(ring, (void **)&m) == 0)
		rte_pktmbuf_free(m);
	rte_ring_free(ring);
}

void worker_destroy(struct worker *w)
{
	if (!w)
		return;
	ring_destroy(w->from_relay);
	for (unsigned i = 0; i < LANES; i++)
		ring_destroy(w->to_relay[i].ring);
	if (w->wake_fd >= 0)
		close(w->wake_fd);
	calendar_destroy(w->calendar);
	share_destroy(w->share);
	free(w);
}

int worker_start(struct worker *w, struct err *err)
{
	int rc = pthread_create(&w->thread, NULL, worker_main, w);

	w->started = !rc;
	return rc ? err_sys(err, -rc, "cannot start a worker") : 0;
}

void worker_stop(struct worker *w)
{
	uint64_t one = 1;

	WR(w->stop, 1);
	(void)!write(w->wake_fd, &one, sizeof(one));
	pthread_join(w->thread, NULL);
	w->started = false;
}
