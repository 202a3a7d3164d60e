/* SPDX-License-Identifier: Apache-2.0 */
/* A routed packet gets its new TTL and MAC addresses; one that does not fit goes to the guest. */
#include "dataplane/graph_priv.h"
#include "dataplane/ip_priv.h"

void rewrite_run(struct worker *w, struct rte_mbuf **pkts, unsigned n)
{
	for (unsigned i = 0; i < n; i++) {
		struct rte_mbuf *m = pkts[i];
		struct pkt *p = pkt(m);
		struct rte_ether_hdr *eth = rte_pktmbuf_mtod(m, struct rte_ether_hdr *);
		uint64_t mac;

		if (!p->out) { /* the next hop's port is gone */
			graph_drop(w, m, DP_DROP_LINK_DOWN);
			continue;
		}
		if (pkt_longest(m) - sizeof(*eth) > RD(p->out->mtu)) {
			graph_punt(w, m, PUNT_REASON_EXCEPTION);
			continue;
		}
		if (eth->ether_type == RTE_BE16(RTE_ETHER_TYPE_IPV4))
			ip4_decrement_ttl((struct rte_ipv4_hdr *)(eth + 1));
		else
			((struct rte_ipv6_hdr *)(eth + 1))->hop_limits--;
		mac = RD(p->out->mac);
		memcpy(eth->dst_addr.addr_bytes, &p->nh->mac, 6);
		memcpy(eth->src_addr.addr_bytes, &mac, 6);
		p->transit = 1;
		p->bridges = 0; /* the TTL bounds loops from here on */
		graph_to(w, GRAPH_WIRE_TX, m);
	}
}
