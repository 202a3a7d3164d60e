/* SPDX-License-Identifier: Apache-2.0 */
/* What a router's guest is to see, within the rates of its class. */
#include "dataplane/ip_priv.h"
#include "dataplane/offload_priv.h"

static_assert(POLICER_SOURCES == 1 << 8, "punt_pass() takes 8 bits of a hash, the upper ones");

/*
 * A port without FIB: what is in the class local is transit, which its guest forwards. That is not held
 * to a port's rate, but to the vnet's, for the sake of who else needs the relay thread; and to none where
 * it does not go there.
 */
static bool transit_pass(struct worker *w, const struct port *port, struct policer *vnet)
{
	const struct rate *rate = &w->rates.vnet[DP_PUNT_LOCAL];

	if (port->backing == DP_BACK_DEV)
		return true;
	if (!rate_room(rate, vnet->due[DP_PUNT_LOCAL], w->now))
		return false;
	rate_charge(rate, &vnet->due[DP_PUNT_LOCAL], w->now, 1);
	return true;
}

static bool punt_pass(struct worker *w, const struct rte_mbuf *m, struct port *port,
		      enum dp_punt class)
{
	struct vnet_local *vnet = &port->vnet->local[w->index];
	struct policer *own = &port->local[w->index].punt;
	const struct rte_ether_hdr *eth = rte_pktmbuf_mtod(m, const struct rte_ether_hdr *);
	uint64_t *source;

	if (class == DP_PUNT_LOCAL && !RD(port->fib))
		return transit_pass(w, port, &vnet->punt);
	if (class != DP_PUNT_NEIGHBOUR)
		return policer_pass(own, &vnet->punt, &w->rates, class, w->now);
	source = &vnet->sources[flow_mix(port->hash_seed ^ port->id,
					 mac_load(eth->src_addr.addr_bytes)) >> 56];
	if (!rate_room(&w->rates.source, *source, w->now) ||
	    !policer_pass(own, &vnet->punt, &w->rates, class, w->now))
		return false;
	rate_charge(&w->rates.source, source, w->now, 1);
	return true;
}

void punt_run(struct worker *w, struct rte_mbuf **pkts, unsigned n)
{
	for (unsigned i = 0; i < n; i++) {
		struct rte_mbuf *m = pkts[i];
		struct port *port = pkt(m)->port;
		struct vnet_local *vnet = &port->vnet->local[w->index];
		enum dp_punt class;

		if (unlikely(m->ol_flags)) { /* guests see frames, and these are what rates count */
			segment(w, m, punt_run);
			continue;
		}
		class = policer_classify(rte_pktmbuf_mtod(m, uint8_t *), m->data_len,
					 pkt(m)->reason);
		if (!punt_pass(w, m, port, class)) {
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
