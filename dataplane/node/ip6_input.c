/* SPDX-License-Identifier: Apache-2.0 */
/* IPv6 header checks (RFC 8200), and what is the guest's business rather than ours. */
#include "dataplane/graph_priv.h"

#include <netinet/in.h>
#include <rte_ip.h>

/* Addresses no router forwards: unspecified, loopback, link-local, multicast (RFC 4291). */
static bool ip6_special(const uint8_t addr[16])
{
	static const uint8_t zero[15];

	return addr[0] == 0xff || (addr[0] == 0xfe && (addr[1] & 0xc0) == 0x80) ||
	       (!memcmp(addr, zero, 15) && addr[15] <= 1);
}

void ip6_input_run(struct worker *w, struct rte_mbuf **pkts, unsigned n)
{
	for (unsigned i = 0; i < n; i++) {
		struct rte_mbuf *m = pkts[i];
		const struct rte_ipv6_hdr *ip = rte_pktmbuf_mtod_offset(
			m, struct rte_ipv6_hdr *, sizeof(struct rte_ether_hdr));
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
