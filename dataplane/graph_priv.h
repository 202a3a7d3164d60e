/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DATAPLANE_GRAPH_PRIV_H
#define DATAPLANE_GRAPH_PRIV_H

/*
 * The forwarding graph. A node is a function over a burst; it hands each packet to another node
 * with graph_to() or ends its life with graph_drop() or a ring. Queues between nodes are lists
 * through the packets themselves, so they are never full. A run lasts until all are empty: TTLs,
 * bridge crossings and flood budgets bound it.
 */

#include "dataplane/capture_priv.h"
#include "dataplane/worker_priv.h"

#include <rte_ether.h>

typedef void graph_fn(struct worker *w, struct rte_mbuf **pkts, unsigned n);

graph_fn inject_run;	 /* from a backing: checks, then out on the port's wire */
graph_fn wire_rx_run;	 /* from the wire: what kind of port is it? */
graph_fn bridge_run;	 /* learn, look up, flood */
graph_fn ip4_input_run;	 /* header checks, what a router may not forward */
graph_fn ip6_input_run;
graph_fn ip4_lookup_run; /* FIB and next hop */
graph_fn ip6_lookup_run;
graph_fn rewrite_run;	 /* MTU, TTL, MAC addresses */
graph_fn punt_run;	 /* to the guest, through the policer */
graph_fn asleep_run;	 /* answers for a guest that is saved on disk */
graph_fn wire_tx_run;	 /* to the other end of out's link */
graph_fn impair_run;	 /* what the link does on the way, if anything */
graph_fn backing_tx_run; /* to what is behind the port */

/* Queues everything until all queues are empty. */
void graph_run(struct worker *w);

/* Counts why on the port the packet was received on, and frees it. */
void graph_drop(struct worker *w, struct rte_mbuf *m, enum dp_drop why);

static inline void graph_to(struct worker *w, enum graph_node to, struct rte_mbuf *m)
{
	struct graph_queue *q = &w->queues[to];

	pkt(m)->next = NULL;
	if (q->head)
		pkt(q->tail)->next = m;
	else
		q->head = m;
	q->tail = m;
}

/* A packet as it came, that the fast path leaves to the graph. */
static inline void graph_enter(struct worker *w, enum graph_node to, struct rte_mbuf *m,
			       struct port *port)
{
	pkt_enter(m, port);
	worker_work(w, port->vnet, WORK_SLOW);
	graph_to(w, to, m);
}

/* It leaves by out. */
static inline void wire_sent(struct worker *w, struct rte_mbuf *m, struct port *out)
{
	struct counters *c = counters_of(w, out);

	c->wire_tx_packets += pkt_frames(m);
	c->wire_tx_bytes += pkt_bytes(m);
	capture_wire(w, out, RD(out->mode), m, DP_CAPTURE_TX);
	if (pkt(m)->transit)
		counters_of(w, pkt(m)->port)->forwarded += pkt_frames(m);
	pkt(m)->transit = 0;
}

static inline void graph_punt(struct worker *w, struct rte_mbuf *m, enum punt_reason reason)
{
	pkt(m)->reason = reason;
	graph_to(w, GRAPH_PUNT, m);
}

#endif
