/* SPDX-License-Identifier: Apache-2.0 */
/* As ip4_lookup, for IPv6. */
#include "dataplane/node/lookup_priv.h"

#include <netinet/in.h>
#include <rte_ip.h>

static const struct rte_ipv6_hdr *ip6_of(struct rte_mbuf *m)
{
	return rte_pktmbuf_mtod_offset(m, struct rte_ipv6_hdr *, sizeof(struct rte_ether_hdr));
}

/* Addresses, next header, and ports when they come next (a fragment's do not). */
static uint64_t ip6_flow_hash(struct rte_mbuf *m)
{
	const struct rte_ipv6_hdr *ip = ip6_of(m);
	uint64_t h = pkt(m)->port->hash_seed, words[4];
	uint32_t ports = 0;

	memcpy(words, ip->src_addr, sizeof(words)); /* and the destination behind it */
	for (unsigned i = 0; i < 4; i++)
		h = flow_mix(h, words[i]);
	if ((ip->proto == IPPROTO_TCP || ip->proto == IPPROTO_UDP) &&
	    m->pkt_len >= sizeof(struct rte_ether_hdr) + sizeof(*ip) + sizeof(ports))
		memcpy(&ports, ip + 1, sizeof(ports));
	return flow_mix(flow_mix(h, (uint64_t)ip->proto << 32 | ports), 0);
}

void ip6_lookup_run(struct worker *w, struct rte_mbuf **pkts, unsigned n)
{
	const struct fib *fibs[BURST];
	uint8_t dst[BURST][16];
	uint32_t values[BURST];

	for (unsigned i = 0; i < n; i++) {
		fibs[i] = RD(pkt(pkts[i])->port->fib);
		memcpy(dst[i], ip6_of(pkts[i])->dst_addr, sizeof(dst[i]));
		if (unlikely(!fibs[i])) { /* taken away since wire_rx looked */
			graph_punt(w, pkts[i], PUNT_REASON_LOCAL);
			pkts[i--] = pkts[--n];
		}
	}
	if (!n)
		return;
	fib_lookup6_bulk(fibs, (const uint8_t(*)[16])dst, values, n);
	for (unsigned i = 0; i < n; i++) {
		struct rte_mbuf *m = pkts[i];
		const struct nh *nh;

		if (values[i] == FIB_MISS) {
			graph_punt(w, m, PUNT_REASON_EXCEPTION);
			continue;
		}
		nh = RD(w->nhs[values[i]]);
		if (nh && nh->kind == DP_NH_GROUP)
			nh = RD(w->nhs[flow_member(nh, ip6_flow_hash(m))]);
		lookup_finish(w, m, nh);
	}
}
