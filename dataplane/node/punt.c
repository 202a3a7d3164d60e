/* SPDX-License-Identifier: Apache-2.0 */
/* What a router's guest is to see, within the rates of its class. */
#include "dataplane/graph_priv.h"

void punt_run(struct worker *w, struct rte_mbuf **pkts, unsigned n)
{
	for (unsigned i = 0; i < n; i++) {
		struct rte_mbuf *m = pkts[i];
		struct port *port = pkt(m)->port;
		struct vnet_local *vnet = &port->vnet->local[w->index];
		enum dp_punt class = policer_classify(rte_pktmbuf_mtod(m, uint8_t *), m->data_len,
						      pkt(m)->reason);

		if (!policer_pass(&port->local[w->index].punt, &vnet->punt, &w->rates, class,
				  w->now)) {
			vnet->policed[class]++;
			graph_drop(w, m, DP_DROP_POLICED);
			continue;
		}
		vnet->punts[class]++;
		pkt(m)->class = (uint8_t)class;
		if (RD(port->mode) & PORT_ASLEEP)
			graph_to(w, GRAPH_ASLEEP, m);
		else
			graph_to(w, GRAPH_BACKING_TX, m);
	}
}
