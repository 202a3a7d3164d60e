/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Frames from a port's backing go out on its wire. Where the engine forwards for a guest, the guest may only
 * speak as itself. A port that punts everything may be part of the guest's bridge, or have a MAC of its choice.
 */
#include "dataplane/graph_priv.h"

void inject_run(struct worker *w, struct rte_mbuf **pkts, unsigned n)
{
	for (unsigned i = 0; i < n; i++) {
		struct rte_mbuf *m = pkts[i];
		struct port *port = pkt(m)->port;
		const struct rte_ether_hdr *eth = rte_pktmbuf_mtod(m, struct rte_ether_hdr *);

		if (m->pkt_len < sizeof(*eth)) {
			graph_drop(w, m, DP_DROP_RUNT);
		} else if (port->kind == DP_NODE_ROUTER && RD(port->fib) &&
			   mac_load(eth->src_addr.addr_bytes) != RD(port->mac)) {
			graph_drop(w, m, DP_DROP_SOURCE_MAC);
		} else {
			counters_of(w, port)->injected += pkt_frames(m);
			pkt(m)->out = port;
			graph_to(w, GRAPH_WIRE_TX, m);
		}
	}
}
