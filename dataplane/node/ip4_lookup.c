/* SPDX-License-Identifier: Apache-2.0 */
/* One bulk lookup for a burst whose packets may each be of another router. */
#include "dataplane/node/lookup_priv.h"

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
			nh = RD(w->nhs[flow_member(nh, ip4_flow_hash(pkt(m)->port->hash_seed, m))]);
		lookup_finish(w, m, nh);
	}
}
