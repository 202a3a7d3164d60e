/* SPDX-License-Identifier: Apache-2.0 */
#include "dataplane/fast_priv.h"

#include "dataplane/device_priv.h"
#include "dataplane/graph_priv.h"
#include "dataplane/ip_priv.h"

/* Ports in a burst beyond which they are expected to be in no cache near. */
enum { MIXED = 8 };

/* Of packet i, whose next hop is none by itself: of the member of a group. */
static __rte_noinline adjacency fast_member(struct worker *w, const struct fast_batch *b,
					    unsigned i, bool ip6)
{
	const struct nh *group = b->value[i] == FIB_MISS ? NULL : RD(w->nhs[b->value[i]]);
	uint64_t seed = b->in[i]->hash_seed;

	if (!group || group->kind != DP_NH_GROUP)
		return 0;
	return RD(w->adjs[1 + flow_member(group, ip6 ? ip6_flow_hash(seed, b->m[i]) :
						       ip4_flow_hash(seed, b->m[i]))]);
}

/* What each packet's next hop stands for. */
static __rte_always_inline void fast_resolve(struct worker *w, struct fast_batch *b, bool ip6)
{
	for (unsigned i = 0; i < b->count; i++) {
		b->adj[i] = RD(w->adjs[b->value[i] + 1]);
		if (unlikely(!b->adj[i]))
			b->adj[i] = fast_member(w, b, i, ip6);
	}
}

/* Looks once at what is the same for all packets from one port to another. */
static inline struct fast_exit fast_exit_of(struct worker *w, struct port *in, struct port *out)
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
	x.direct = x.dev && !RD(x.dev->tx[w->index].sched);
	if (x.direct && RD(to->vlan))
		x.tag = device_vlan_tag((uint16_t)RD(to->vlan));
	return x;
}

static inline void fast_exit_count(struct worker *w, const struct fast_exit *x, uint64_t packets,
				   uint64_t bytes)
{
	struct counters *in = counters_of(w, x->in), *out = counters_of(w, x->out);

	worker_work(w, x->in->vnet, (uint32_t)packets * (x->dev ? 1 + WORK_DEVICE : 1));
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

	if (x->direct) {
		device_send(w, x->dev, x->to, b->m + at, end - at);
	} else if (x->dev) {
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
			graph_enter(w, GRAPH_WIRE_RX, b->m[at], x->to);
	}
}

/* Where those end that go the same way as packet `at`. */
static __rte_always_inline unsigned fast_exit_end(const struct fast_exit *x,
						  const struct fast_batch *b, unsigned at,
						  bool tag, uint64_t *bytes)
{
	uint32_t slot = adjacency_slot(b->adj[at]);
	uint64_t sum = 0;

	while (at < b->count && b->in[at] == x->in && adjacency_slot(b->adj[at]) == slot &&
	       b->len[at] <= x->max &&
	       (!tag || rte_pktmbuf_headroom(b->m[at]) >= sizeof(x->tag)))
		sum += b->len[at++];
	*bytes = sum;
	return at;
}

/* Writes their headers. */
static __rte_always_inline void fast_exit_write(const struct fast_exit *x,
						const struct fast_batch *b, unsigned at,
						unsigned end, bool ip6, bool tag)
{
	uint64_t src = x->mac << 48;
	uint32_t rest = (uint32_t)(x->mac >> 16);

	for (; at < end; at++) {
		uint64_t macs = adjacency_mac(b->adj[at]) | src;
		uint8_t *data = b->data[at];

		if (ip6)
			data[21]--;
		else
			memcpy(data + 22, &b->ttl[at], sizeof(b->ttl[at]));
		if (tag) {
			data = (uint8_t *)rte_pktmbuf_prepend(b->m[at], sizeof(x->tag));
			memcpy(data + 12, &x->tag, sizeof(x->tag));
		}
		memcpy(data, &macs, sizeof(macs));
		memcpy(data + 8, &rest, sizeof(rest));
	}
}

/* From the lookups' answers to the other ends of the wires, run by run. */
static __rte_always_inline void fast_finish(struct worker *w, const struct fast_batch *b, bool ip6)
{
	uint32_t longest;
	uint64_t bytes;
	bool alike = w->avx512 && b->count && fast_alike_avx512(b, &longest, &bytes);

	for (unsigned at = 0, end; at < b->count; at = end) {
		struct port *out = RD(w->ports[adjacency_slot(b->adj[at])]);
		struct fast_exit x;

		end = at;
		if (likely(out != NULL)) {
			x = fast_exit_of(w, b->in[at], out);
			if (alike && longest <= x.max && !x.tag)
				end = b->count;
			else if (x.tag)
				end = fast_exit_end(&x, b, at, true, &bytes);
			else
				end = fast_exit_end(&x, b, at, false, &bytes);
		}
		if (unlikely(end == at)) {
			graph_enter(w, GRAPH_WIRE_RX, b->m[at], b->in[at]);
			end++;
			continue;
		}
		if (x.tag)
			fast_exit_write(&x, b, at, end, ip6, true);
		else
			fast_exit_write(&x, b, at, end, ip6, false);
		fast_exit_count(w, &x, end - at, bytes);
		fast_exit_send(w, &x, b, at, end);
	}
}

/*
 * What packets of many routers will look at is in no cache near. Each loop asks for what the next
 * one needs: adjacencies; ports and their counters; their peers and theirs.
 */
static void fast_warm_adjs(struct worker *w, const struct fast_batch *b)
{
	for (unsigned i = 0; i < b->count; i++) {
		rte_prefetch0(&w->adjs[b->value[i] + 1]);
		rte_prefetch0(counters_of(w, b->in[i]));
	}
}

static void fast_warm_ports(struct worker *w, const struct fast_batch *b)
{
	struct port *ports[BURST];
	unsigned n = 0;

	for (unsigned i = 0; i < b->count; i++) {
		ports[n] = RD(w->ports[adjacency_slot(b->adj[i])]);
		if (unlikely(!ports[n]))
			continue;
		rte_prefetch0(ports[n]);
		rte_prefetch0(counters_of(w, ports[n++]));
	}
	for (unsigned i = 0; i < n; i++) {
		struct port *to = RD(ports[i]->peer);

		if (likely(to != NULL)) {
			rte_prefetch0(to);
			rte_prefetch0(counters_of(w, to));
		}
	}
}

/* From the lookups' answers on. */
static __rte_always_inline void fast_leave(struct worker *w, struct fast_batch *b, bool ip6,
					   bool mixed)
{
	if (mixed)
		fast_warm_adjs(w, b);
	fast_resolve(w, b, ip6);
	if (mixed)
		fast_warm_ports(w, b);
	fast_finish(w, b, ip6);
}

void fast_run(struct worker *w, bool one)
{
	struct fast_batch *ip4 = &w->fast.ip4, *ip6 = &w->fast.ip6;
	struct fast_lanes *next = &w->fast.next;

	bool mixed = false;

	if (!w->fast.rx.count)
		return;
	ip4->count = ip6->count = 0;
	if (one)
		fast_enter_one(w);
	else
		mixed = fast_enter_all(w) > MIXED;
	while (ip4->count + ip6->count) { /* each round takes one from every TTL */
		next->count = 0;
		fib_lookup4_bulk(ip4->fib, ip4->dst.ip4, ip4->value, ip4->count);
		fib_lookup6_bulk(ip6->fib, (const uint8_t(*)[16])ip6->dst.ip6, ip6->value,
				 ip6->count);
		fast_leave(w, ip4, false, mixed);
		fast_leave(w, ip6, true, mixed);
		ip4->count = ip6->count = 0;
		fast_hop(w);
	}
	w->fast.rx.count = 0;
}
