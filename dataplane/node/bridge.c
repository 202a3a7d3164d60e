/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A learning switch that is as a wire to every protocol: it keeps nothing for itself, not even
 * 01:80:c2 (LLDP, LACP, spanning tree). A flood copies, so a packet is never shared; copies are
 * bounded by a budget that each flood divides among them, loops by the count of bridges crossed.
 */
#include "dataplane/bridge_priv.h"
#include "dataplane/offload_priv.h"

static unsigned bridge_set(uint64_t mac)
{
	return (unsigned)(mac * 0x9e3779b97f4a7c15u >> 54);
}

static_assert(BRIDGE_SETS == 1 << 10, "bridge_set() gives 10 bits");

void bridge_learn(struct bridge_table *t, uint64_t mac, uint16_t slot, uint32_t now)
{
	unsigned set = bridge_set(mac), way = 0;

	for (unsigned i = 0; i < BRIDGE_WAYS; i++) {
		uint64_t entry = RD(t->entry[set][i]);

		if (entry >> 16 == mac) {
			way = i;
			break;
		}
		if (!entry || (RD(t->entry[set][way]) && t->seen[set][i] < t->seen[set][way]))
			way = i;
	}
	if (RD(t->entry[set][way]) != (mac << 16 | slot))
		WR(t->entry[set][way], mac << 16 | slot);
	if (t->seen[set][way] != now)
		t->seen[set][way] = now;
}

uint16_t bridge_find(const struct bridge_table *t, uint64_t mac, uint32_t now)
{
	unsigned set = bridge_set(mac);

	for (unsigned i = 0; i < BRIDGE_WAYS; i++) {
		uint64_t entry = RD(t->entry[set][i]);

		if (entry && entry >> 16 == mac)
			return now - t->seen[set][i] < BRIDGE_AGE ? (uint16_t)entry : 0;
	}
	return 0;
}

static void bridge_out(struct worker *w, struct rte_mbuf *m, struct port *out)
{
	pkt(m)->out = out;
	graph_to(w, GRAPH_WIRE_TX, m);
}

static void bridge_flood(struct worker *w, struct rte_mbuf *m)
{
	struct port *in = pkt(m)->port, *last = NULL;
	const struct port_list *list = RD(in->node->ports);
	unsigned targets = 0;

	for (uint32_t i = 0; i < list->count; i++)
		targets += list->ports[i] != in && port_far(list->ports[i]);
	if (!targets) {
		graph_drop(w, m, DP_DROP_LINK_DOWN);
		return;
	}
	if (pkt(m)->copies < targets) {
		graph_drop(w, m, DP_DROP_BRIDGE_LOOP);
		return;
	}
	pkt(m)->copies = (uint16_t)(pkt(m)->copies / targets);
	for (uint32_t i = 0; i < list->count; i++) {
		struct rte_mbuf *copy;

		if (list->ports[i] == in || !port_far(list->ports[i]))
			continue;
		if (!last) {
			last = list->ports[i];
			continue;
		}
		copy = offload_copy(w->engine, m);
		if (copy)
			bridge_out(w, copy, list->ports[i]);
		else
			counters_of(w, in)->drops[DP_DROP_NO_MEMORY] += pkt_frames(m);
	}
	if (last)
		bridge_out(w, m, last);
	else /* the links went down between the two looks */
		graph_drop(w, m, DP_DROP_LINK_DOWN);
}

void bridge_run(struct worker *w, struct rte_mbuf **pkts, unsigned n)
{
	uint32_t now = (uint32_t)(w->now / w->hz);

	for (unsigned i = 0; i < n; i++) {
		struct rte_mbuf *m = pkts[i];
		struct port *in = pkt(m)->port, *out = NULL;
		const struct rte_ether_hdr *eth = rte_pktmbuf_mtod(m, struct rte_ether_hdr *);
		struct bridge_table *t = in->node->bridge;
		uint16_t slot;

		if (pkt(m)->bridges++ == PKT_BRIDGES) {
			graph_drop(w, m, DP_DROP_BRIDGE_LOOP);
			continue;
		}
		if (!(eth->src_addr.addr_bytes[0] & 1))
			bridge_learn(t, mac_load(eth->src_addr.addr_bytes), (uint16_t)in->handle,
				     now);
		if (!(eth->dst_addr.addr_bytes[0] & 1)) {
			slot = bridge_find(t, mac_load(eth->dst_addr.addr_bytes), now);
			out = slot ? RD(w->engine->ports[slot]) : NULL;
		}
		if (out == in)
			graph_drop(w, m, DP_DROP_BRIDGE_SAME);
		else if (out && out->node == in->node)
			bridge_out(w, m, out);
		else
			bridge_flood(w, m);
	}
}
