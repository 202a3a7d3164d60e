/* SPDX-License-Identifier: Apache-2.0 */
/* Over the link: what leaves by `out` is received by its peer. */
#include "dataplane/graph_priv.h"

static uint32_t frame_max(const struct port *out, const struct rte_ether_hdr *eth)
{
	bool tagged = eth->ether_type == RTE_BE16(RTE_ETHER_TYPE_VLAN) ||
		      eth->ether_type == RTE_BE16(RTE_ETHER_TYPE_QINQ);

	return RD(out->mtu) + (uint32_t)sizeof(*eth) + (tagged ? 4 : 0);
}

void wire_tx_run(struct worker *w, struct rte_mbuf **pkts, unsigned n)
{
	for (unsigned i = 0; i < n; i++) {
		struct rte_mbuf *m = pkts[i];
		struct pkt *p = pkt(m);
		struct port *out = p->out, *peer = RD(out->peer);
		struct port *far = likely(peer) ? peer : RD(out->far);

		if (RD(out->mode) & PORT_DOWN) {
			graph_drop(w, m, DP_DROP_PORT_DOWN);
			continue;
		}
		if (!far) {
			graph_drop(w, m, DP_DROP_LINK_DOWN);
			continue;
		}
		if (pkt_longest(m) > frame_max(out, rte_pktmbuf_mtod(m, struct rte_ether_hdr *))) {
			graph_drop(w, m, DP_DROP_GIANT);
			continue;
		}
#ifdef WEFT_CHECKS
		if (out->vnet != p->port->vnet || far->vnet != p->port->vnet) {
			graph_drop(w, m, DP_DROP_ISOLATION);
			continue;
		}
#endif
		if (unlikely(!peer) && RD(out->impair)) {
			graph_to(w, GRAPH_IMPAIR, m);
			continue;
		}
		wire_sent(w, m, out);
		p->port = far;
		worker_work(w, far->vnet, WORK_SLOW);
		graph_to(w, GRAPH_WIRE_RX, m);
	}
}
