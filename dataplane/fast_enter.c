/* SPDX-License-Identifier: Apache-2.0 */
/* The fast path's first stage: what a router has received, if it is plain, into the batches. */
#include "dataplane/fast_priv.h"

#include "dataplane/graph_priv.h"
#include "dataplane/ip_priv.h"

/* The least that any stage reads of a frame: Ethernet and IPv4 without options. */
enum { FRAME_LEAST = sizeof(struct rte_ether_hdr) + sizeof(struct rte_ipv4_hdr) };

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

static __rte_always_inline void fast_entry_close(struct worker *w, const struct fast_entry *e)
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
static __rte_always_inline void fast_entry_open(struct fast_entry *e, struct port *from)
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
static __rte_always_inline void fast_enter(struct worker *w, struct fast_entry *e, unsigned i)
{
	struct fast_rx *rx = &w->fast.rx;
	struct rte_mbuf *m = rx->m[i];
	uint32_t len = rx->len[i];

	if (unlikely(len - e->least > e->room)) {
		e->from->vnet->local[w->index].packets++;
		graph_enter(w, GRAPH_INJECT, m, e->from);
		return;
	}
	e->packets++;
	e->bytes += len;
	if (unlikely(!fast_sort(w, m, rx->data[i], len, e->in, e->fib, e->mac, e->mode, false)))
		graph_enter(w, GRAPH_WIRE_RX, m, e->in);
}

void fast_enter_one(struct worker *w)
{
	struct fast_rx *rx = &w->fast.rx;
	struct fast_entry e;
	unsigned i = 0;

	fast_entry_open(&e, rx->from[0]);
	for (; w->avx512 && i + 16 <= rx->count; i += 16) {
		uint32_t bytes = 0;
		uint32_t done = fast_16_avx512(&e, rx, i, &w->fast.ip4, &w->fast.ip6, &bytes);

		e.packets += (unsigned)__builtin_popcount(done);
		e.bytes += bytes;
		for (uint32_t left = ~done & 0xffff; left; left &= left - 1)
			fast_enter(w, &e, i + (unsigned)__builtin_ctz(left));
	}
	for (; i < rx->count; i++)
		fast_enter(w, &e, i);
	fast_entry_close(w, &e);
}

unsigned fast_enter_all(struct worker *w)
{
	struct fast_rx *rx = &w->fast.rx;
	struct fast_entry e = { 0 };
	unsigned entries = 0;

	for (unsigned i = 0; i < rx->count; i++) {
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

void fast_hop(struct worker *w)
{
	const struct fast_lanes *l = &w->fast.next;

	for (unsigned i = 0; i < l->count; i++) {
		struct port *in = l->in[i];
		const struct fib *fib = RD(in->fib);

		if (unlikely(!fib || !fast_sort(w, l->m[i], l->data[i], l->len[i], in, fib,
						RD(in->mac), RD(in->mode), true)))
			graph_enter(w, GRAPH_WIRE_RX, l->m[i], in);
	}
}
