/* SPDX-License-Identifier: Apache-2.0 */
#include "dataplane/fast_priv.h"

#include "dataplane/device_priv.h"
#include "dataplane/graph_priv.h"
#include "dataplane/ip_priv.h"

/* The least that any stage reads of a frame: Ethernet and IPv4 without options. */
enum { FRAME_LEAST = sizeof(struct rte_ether_hdr) + sizeof(struct rte_ipv4_hdr) };

static void fast_slow(struct worker *w, enum graph_node node, struct rte_mbuf *m, struct port *port)
{
	pkt_enter(m, port);
	graph_to(w, node, m);
}

static inline uint64_t load64(const uint8_t *p)
{
	uint64_t v;

	memcpy(&v, p, sizeof(v));
	return v;
}

static inline uint32_t load32(const uint8_t *p)
{
	uint32_t v;

	memcpy(&v, p, sizeof(v));
	return v;
}

/* Packets that one port counts alike, in a row. */
struct fast_sum {
	struct port *port;
	uint64_t packets, bytes;
};

static inline void fast_count_from(struct worker *w, struct fast_sum *sum)
{
	struct counters *c;

	if (!sum->packets)
		return;
	c = counters_of(w, sum->port);
	c->injected += sum->packets;
	c->wire_tx_packets += sum->packets;
	c->wire_tx_bytes += sum->bytes;
}

static inline void fast_count_in(struct worker *w, struct fast_sum *sum)
{
	struct counters *c;

	if (!sum->packets)
		return;
	c = counters_of(w, sum->port);
	c->forwarded += sum->packets;
	c->wire_rx_packets += sum->packets;
	c->wire_rx_bytes += sum->bytes;
}

/* From backings, over their ports' wires, to routers. */
static void fast_enter(struct worker *w, struct rte_mbuf *const *pkts, struct port *const *from,
		       unsigned n, struct fast_lanes *l)
{
	struct fast_sum sum = { 0 };

	l->count = 0;
	for (unsigned i = 0; i < n; i++) {
		struct rte_mbuf *m = pkts[i];
		struct port *port = from[i], *to = RD(port->peer);
		uint32_t max = RD(port->mtu) + (uint32_t)sizeof(struct rte_ether_hdr);

		if (unlikely(!to || to->kind != DP_NODE_ROUTER || port->kind == DP_NODE_ROUTER ||
			     RD(port->mode) & PORT_DOWN ||
			     m->pkt_len - FRAME_LEAST > max - FRAME_LEAST)) {
			fast_slow(w, GRAPH_INJECT, m, port);
			continue;
		}
		if (port != sum.port) {
			fast_count_from(w, &sum);
			sum = (struct fast_sum){ .port = port };
		}
		sum.packets++;
		sum.bytes += m->pkt_len;
		l->m[l->count] = m;
		l->in[l->count++] = to;
	}
	fast_count_from(w, &sum);
}

/* By the first byte alone, and so of 169/8 too much: the graph looks closer. */
static inline bool ip4_maybe_special(uint8_t top)
{
	return (uint8_t)(top - 1) >= 223 || top == 127 || top == 169;
}

/* RFC 1812 5.2.2 for a header without options; data is the frame. */
static inline bool fast_ip4_checks(const uint8_t *data, uint32_t len)
{
	uint64_t a = load64(data + 14), b = load64(data + 22), sum;
	uint32_t dst = load32(data + 30), total = rte_be_to_cpu_16((uint16_t)(a >> 16));

	sum = (a >> 32) + (uint32_t)a + (b >> 32) + (uint32_t)b + dst;
	sum = (sum >> 32) + (uint32_t)sum;
	sum = (sum >> 16) + (sum & 0xffff);
	sum = (sum >> 16) + (sum & 0xffff);
	return (uint16_t)sum == 0xffff && total == len - sizeof(struct rte_ether_hdr) &&
	       !ip4_maybe_special((uint8_t)(b >> 32)) && !ip4_maybe_special((uint8_t)dst);
}

static inline bool fast_ip6_checks(const uint8_t *data, uint32_t len)
{
	uint32_t payload = rte_be_to_cpu_16((uint16_t)load32(data + 18));
	uint8_t src = data[22], dst = data[38];

	/* Zero: perhaps unspecified or loopback; 0xfe, 0xff: perhaps link-local, or multicast. */
	return payload + sizeof(struct rte_ether_hdr) + sizeof(struct rte_ipv6_hdr) == len &&
	       data[20] != IPPROTO_HOPOPTS && (uint8_t)(src - 1) < 0xfd && (uint8_t)(dst - 1) < 0xfd;
}

enum fast_kind { FAST_IP4, FAST_IP6, FAST_NOT };

/* checked: a router before this one has looked at the header. */
static inline enum fast_kind fast_kind(const struct rte_mbuf *m, const struct port *in,
				       const struct fib *fib, bool checked)
{
	const uint8_t *data = rte_pktmbuf_mtod(m, const uint8_t *);
	uint32_t type = load32(data + 12), mode = RD(in->mode);

	if (unlikely(!fib || (load64(data) << 16) != RD(in->mac) << 16))
		return FAST_NOT;
	if ((type & 0xffffff) == 0x450008) /* IPv4, five words */
		return !(mode & PORT_PUNT4) && data[22] > 1 &&
				       (checked || fast_ip4_checks(data, m->pkt_len)) ?
			       FAST_IP4 :
			       FAST_NOT;
	if ((type & 0xf0ffff) == 0x60dd86 && m->pkt_len >= 14 + sizeof(struct rte_ipv6_hdr))
		return !(mode & PORT_PUNT6) && data[21] > 1 &&
				       (checked || fast_ip6_checks(data, m->pkt_len)) ?
			       FAST_IP6 :
			       FAST_NOT;
	return FAST_NOT;
}

static inline void fast_add(struct fast_batch *b, struct rte_mbuf *m, struct port *in,
			    const struct fib *fib)
{
	b->m[b->count] = m;
	b->in[b->count] = in;
	b->fib[b->count] = fib;
}

/* What each packet is, and where it wants to go. */
static void fast_sort(struct worker *w, const struct fast_lanes *l, bool checked)
{
	struct fast_batch *ip4 = &w->fast.ip4, *ip6 = &w->fast.ip6;

	ip4->count = ip6->count = 0;
	for (unsigned i = 0; i < l->count; i++) {
		struct rte_mbuf *m = l->m[i];
		struct port *in = l->in[i];
		const struct fib *fib = RD(in->fib);

		switch (fast_kind(m, in, fib, checked)) {
		case FAST_IP4:
			fast_add(ip4, m, in, fib);
			ip4->dst.ip4[ip4->count++] = ip4_of(m)->dst_addr;
			break;
		case FAST_IP6:
			fast_add(ip6, m, in, fib);
			memcpy(ip6->dst.ip6[ip6->count++], ip6_of(m)->dst_addr, 16);
			break;
		case FAST_NOT:
			fast_slow(w, GRAPH_WIRE_RX, m, in);
		}
	}
}

/* NULL: not an adjacency by a port that is there. */
static inline const struct nh *fast_nh(struct worker *w, const struct fast_batch *b, unsigned i,
				       bool ip6)
{
	uint64_t seed = b->in[i]->hash_seed;
	const struct nh *nh;

	if (unlikely(b->value[i] == FIB_MISS))
		return NULL;
	nh = RD(w->nhs[b->value[i]]);
	if (unlikely(nh && nh->kind == DP_NH_GROUP))
		nh = RD(w->nhs[flow_member(nh, ip6 ? ip6_flow_hash(seed, b->m[i]) :
						     ip4_flow_hash(seed, b->m[i]))]);
	return likely(nh && nh->kind == DP_NH_ADJ && RD(nh->port)) ? nh : NULL;
}

static inline void fast_rewrite(struct rte_mbuf *m, const struct nh *nh, const struct port *out,
				bool ip6)
{
	uint8_t *data = rte_pktmbuf_mtod(m, uint8_t *);
	uint64_t src = RD(out->mac), first = mac_load(nh->mac) | src << 48;
	uint32_t rest = (uint32_t)(src >> 16);

	memcpy(data, &first, sizeof(first));
	memcpy(data + 8, &rest, sizeof(rest));
	if (ip6)
		ip6_of(m)->hop_limits--;
	else
		ip4_decrement_ttl(ip4_of(m));
}

/* To the other end of the wire that the packet left by. */
static inline void fast_arrive(struct worker *w, struct rte_mbuf *m, struct port *at,
			       struct fast_lanes *next)
{
	struct device *dev = RD(at->dev);

	if (at->kind == DP_NODE_ROUTER) {
		next->m[next->count] = m;
		next->in[next->count++] = at;
	} else if (likely(dev != NULL)) {
		struct counters *c = counters_of(w, at);

		c->wire_rx_packets++;
		c->wire_rx_bytes += m->pkt_len;
		device_tx(w, dev, at, m);
	} else {
		fast_slow(w, GRAPH_WIRE_RX, m, at);
	}
}

static inline void fast_finish(struct worker *w, const struct fast_batch *b, bool ip6,
			       struct fast_lanes *next)
{
	struct fast_sum sum = { 0 };

	for (unsigned i = 0; i < b->count; i++) {
		const struct nh *nh = fast_nh(w, b, i, ip6);
		struct port *in = b->in[i], *out = nh ? nh->port : NULL;
		struct port *to = out ? RD(out->peer) : NULL;
		struct rte_mbuf *m = b->m[i];
		uint32_t len = m->pkt_len;
		struct counters *c;

		if (unlikely(!to || len - sizeof(struct rte_ether_hdr) > RD(out->mtu))) {
			fast_slow(w, GRAPH_WIRE_RX, m, in);
			continue;
		}
#ifdef WEFT_CHECKS
		if (out->vnet != in->vnet || to->vnet != in->vnet) { /* the graph drops it */
			fast_slow(w, GRAPH_WIRE_RX, m, in);
			continue;
		}
#endif
		if (in != sum.port) {
			fast_count_in(w, &sum);
			sum = (struct fast_sum){ .port = in };
		}
		sum.packets++;
		sum.bytes += len;
		c = counters_of(w, out);
		c->wire_tx_packets++;
		c->wire_tx_bytes += len;
		fast_rewrite(m, nh, out, ip6);
		fast_arrive(w, m, to, next);
	}
	fast_count_in(w, &sum);
}

void fast_run(struct worker *w, struct rte_mbuf *const *pkts, struct port *const *from, unsigned n)
{
	struct fast_batch *ip4 = &w->fast.ip4, *ip6 = &w->fast.ip6;
	struct fast_lanes *lanes = w->fast.lanes;
	unsigned hop = 0;

	fast_enter(w, pkts, from, n, &lanes[0]);
	/* Each round takes one from every TTL. */
	for (; lanes[hop & 1].count; hop++) {
		struct fast_lanes *next = &lanes[~hop & 1];

		next->count = 0;
		fast_sort(w, &lanes[hop & 1], hop > 0);
		fib_lookup4_bulk(ip4->fib, ip4->dst.ip4, ip4->value, ip4->count);
		fib_lookup6_bulk(ip6->fib, (const uint8_t(*)[16])ip6->dst.ip6, ip6->value,
				 ip6->count);
		fast_finish(w, ip4, false, next);
		fast_finish(w, ip6, true, next);
	}
}
