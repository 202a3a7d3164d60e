/* SPDX-License-Identifier: Apache-2.0 */
/* One bulk lookup for a burst whose packets may each be of another router. */
#include "dataplane/node/lookup_priv.h"

#include <netinet/in.h>
#include <rte_ip.h>

static const struct rte_ipv4_hdr *ip4_of(struct rte_mbuf *m)
{
	return rte_pktmbuf_mtod_offset(m, struct rte_ipv4_hdr *, sizeof(struct rte_ether_hdr));
}

/* Addresses, protocol, and ports where every packet of the flow shows them. */
static uint64_t ip4_flow_hash(struct rte_mbuf *m)
{
	const struct rte_ipv4_hdr *ip = ip4_of(m);
	uint64_t h = flow_mix(pkt(m)->port->hash_seed, (uint64_t)ip->src_addr << 32 | ip->dst_addr);
	uint32_t ports = 0;

	if ((ip->next_proto_id == IPPROTO_TCP || ip->next_proto_id == IPPROTO_UDP) &&
	    !(ip->fragment_offset & RTE_BE16(0x3fff)) &&
	    m->pkt_len >= sizeof(struct rte_ether_hdr) + sizeof(*ip) + sizeof(ports))
		memcpy(&ports, ip + 1, sizeof(ports));
	return flow_mix(flow_mix(h, (uint64_t)ip->next_proto_id << 32 | ports), 0);
}

void ip4_lookup_run(struct worker *w, struct rte_mbuf **pkts, unsigned n)
{
	const struct fib *fibs[BURST];
	uint32_t dst[BURST], values[BURST];

	for (unsigned i = 0; i < n; i++) {
		fibs[i] = RD(pkt(pkts[i])->port->fib);
		dst[i] = ip4_of(pkts[i])->dst_addr;
		if (unlikely(!fibs[i])) { /* taken away since wire_rx looked */
			graph_punt(w, pkts[i], PUNT_REASON_LOCAL);
			pkts[i--] = pkts[--n];
		}
	}
	if (!n)
		return;
	fib_lookup4_bulk(fibs, dst, values, n);
	for (unsigned i = 0; i < n; i++) {
		struct rte_mbuf *m = pkts[i];
		const struct nh *nh;

		if (values[i] == FIB_MISS) {
			graph_punt(w, m, PUNT_REASON_EXCEPTION);
			continue;
		}
		nh = RD(w->nhs[values[i]]);
		if (nh && nh->kind == DP_NH_GROUP)
			nh = RD(w->nhs[flow_member(nh, ip4_flow_hash(m))]);
		lookup_finish(w, m, nh);
	}
}
