/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Frames that came over a link. A router forwards IPv4 and IPv6 sent to the port's own MAC;
 * everything else it may care about (ARP, multicast, LLC, tags, virtual MACs) is its guest's.
 */
#include "dataplane/capture_priv.h"
#include "dataplane/graph_priv.h"

static void router_rx(struct worker *w, struct rte_mbuf *m, struct port *port)
{
	const struct rte_ether_hdr *eth = rte_pktmbuf_mtod(m, struct rte_ether_hdr *);
	uint32_t mode = RD(port->mode);

	if (!RD(port->fib) || mac_load(eth->dst_addr.addr_bytes) != RD(port->mac))
		graph_punt(w, m, PUNT_REASON_LOCAL);
	else if (eth->ether_type == RTE_BE16(RTE_ETHER_TYPE_IPV4) && !(mode & PORT_PUNT4))
		graph_to(w, GRAPH_IP4_INPUT, m);
	else if (eth->ether_type == RTE_BE16(RTE_ETHER_TYPE_IPV6) && !(mode & PORT_PUNT6))
		graph_to(w, GRAPH_IP6_INPUT, m);
	else
		graph_punt(w, m, PUNT_REASON_LOCAL);
}

void wire_rx_run(struct worker *w, struct rte_mbuf **pkts, unsigned n)
{
	for (unsigned i = 0; i < n; i++) {
		struct rte_mbuf *m = pkts[i];
		struct port *port = pkt(m)->port;
		struct counters *c = counters_of(w, port);

		c->wire_rx_packets += pkt_frames(m);
		c->wire_rx_bytes += pkt_bytes(m);
		capture_wire(w, port, RD(port->mode), m, DP_CAPTURE_RX);
		switch (port->kind) {
		case DP_NODE_ROUTER:
			router_rx(w, m, port);
			break;
		case DP_NODE_BRIDGE:
			graph_to(w, GRAPH_BRIDGE, m);
			break;
		default:
			graph_to(w, GRAPH_BACKING_TX, m);
		}
	}
}
