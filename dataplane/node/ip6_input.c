/* SPDX-License-Identifier: Apache-2.0 */
/* IPv6 header checks (RFC 8200), and what is the guest's business rather than ours. */
#include "dataplane/graph_priv.h"
#include "dataplane/ip_priv.h"

void ip6_input_run(struct worker *w, struct rte_mbuf **pkts, unsigned n)
{
	for (unsigned i = 0; i < n; i++) {
		struct rte_mbuf *m = pkts[i];
		const struct rte_ipv6_hdr *ip = ip6_of(m);
		uint32_t have = m->pkt_len - (uint32_t)sizeof(struct rte_ether_hdr), total;

		if (have < sizeof(*ip)) {
			graph_drop(w, m, DP_DROP_RUNT);
			continue;
		}
		if ((ip->vtc_flow & RTE_BE32(0xf0000000)) != RTE_BE32(0x60000000)) {
			graph_drop(w, m, DP_DROP_IP6_HEADER);
			continue;
		}
		total = rte_be_to_cpu_16(ip->payload_len) + (uint32_t)sizeof(*ip);
		if (total > have) {
			graph_drop(w, m, DP_DROP_RUNT);
			continue;
		}
		rte_pktmbuf_trim(m, (uint16_t)(have - total));
		/* Hop-by-hop options are for every router to look at. */
		if (ip->proto == IPPROTO_HOPOPTS || ip->hop_limits <= 1 ||
		    ip6_special(ip->src_addr) || ip6_special(ip->dst_addr))
			graph_punt(w, m, PUNT_REASON_EXCEPTION);
		else
			graph_to(w, GRAPH_IP6_LOOKUP, m);
	}
}
