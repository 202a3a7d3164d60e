/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DATAPLANE_NODE_LOOKUP_PRIV_H
#define DATAPLANE_NODE_LOOKUP_PRIV_H

/* What IPv4 and IPv6 lookups share: from a FIB's value to what becomes of the packet. */

#include "dataplane/graph_priv.h"
#include "dataplane/ip_priv.h"

/* nh is no group; NULL (it was deleted under us) is the guest's affair. */
static inline void lookup_finish(struct worker *w, struct rte_mbuf *m, const struct nh *nh)
{
	switch (nh ? nh->kind : DP_NH_PUNT) {
	case DP_NH_ADJ:
		pkt(m)->nh = nh;
		pkt(m)->out = nh->port;
		graph_to(w, GRAPH_REWRITE, m);
		break;
	case DP_NH_DROP:
		graph_drop(w, m, DP_DROP_BLACKHOLE);
		break;
	default:
		graph_punt(w, m, PUNT_REASON_LOCAL);
	}
}

#endif
