/* SPDX-License-Identifier: Apache-2.0 */
/* As ip4_lookup, for IPv6. */
#include "dataplane/node/lookup_priv.h"

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
			nh = RD(w->nhs[flow_member(nh, ip6_flow_hash(pkt(m)->port->hash_seed, m))]);
		lookup_finish(w, m, nh);
	}
}
