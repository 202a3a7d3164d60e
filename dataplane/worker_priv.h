/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DATAPLANE_WORKER_PRIV_H
#define DATAPLANE_WORKER_PRIV_H

#include "dataplane/fast_priv.h"

#include <pthread.h>

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
	GRAPH_BACKING_TX,
	GRAPH_NODES
};

struct graph_queue {
	struct rte_mbuf *head, *tail;
};

struct worker {
	struct graph_queue queues[GRAPH_NODES];
	struct fast fast;
	struct rte_mbuf *relay_tx[BURST]; /* on its way to to_relay */
	unsigned relay_tx_count;
	uint64_t now, hz; /* TSC */
	struct nh **nhs;
	struct engine *engine;
	struct policer_rates rates;
	unsigned index;
	bool avx512; /* may be used */

	struct rte_ring *from_relay, *to_relay; /* one producer and one consumer each */
	uint32_t asleep; /* 1: whoever gives work clears it and writes wake_fd */
	int wake_fd;
	uint32_t stop;
	pthread_t thread;
};

/* Rings and state without a thread: what graph_run() needs. */
int worker_create(struct engine *e, unsigned index, struct worker **out);
void worker_destroy(struct worker *w); /* NULL allowed; stopped */
int worker_start(struct worker *w, struct err *err);
void worker_stop(struct worker *w);

/* Wakes the worker when it sleeps. After the ring was written; any thread. */
void worker_wake(struct worker *w);

/* One round: whatever rings and devices hold, once through the graph. Returns packets seen. */
unsigned worker_poll(struct worker *w);

/* Passes relay_tx on to the relay thread; what does not fit is dropped and counted. */
void worker_flush_relay(struct worker *w);

static inline struct counters *counters_of(struct worker *w, struct port *port)
{
	return &port->local[w->index].count;
}

#endif
