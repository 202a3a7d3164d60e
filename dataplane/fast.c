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

/* By the first byte alone, and so of 169/8 too much: the graph looks closer. */
static inline bool ip4_maybe_special(uint8_t top)
{
	return (uint8_t)(top - 1) >= 223 || top == 127 || top == 169;
}

/* RFC 1812 5.2.2 for a header without options; data is the frame. */
static inline bool fast_ip4_checks(const uint8_t *data, uint32_t len)
{
	uint64_t a = load64(data + 14), b = load64(data + 22), sum;
	uint32_t dst = load32(data + 30), total = rte_be_to_cpu_16((uint16_t)(a >> 16)), half;

	/* RFC 1071: carries go round, in words of any size. */
	sum = a + b;
	sum += sum < b;
	sum += dst;
	sum += sum < dst;
	half = (uint32_t)((sum + (sum << 32 | sum >> 32)) >> 32);
	half = (half + (half << 16 | half >> 16)) >> 16;
	return half == 0xffff && total == len - sizeof(struct rte_ether_hdr) &&
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

static inline void fast_add(struct fast_batch *b, struct rte_mbuf *m, struct port *in,
			    const struct fib *fib)
{
	b->m[b->count] = m;
	b->in[b->count] = in;
	b->fib[b->count] = fib;
}

/* A packet that a router has received, if it is plain, into its batch. checked: a router before
 * this one has looked at the header. */
static __rte_always_inline void fast_sort(struct worker *w, struct rte_mbuf *m, struct port *in,
			     const struct fib *fib, uint64_t mac, uint32_t mode, bool checked)
{
	struct fast_batch *ip4 = &w->fast.ip4, *ip6 = &w->fast.ip6;
	const uint8_t *data = rte_pktmbuf_mtod(m, const uint8_t *);
	uint32_t type = load32(data + 12);

	if (unlikely(load64(data) << 16 != mac << 16))
		goto slow;
	if (likely((type & 0xffffff) == 0x450008)) { /* IPv4, five words */
		if (unlikely(mode & PORT_PUNT4 || data[22] <= 1 ||
			     !(checked || fast_ip4_checks(data, m->pkt_len))))
			goto slow;
		fast_add(ip4, m, in, fib);
		ip4->dst.ip4[ip4->count++] = load32(data + 30);
		return;
	}
	if ((type & 0xf0ffff) == 0x60dd86 && m->pkt_len >= 14 + sizeof(struct rte_ipv6_hdr)) {
		if (unlikely(mode & PORT_PUNT6 || data[21] <= 1 ||
			     !(checked || fast_ip6_checks(data, m->pkt_len))))
			goto slow;
		fast_add(ip6, m, in, fib);
		memcpy(ip6->dst.ip6[ip6->count++], data + 38, 16);
		return;
	}
slow:
	fast_slow(w, GRAPH_WIRE_RX, m, in);
}

static void fast_entry_close(struct worker *w, const struct fast_entry *e)
{
	struct counters *c;

	if (!e->packets)
		return;
	c = counters_of(w, e->from);
	c->injected += e->packets;
	c->wire_tx_packets += e->packets;
	c->wire_tx_bytes += e->bytes;
}

/* Looks once at what is the same for all frames from a backing. */
static void fast_entry_open(struct fast_entry *e, struct port *from)
{
	struct port *in = RD(from->peer);

	*e = (struct fast_entry){ .from = from, .in = in, .least = UINT32_MAX };
	if (!in || in->kind != DP_NODE_ROUTER || from->kind == DP_NODE_ROUTER ||
	    RD(from->mode) & PORT_DOWN)
		return;
	e->fib = RD(in->fib);
	if (!e->fib)
		return;
	e->mac = RD(in->mac);
	e->mode = RD(in->mode);
	e->least = FRAME_LEAST;
	e->room = RD(from->mtu) + (uint32_t)sizeof(struct rte_ether_hdr) - FRAME_LEAST;
}

static __rte_always_inline void fast_enter(struct worker *w, struct fast_entry *e, struct rte_mbuf *m,
			      struct port *from)
{
	if (from != e->from) {
		fast_entry_close(w, e);
		fast_entry_open(e, from);
	}
	if (unlikely(m->pkt_len - e->least > e->room)) {
		fast_slow(w, GRAPH_INJECT, m, from);
		return;
	}
	e->packets++;
	e->bytes += m->pkt_len;
	fast_sort(w, m, e->in, e->fib, e->mac, e->mode, false);
}

/* The next hop of packet i; NULL: the graph's affair. */
static inline const struct nh *fast_nh(struct worker *w, const struct fast_batch *b, unsigned i,
				       bool ip6)
{
	const struct nh *nh;

	if (unlikely(b->value[i] == FIB_MISS))
		return NULL;
	nh = RD(w->nhs[b->value[i]]);
	if (unlikely(nh && nh->kind == DP_NH_GROUP)) {
		uint64_t seed = b->in[i]->hash_seed;

		nh = RD(w->nhs[flow_member(nh, ip6 ? ip6_flow_hash(seed, b->m[i]) :
						     ip4_flow_hash(seed, b->m[i]))]);
	}
	return likely(nh && nh->kind == DP_NH_ADJ && RD(nh->port)) ? nh : NULL;
}

static inline void fast_rewrite(struct rte_mbuf *m, const struct nh *nh, uint64_t src, bool ip6)
{
	uint8_t *data = rte_pktmbuf_mtod(m, uint8_t *);
	uint64_t first = mac_load(nh->mac) | src << 48;
	uint32_t rest = (uint32_t)(src >> 16);

	memcpy(data, &first, sizeof(first));
	memcpy(data + 8, &rest, sizeof(rest));
	if (ip6)
		ip6_of(m)->hop_limits--;
	else
		ip4_decrement_ttl(ip4_of(m));
}

static void fast_exit_close(struct worker *w, const struct fast_exit *x)
{
	struct counters *c;

	if (!x->packets)
		return;
	c = counters_of(w, x->in);
	c->forwarded += x->packets;
	c->wire_rx_packets += x->packets;
	c->wire_rx_bytes += x->bytes;
	c = counters_of(w, x->out);
	c->wire_tx_packets += x->packets;
	c->wire_tx_bytes += x->bytes;
	if (!x->dev)
		return;
	c = counters_of(w, x->to);
	c->wire_rx_packets += x->packets;
	c->wire_rx_bytes += x->bytes;
}

/* Looks once at what is the same for all packets from one port to another. */
static void fast_exit_open(struct fast_exit *x, struct port *in, struct port *out)
{
	struct port *to = RD(out->peer);

	*x = (struct fast_exit){ .in = in, .out = out, .to = to, .mac = RD(out->mac) };
	if (!to)
		return;
#ifdef WEFT_CHECKS
	if (out->vnet != in->vnet || to->vnet != in->vnet) /* the graph drops it */
		return;
#endif
	x->max = RD(out->mtu) + (uint32_t)sizeof(struct rte_ether_hdr);
	if (to->kind != DP_NODE_ROUTER)
		x->dev = RD(to->dev);
}

/* From the lookups' answers to the other ends of the wires. */
static __rte_always_inline void fast_finish(struct worker *w, const struct fast_batch *b, bool ip6,
			       struct fast_lanes *next)
{
	struct fast_exit x = { 0 };

	for (unsigned i = 0; i < b->count; i++) {
		const struct nh *nh = fast_nh(w, b, i, ip6);
		struct port *in = b->in[i];
		struct rte_mbuf *m = b->m[i];
		uint32_t len = m->pkt_len;

		if (nh && (nh->port != x.out || in != x.in)) {
			fast_exit_close(w, &x);
			fast_exit_open(&x, in, nh->port);
		}
		if (unlikely(!nh || len > x.max)) {
			fast_slow(w, GRAPH_WIRE_RX, m, in);
			continue;
		}
		x.packets++;
		x.bytes += len;
		fast_rewrite(m, nh, x.mac, ip6);
		if (x.dev) {
			device_tx(w, x.dev, x.to, m);
		} else if (x.to->kind == DP_NODE_ROUTER) {
			next->m[next->count] = m;
			next->in[next->count++] = x.to;
		} else {
			fast_slow(w, GRAPH_WIRE_RX, m, x.to);
		}
	}
	fast_exit_close(w, &x);
}

void fast_run(struct worker *w, struct rte_mbuf *const *pkts, struct port *const *from, unsigned n)
{
	struct fast_batch *ip4 = &w->fast.ip4, *ip6 = &w->fast.ip6;
	struct fast_entry entry = { 0 };

	ip4->count = ip6->count = 0;
	for (unsigned i = 0; i < n; i++)
		fast_enter(w, &entry, pkts[i], from[i]);
	fast_entry_close(w, &entry);
	while (ip4->count + ip6->count) { /* each round takes one from every TTL */
		struct fast_lanes *next = &w->fast.next;

		next->count = 0;
		fib_lookup4_bulk(ip4->fib, ip4->dst.ip4, ip4->value, ip4->count);
		fib_lookup6_bulk(ip6->fib, (const uint8_t(*)[16])ip6->dst.ip6, ip6->value,
				 ip6->count);
		fast_finish(w, ip4, false, next);
		fast_finish(w, ip6, true, next);
		ip4->count = ip6->count = 0;
		for (unsigned i = 0; i < next->count; i++) {
			struct port *in = next->in[i];
			const struct fib *fib = RD(in->fib);

			if (likely(fib != NULL))
				fast_sort(w, next->m[i], in, fib, RD(in->mac), RD(in->mode), true);
			else
				fast_slow(w, GRAPH_WIRE_RX, next->m[i], in);
		}
	}
}
