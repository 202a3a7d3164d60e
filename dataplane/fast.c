/* SPDX-License-Identifier: Apache-2.0 */
#include "dataplane/fast_priv.h"

#include "dataplane/device_priv.h"
#include "dataplane/graph_priv.h"
#include "dataplane/ip_priv.h"

/* The least that any stage reads of a frame: Ethernet and IPv4 without options. */
enum { FRAME_LEAST = sizeof(struct rte_ether_hdr) + sizeof(struct rte_ipv4_hdr) };

/* Ports in a burst beyond which they are expected to be in no cache near. */
enum { MIXED = 8 };

static void fast_slow(struct worker *w, enum graph_node node, struct rte_mbuf *m, struct port *port)
{
	pkt_enter(m, port);
	worker_work(w, port->vnet, WORK_SLOW);
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

static inline unsigned fast_add(struct fast_batch *b, struct rte_mbuf *m, uint8_t *data,
				uint32_t len, struct port *in, const struct fib *fib)
{
	unsigned at = b->count++;

	b->m[at] = m;
	b->data[at] = data;
	b->len[at] = len;
	b->in[at] = in;
	b->fib[at] = fib;
	return at;
}

/* A packet that a router has received, if it is plain, into its batch. checked: a router before
 * this one has looked at the header. */
static __rte_always_inline bool fast_sort(struct worker *w, struct rte_mbuf *m, uint8_t *data,
					  uint32_t len, struct port *in, const struct fib *fib,
					  uint64_t mac, uint32_t mode, bool checked)
{
	struct fast_batch *ip4 = &w->fast.ip4, *ip6 = &w->fast.ip6;
	uint32_t type = load32(data + 12);
	unsigned at;

	if (unlikely(load64(data) << 16 != mac << 16))
		return false;
	if (likely((type & 0xffffff) == 0x450008)) { /* IPv4, five words */
		if (unlikely(mode & PORT_PUNT4 || data[22] <= 1 ||
			     !(checked || fast_ip4_checks(data, len))))
			return false;
		at = fast_add(ip4, m, data, len, in, fib);
		ip4->dst.ip4[at] = load32(data + 30);
		ip4->ttl[at] = ip4_decremented(load32(data + 22));
		return true;
	}
	if ((type & 0xf0ffff) == 0x60dd86 && len >= 14 + sizeof(struct rte_ipv6_hdr)) {
		if (unlikely(mode & PORT_PUNT6 || data[21] <= 1 ||
			     !(checked || fast_ip6_checks(data, len))))
			return false;
		at = fast_add(ip6, m, data, len, in, fib);
		memcpy(ip6->dst.ip6[at], data + 38, 16);
		return true;
	}
	return false;
}

static void fast_entry_close(struct worker *w, const struct fast_entry *e)
{
	struct counters *c;

	if (!e->packets)
		return;
	e->from->vnet->local[w->index].packets += (uint32_t)e->packets;
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

/* The i-th frame received, by itself. */
static inline void fast_enter(struct worker *w, struct fast_entry *e, unsigned i)
{
	struct fast_rx *rx = &w->fast.rx;
	struct rte_mbuf *m = rx->m[i];
	uint32_t len = rx->len[i];

	if (unlikely(len - e->least > e->room)) {
		e->from->vnet->local[w->index].packets++;
		fast_slow(w, GRAPH_INJECT, m, e->from);
		return;
	}
	e->packets++;
	e->bytes += len;
	if (unlikely(!fast_sort(w, m, rx->data[i], len, e->in, e->fib, e->mac, e->mode, false)))
		fast_slow(w, GRAPH_WIRE_RX, m, e->in);
}

/* Returns how many ports they came from, or more. */
static unsigned fast_enter_all(struct worker *w, bool one)
{
	struct fast_rx *rx = &w->fast.rx;
	struct fast_entry e = { 0 };
	unsigned i = 0, entries = 0;

	if (one && rx->count >= 16 && w->avx512) {
		fast_entry_open(&e, rx->from[0]);
		for (; i + 16 <= rx->count && !(e.mode & PORT_PUNT4); i += 16) {
			uint32_t bytes = 0;
			uint32_t done = fast_ip4_16_avx512(&e, rx, i, &w->fast.ip4, &bytes);

			e.packets += (unsigned)__builtin_popcount(done);
			e.bytes += bytes;
			for (uint32_t left = ~done & 0xffff; left; left &= left - 1)
				fast_enter(w, &e, i + (unsigned)__builtin_ctz(left));
		}
	}
	for (; i < rx->count; i++) {
		if (rx->from[i] != e.from) {
			fast_entry_close(w, &e);
			fast_entry_open(&e, rx->from[i]);
			entries++;
		}
		fast_enter(w, &e, i);
	}
	fast_entry_close(w, &e);
	return entries;
}

static __rte_noinline const struct nh *fast_member(struct worker *w, const struct nh *group,
						   const struct fast_batch *b, unsigned i, bool ip6)
{
	uint64_t seed = b->in[i]->hash_seed;
	const struct nh *nh = RD(w->nhs[flow_member(group, ip6 ? ip6_flow_hash(seed, b->m[i]) :
								 ip4_flow_hash(seed, b->m[i]))]);

	return nh && nh->kind == DP_NH_ADJ && RD(nh->port) ? nh : NULL;
}

/* The next hop of packet i; NULL: the graph's affair. */
static __rte_always_inline const struct nh *fast_nh(struct worker *w, const struct fast_batch *b,
						    unsigned i, bool ip6)
{
	const struct nh *nh;

	if (unlikely(b->value[i] == FIB_MISS))
		return NULL;
	nh = RD(w->nhs[b->value[i]]);
	if (unlikely(!nh || nh->kind != DP_NH_ADJ || !RD(nh->port)))
		return nh && nh->kind == DP_NH_GROUP ? fast_member(w, nh, b, i, ip6) : NULL;
	return nh;
}

static inline void fast_rewrite(uint8_t *data, const struct nh *nh, uint64_t src)
{
	uint64_t first = mac_load(nh->mac) | src << 48;
	uint32_t rest = (uint32_t)(src >> 16);

	memcpy(data, &first, sizeof(first));
	memcpy(data + 8, &rest, sizeof(rest));
}

/* Looks once at what is the same for all packets from one port to another. */
static inline struct fast_exit fast_exit_of(struct port *in, struct port *out)
{
	struct port *to = RD(out->peer);
	struct fast_exit x = { .in = in, .out = out, .to = to, .mac = RD(out->mac) };

	if (unlikely(!to))
		return x;
#ifdef WEFT_CHECKS
	if (out->vnet != in->vnet || to->vnet != in->vnet) /* the graph drops it */
		return x;
#endif
	x.max = RD(out->mtu) + (uint32_t)sizeof(struct rte_ether_hdr);
	if (to->kind != DP_NODE_ROUTER)
		x.dev = RD(to->dev);
	return x;
}

static inline void fast_exit_count(struct worker *w, const struct fast_exit *x, uint64_t packets,
				   uint64_t bytes)
{
	struct counters *in = counters_of(w, x->in), *out = counters_of(w, x->out);

	worker_work(w, x->in->vnet, (uint32_t)packets);
	in->forwarded += packets;
	in->wire_rx_packets += packets;
	in->wire_rx_bytes += bytes;
	out->wire_tx_packets += packets;
	out->wire_tx_bytes += bytes;
	if (x->dev) {
		struct counters *to = counters_of(w, x->to);

		to->wire_rx_packets += packets;
		to->wire_rx_bytes += bytes;
	}
}

/* To the other end of the wire: packets at to end of the batch, already rewritten. */
static inline void fast_exit_send(struct worker *w, const struct fast_exit *x,
				  const struct fast_batch *b, unsigned at, unsigned end)
{
	struct fast_lanes *next = &w->fast.next;

	if (x->dev) {
		device_tx(w, x->dev, x->to, b->m + at, end - at);
	} else if (x->to->kind == DP_NODE_ROUTER) {
		for (; at < end; at++) {
			next->m[next->count] = b->m[at];
			next->data[next->count] = b->data[at];
			next->len[next->count] = b->len[at];
			next->in[next->count++] = x->to;
		}
	} else {
		for (; at < end; at++)
			fast_slow(w, GRAPH_WIRE_RX, b->m[at], x->to);
	}
}

/* Writes the headers of those from `at` on that go the same way. Returns where they end. */
static __rte_always_inline unsigned fast_exit_write(struct worker *w, const struct fast_exit *x,
						    const struct fast_batch *b, unsigned at,
						    bool ip6, uint64_t *bytes)
{
	const struct nh *nh;
	uint64_t sum = 0;

	while (at < b->count && b->in[at] == x->in && b->len[at] <= x->max &&
	       (nh = fast_nh(w, b, at, ip6)) && nh->port == x->out) {
		uint8_t *data = b->data[at];

		fast_rewrite(data, nh, x->mac);
		if (ip6)
			data[21]--;
		else
			memcpy(data + 22, &b->ttl[at], sizeof(b->ttl[at]));
		sum += b->len[at++];
	}
	*bytes = sum;
	return at;
}

/* From the lookups' answers to the other ends of the wires, run by run. */
static __rte_always_inline void fast_finish(struct worker *w, const struct fast_batch *b, bool ip6)
{
	for (unsigned at = 0, end; at < b->count; at = end) {
		const struct nh *nh = fast_nh(w, b, at, ip6);
		struct fast_exit x;
		uint64_t bytes;

		end = at;
		if (likely(nh != NULL)) {
			x = fast_exit_of(b->in[at], nh->port);
			end = fast_exit_write(w, &x, b, at, ip6, &bytes);
		}
		if (unlikely(end == at)) {
			fast_slow(w, GRAPH_WIRE_RX, b->m[at], b->in[at]);
			end++;
			continue;
		}
		fast_exit_count(w, &x, end - at, bytes);
		fast_exit_send(w, &x, b, at, end);
	}
}

/*
 * What packets of many routers will look at is in no cache near. Each loop asks for what the next
 * one needs: next hops' slots, next hops, ports, their peers and counters.
 */
static void fast_warm(struct worker *w, const struct fast_batch *b)
{
	const struct nh *nhs[BURST];
	struct port *ports[BURST];
	unsigned n = 0, k = 0;

	for (unsigned i = 0; i < b->count; i++)
		if (likely(b->value[i] != FIB_MISS))
			rte_prefetch0(&w->nhs[b->value[i]]);
	for (unsigned i = 0; i < b->count; i++) {
		if (unlikely(b->value[i] == FIB_MISS))
			continue;
		nhs[n] = RD(w->nhs[b->value[i]]);
		rte_prefetch0(nhs[n++]);
	}
	for (unsigned i = 0; i < n; i++) {
		ports[k] = nhs[i] ? RD(nhs[i]->port) : NULL;
		if (unlikely(!ports[k]))
			continue;
		rte_prefetch0(ports[k]);
		rte_prefetch0(counters_of(w, ports[k++]));
	}
	for (unsigned i = 0; i < k; i++) {
		struct port *to = RD(ports[i]->peer);

		if (likely(to != NULL)) {
			rte_prefetch0(to);
			rte_prefetch0(counters_of(w, to));
		}
	}
}

/* What came from one router to the next. */
static void fast_hop(struct worker *w, const struct fast_lanes *l)
{
	for (unsigned i = 0; i < l->count; i++) {
		struct port *in = l->in[i];
		const struct fib *fib = RD(in->fib);

		if (unlikely(!fib || !fast_sort(w, l->m[i], l->data[i], l->len[i], in, fib,
						RD(in->mac), RD(in->mode), true)))
			fast_slow(w, GRAPH_WIRE_RX, l->m[i], in);
	}
}

void fast_run(struct worker *w, bool one)
{
	struct fast_batch *ip4 = &w->fast.ip4, *ip6 = &w->fast.ip6;
	struct fast_lanes *next = &w->fast.next;

	bool mixed;

	ip4->count = ip6->count = 0;
	mixed = fast_enter_all(w, one) > MIXED;
	while (ip4->count + ip6->count) { /* each round takes one from every TTL */
		next->count = 0;
		fib_lookup4_bulk(ip4->fib, ip4->dst.ip4, ip4->value, ip4->count);
		fib_lookup6_bulk(ip6->fib, (const uint8_t(*)[16])ip6->dst.ip6, ip6->value,
				 ip6->count);
		if (mixed) {
			fast_warm(w, ip4);
			fast_warm(w, ip6);
		}
		fast_finish(w, ip4, false);
		fast_finish(w, ip6, true);
		ip4->count = ip6->count = 0;
		fast_hop(w, next);
	}
	w->fast.rx.count = 0;
}
