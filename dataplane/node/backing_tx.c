/* SPDX-License-Identifier: Apache-2.0 */
/* To what is behind the port: the relay thread's descriptor or a device. */
#include "dataplane/device_priv.h"
#include "dataplane/offload_priv.h"

/* A router's frames all come by the policer, and have a class. */
static enum relay_lane backing_lane(const struct pkt *p)
{
	return p->port->kind == DP_NODE_ROUTER && p->class == DP_PUNT_CONTROL ? LANE_CONTROL
									      : LANE_REST;
}

/* A tag would make it a frame of another slice, which may be another vnet's. */
static bool backing_stray(const struct device *dev, const struct port *port, struct rte_mbuf *m)
{
	const struct rte_ether_hdr *eth = rte_pktmbuf_mtod(m, const struct rte_ether_hdr *);

	return eth->ether_type == RTE_BE16(RTE_ETHER_TYPE_VLAN) && !RD(port->vlan) &&
	       RD(dev->sliced);
}

void backing_tx_run(struct worker *w, struct rte_mbuf **pkts, unsigned n)
{
	for (unsigned i = 0; i < n; i++) {
		struct rte_mbuf *m = pkts[i];
		struct pkt *p = pkt(m);
		struct device *dev = RD(p->port->dev);

		if (RD(p->port->mode) & PORT_DOWN) {
			graph_drop(w, m, DP_DROP_PORT_DOWN);
			continue;
		}
#ifdef WEFT_CHECKS
		if (p->port->node->vnet != p->port->vnet) {
			graph_drop(w, m, DP_DROP_ISOLATION);
			continue;
		}
#endif
		if (unlikely(m->ol_flags) && !RD(p->port->offloads)) {
			segment(w, m, backing_tx_run);
			continue;
		}
		switch (RD(p->port->backing)) {
		case DP_BACK_DGRAM:
		case DP_BACK_TAP:
			/* Counted by the relay thread, when it is out. */
			pkt_name(m, p->port);
			worker_to_relay(w, m, backing_lane(p));
			break;
		case DP_BACK_DEV:
			if (dev && unlikely(backing_stray(dev, p->port, m))) {
				graph_drop(w, m, DP_DROP_VLAN);
				break;
			}
			if (dev) {
				device_tx(w, dev, p->port, &m, 1);
				break;
			}
			/* fall through */
		default:
			graph_drop(w, m, DP_DROP_NO_BACKING);
		}
	}
}
