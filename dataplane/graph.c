/* SPDX-License-Identifier: Apache-2.0 */
#include "dataplane/graph_priv.h"

#include "dataplane/capture_priv.h"

static graph_fn *const graph_nodes[GRAPH_NODES] = {
	[GRAPH_INJECT] = inject_run,	     [GRAPH_WIRE_RX] = wire_rx_run,
	[GRAPH_BRIDGE] = bridge_run,	     [GRAPH_IP4_INPUT] = ip4_input_run,
	[GRAPH_IP6_INPUT] = ip6_input_run,   [GRAPH_IP4_LOOKUP] = ip4_lookup_run,
	[GRAPH_IP6_LOOKUP] = ip6_lookup_run, [GRAPH_REWRITE] = rewrite_run,
	[GRAPH_PUNT] = punt_run,	     [GRAPH_ASLEEP] = asleep_run,
	[GRAPH_WIRE_TX] = wire_tx_run,	     [GRAPH_IMPAIR] = impair_run,
	[GRAPH_BACKING_TX] = backing_tx_run,
};

static unsigned graph_take(struct graph_queue *q, struct rte_mbuf **pkts)
{
	struct rte_mbuf *m = q->head;
	unsigned n = 0;

	while (m && n < BURST) {
		pkts[n++] = m;
		m = pkt(m)->next;
	}
	q->head = m;
	return n;
}

void graph_run(struct worker *w)
{
	struct rte_mbuf *pkts[BURST];
	bool busy;

	do {
		busy = false;
		for (unsigned i = 0; i < GRAPH_NODES; i++) {
			unsigned n = graph_take(&w->queues[i], pkts);

			if (!n)
				continue;
			graph_nodes[i](w, pkts, n);
			busy = true;
		}
	} while (busy);
}

void graph_drop(struct worker *w, struct rte_mbuf *m, enum dp_drop why)
{
	port_drop(pkt(m)->port, w->index, m, why);
}
