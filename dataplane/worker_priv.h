/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DATAPLANE_WORKER_PRIV_H
#define DATAPLANE_WORKER_PRIV_H

#include "dataplane/fast_priv.h"

#include <pthread.h>
#include <rte_spinlock.h>

enum graph_node {
	GRAPH_INJECT,
	GRAPH_WIRE_RX,
	GRAPH_BRIDGE,
	GRAPH_IP4_INPUT,
	GRAPH_IP6_INPUT,
	GRAPH_IP4_LOOKUP,
	GRAPH_IP6_LOOKUP,
	GRAPH_REWRITE,
	GRAPH_PUNT,
	GRAPH_ASLEEP,
	GRAPH_WIRE_TX,
	GRAPH_IMPAIR,
	GRAPH_BACKING_TX,
	GRAPH_NODES
};

struct graph_queue {
	struct rte_mbuf *head, *tail;
};

struct worker {
	struct graph_queue queues[GRAPH_NODES];
	struct fast fast;
	struct vnet *billed[BURST]; /* that have had work in this burst */
	unsigned billed_count;
	uint64_t billed_until; /* TSC: cycles before it are billed */
	struct share *share;   /* of this worker's cycles, by slots of vnets */
	uint64_t now, hz; /* TSC */
	uint64_t busy, packets; /* cycles of rounds that had packets, and how many: DP_WORKER_GET */
	uint64_t rest;	  /* TSC: while vnets are limited, not before it */
	struct nh **nhs;
	struct port **ports;
	adjacency *adjs;
	struct engine *engine;
	struct policer_rates rates;
	unsigned index;
	bool avx512; /* may be used */

	/* Each ring has one producer and one consumer. */
	struct rte_ring *from_relay;
	struct worker_lane {
		struct rte_ring *ring;
		struct rte_mbuf *pkts[BURST]; /* on its way there */
		unsigned count;
	} to_relay[LANES];
	uint32_t asleep; /* 1: whoever gives work clears it and writes wake_fd */
	rte_spinlock_t awake; /* held but while the thread sleeps, or by who takes its place then */
	int wake_fd;
	uint32_t stop;
	bool started;
	bool idle; /* the last round found nothing to do */
	void *call_arg;
	void (*call)(struct worker *w, void *arg); /* NULL once it has run */
	pthread_t thread;
	struct calendar *calendar; /* what links hold; NULL while none has done that */
	uint64_t until;	  /* TSC: it sleeps until then */
	uint32_t on_wire; /* in the calendar, as of a vnet */
};

/* Rings and state without a thread: what graph_run() needs. */
int worker_create(struct engine *e, unsigned index, struct worker **out);
void worker_destroy(struct worker *w); /* NULL allowed; stopped */
int worker_start(struct worker *w, struct err *err);
void worker_stop(struct worker *w);

/* Has fn run by the worker between two rounds, and waits for it; at once where it has no thread. The
 * control thread. */
typedef void worker_fn(struct worker *w, void *arg);
void worker_call(struct worker *w, worker_fn *fn, void *arg);

/* The vnet's weight and guarantee, and its end. Control thread. */
void worker_share(struct worker *w, struct vnet *vnet);
void worker_forget(struct worker *w, struct vnet *vnet);

/* Wakes the worker when it sleeps. After the ring was written; any thread. */
void worker_wake(struct worker *w);

/* The relay thread, after it filled from_relay: sees to it that the worker deals with that. Does it
 * itself in place of a worker that sleeps and has no devices, which is less than to wake it. */
void worker_serve(struct worker *w);

/* One round: whatever rings and devices hold, once through the graph. Returns packets seen. */
unsigned worker_poll(struct worker *w);

/* Hands a packet that knows its port's handle to the relay thread, with the next flush. */
void worker_to_relay(struct worker *w, struct rte_mbuf *m, enum relay_lane lane);

/* Fills to_relay's rings with what was handed over; what does not fit is dropped and counted. */
void worker_flush_relay(struct worker *w);

/* True when the relay thread has taken all of it. The worker and the relay thread. */
bool worker_relay_served(const struct worker *w);

/* Forwards what is in fast.rx to its end, and bills the vnets for it. one: as for fast_run(). */
void worker_burst(struct worker *w, bool one);

/* The two halves of it, while vnets are limited. Of the packets in fast.rx from `at` on those are
 * dropped that are over their vnet's share, and all are paid for so far. one: all are from the
 * first one's port, and only that is set. */
void worker_admit(struct worker *w, unsigned at, bool one);
void worker_forward(struct worker *w, bool one);

/*
 * The cycles that a burst takes are shared out by work: a packet that a router forwards is 1, one
 * that enters the graph or crosses a wire in it WORK_SLOW, and one that a device takes WORK_DEVICE
 * on top, about what they cost more; WORK_CAPTURE is for a copy to captures.
 */
enum { WORK_SLOW = 4, WORK_DEVICE = 2, WORK_CAPTURE = 2 };

static inline void worker_work(struct worker *w, struct vnet *vnet, uint32_t work)
{
	struct vnet_local *local = &vnet->local[w->index];

	if (!local->work)
		w->billed[w->billed_count++] = vnet;
	local->work += work;
}

static inline struct counters *counters_of(struct worker *w, struct port *port)
{
	return &port->local[w->index].count;
}

#endif
