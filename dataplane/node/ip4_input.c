/* SPDX-License-Identifier: Apache-2.0 */
/* IPv4 header checks (RFC 1812 5.2.2), and what is the guest's business rather than ours. */
#include "dataplane/graph_priv.h"
#include "dataplane/ip_priv.h"

void ip4_input_run(struct worker *w, struct rte_mbuf **pkts, unsigned n)
{
	for (unsigned i = 0; i < n; i++) {
		struct rte_mbuf *m = pkts[i];
		const struct rte_ipv4_hdr *ip = ip4_of(m);
		uint32_t have = m->pkt_len - (uint32_t)sizeof(struct rte_ether_hdr), header, total;

		if (have < sizeof(*ip)) {
			graph_drop(w, m, DP_DROP_RUNT);
			continue;
		}
		header = (ip->version_ihl & 15u) * 4;
		total = rte_be_to_cpu_16(ip->total_length);
		if (ip->version_ihl >> 4 != 4 || header < sizeof(*ip) || total < header) {
			graph_drop(w, m, DP_DROP_IP4_HEADER);
			continue;
		}
		if (total > have) {
			graph_drop(w, m, DP_DROP_RUNT);
			continue;
		}
		if (rte_raw_cksum(ip, header) != 0xffff) {
			graph_drop(w, m, DP_DROP_IP4_HEADER);
			continue;
		}
		rte_pktmbuf_trim(m, (uint16_t)(have - total)); /* Ethernet padding */
		if (header > sizeof(*ip) || ip->time_to_live <= 1 ||
		    ip4_special(rte_be_to_cpu_32(ip->src_addr)) ||
		    ip4_special(rte_be_to_cpu_32(ip->dst_addr)))
			graph_punt(w, m, PUNT_REASON_EXCEPTION);
		else
			graph_to(w, GRAPH_IP4_LOOKUP, m);
	}
}
