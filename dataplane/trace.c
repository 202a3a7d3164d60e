/* SPDX-License-Identifier: Apache-2.0 */
#include "dataplane/trace_priv.h"

#include "dataplane/bridge_priv.h"
#include "dataplane/ip_priv.h"
#include "dataplane/stats_priv.h"

#include <rte_cycles.h>
#include <rte_udp.h>

/* A frame as it would be, for what looks at frames: headers, and ports where there are any. */
struct trace {
	struct engine *e;
	trace_hop *hop;
	void *arg;
	unsigned family, bridges;
	unsigned budget; /* bridges' ports that may still be looked at for a flood */
	uint64_t mac; /* it is sent to */
	struct rte_mbuf m;
	uint8_t frame[sizeof(struct rte_ether_hdr) + sizeof(struct rte_ipv6_hdr) +
		      sizeof(struct rte_udp_hdr)];
};

static void make_frame(struct trace *t, const struct dp_trace *rec)
{
	struct rte_ipv4_hdr *ip4 = ip4_of(&t->m);
	struct rte_ipv6_hdr *ip6 = ip6_of(&t->m);
	size_t header = t->family == 4 ? sizeof(*ip4) : sizeof(*ip6);
	uint16_t ports[2] = { rte_cpu_to_be_16(rec->sport), rte_cpu_to_be_16(rec->dport) };

	t->m.pkt_len = (uint32_t)(sizeof(struct rte_ether_hdr) + header + sizeof(struct rte_udp_hdr));
	t->m.data_len = (uint16_t)t->m.pkt_len;
	if (t->family == 4) {
		ip4->next_proto_id = rec->proto;
		ip4->time_to_live = rec->ttl;
		memcpy(&ip4->src_addr, rec->src, 4);
		memcpy(&ip4->dst_addr, rec->dst, 4);
	} else {
		ip6->proto = rec->proto;
		ip6->hop_limits = rec->ttl;
		memcpy(ip6->src_addr, rec->src, 16);
		memcpy(ip6->dst_addr, rec->dst, 16);
	}
	memcpy(t->frame + sizeof(struct rte_ether_hdr) + header, ports, sizeof(ports));
}

static uint8_t *ttl_of(struct trace *t)
{
	return t->family == 4 ? &ip4_of(&t->m)->time_to_live : &ip6_of(&t->m)->hop_limits;
}

/* As ip4_input and ip6_input: an address, or a lifetime, that is the guest's affair. */
static bool is_exception(struct trace *t, struct dp_hop *hop)
{
	const struct rte_ipv4_hdr *ip4 = ip4_of(&t->m);
	const struct rte_ipv6_hdr *ip6 = ip6_of(&t->m);
	bool special = t->family == 4 ? ip4_special(rte_be_to_cpu_32(ip4->src_addr)) ||
						ip4_special(rte_be_to_cpu_32(ip4->dst_addr)) :
					ip6_special(ip6->src_addr) || ip6_special(ip6->dst_addr);

	hop->end = special ? DP_END_SPECIAL : DP_END_EXPIRED;
	return special || *ttl_of(t) <= 1;
}

/* The longest prefix that has this address, for people: the lookup itself is the workers'. */
static void find_prefix(const struct fib *fib, struct trace *t, struct dp_hop *hop)
{
	unsigned bits = t->family == 4 ? 32 : 128, len = bits;
	uint32_t value;

	if (t->family == 4)
		memcpy(hop->prefix, &ip4_of(&t->m)->dst_addr, 4);
	else
		memcpy(hop->prefix, ip6_of(&t->m)->dst_addr, 16);
	while (fib_route_find(fib, t->family, hop->prefix, len, &value) < 0 && len) {
		len--;
		hop->prefix[len / 8] &= (uint8_t)(0xff00 >> (len % 8));
	}
	hop->prefix_len = (uint8_t)len;
}

static uint32_t lookup(struct trace *t, const struct fib *fib)
{
	uint32_t value, dst4 = ip4_of(&t->m)->dst_addr;
	uint8_t dst6[1][16];

	memcpy(dst6, ip6_of(&t->m)->dst_addr, sizeof(dst6));
	if (t->family == 4)
		fib_lookup4_bulk(&fib, &dst4, &value, 1);
	else
		fib_lookup6_bulk(&fib, (const uint8_t(*)[16])dst6, &value, 1);
	return value;
}

static const struct nh *pick_member(struct trace *t, const struct port *in, const struct nh *group,
				    struct dp_hop *hop)
{
	uint64_t hash = t->family == 4 ? ip4_flow_hash(in->hash_seed, &t->m) :
					 ip6_flow_hash(in->hash_seed, &t->m);

	hop->members = (uint16_t)group->count;
	hop->member = (uint16_t)flow_index(group, hash);
	return t->e->nhs[flow_member(group, hash)];
}

/* What the FIB says: the port by which it leaves, or NULL and hop->end. */
static struct port *route(struct trace *t, const struct port *in, struct dp_hop *hop)
{
	const struct nh *nh;
	uint32_t value;

	hop->fib = in->fib_id;
	value = lookup(t, in->fib);
	hop->end = DP_END_NO_ROUTE;
	if (value == FIB_MISS)
		return NULL;
	find_prefix(in->fib, t, hop);
	nh = t->e->nhs[value];
	hop->route = nh->kind;
	if (nh->kind == DP_NH_GROUP)
		nh = pick_member(t, in, nh, hop);
	hop->kind = nh->kind;
	hop->end = nh->kind == DP_NH_LOCAL ? DP_END_LOCAL : DP_END_PUNT;
	hop->drop = DP_DROP_BLACKHOLE;
	if (nh->kind == DP_NH_DROP)
		hop->end = DP_END_DROP;
	if (nh->kind != DP_NH_ADJ)
		return NULL;
	t->mac = nh->mac;
	memcpy(hop->mac, &nh->mac, sizeof(hop->mac));
	hop->end = DP_END_DROP;
	hop->drop = DP_DROP_LINK_DOWN;
	return nh->port;
}

static struct port *router_step(struct trace *t, const struct port *in, struct dp_hop *hop)
{
	uint32_t punt = t->family == 4 ? PORT_PUNT4 : PORT_PUNT6;
	struct port *out;

	hop->end = DP_END_GUEST;
	if (!in->fib || t->mac != in->mac || in->mode & punt || is_exception(t, hop))
		return NULL;
	out = route(t, in, hop);
	if (!out)
		return NULL;
	t->bridges = 0;
	--*ttl_of(t);
	return out;
}

/* The port of the bridge behind which, over other bridges perhaps, a port has this MAC: where a flood
 * is not dropped. */
static struct port *owner(struct trace *t, const struct port *in, unsigned bridges)
{
	const struct port_list *list = in->node->ports;

	for (uint32_t i = 0; i < list->count; i++) {
		struct port *p = list->ports[i], *peer = port_far(p);

		if (p == in || !peer || !t->budget)
			continue;
		t->budget--;
		if (peer->kind == DP_NODE_BRIDGE ? bridges < PKT_BRIDGES && owner(t, peer, bridges + 1) :
						   peer->mac == t->mac)
			return p;
	}
	return NULL;
}

static struct port *bridge_step(struct trace *t, const struct port *in, struct dp_hop *hop)
{
	uint32_t now = (uint32_t)(rte_rdtsc() / rte_get_tsc_hz());
	uint16_t slot = t->mac ? bridge_find(in->node->bridge, t->mac, now) : 0;
	struct port *out = slot ? t->e->ports[slot] : NULL;

	hop->end = DP_END_DROP;
	hop->drop = DP_DROP_BRIDGE_LOOP;
	if (t->bridges++ == PKT_BRIDGES)
		return NULL;
	hop->drop = DP_DROP_BRIDGE_SAME;
	if (out == in)
		return NULL;
	if (out && out->node == in->node)
		return out;
	hop->end = DP_END_FLOOD;
	t->budget = PKT_COPIES;
	return t->mac ? owner(t, in, 1) : NULL;
}

static void deliver(const struct trace *t, struct port *port, struct dp_hop *hop)
{
	struct dp_port_stats s = { .id = 0 };

	stats_port(t->e, port, &s);
	hop->end = s.state & DP_PORT_BACKED ? DP_END_DELIVERED : DP_END_DROP;
	hop->drop = DP_DROP_NO_BACKING;
	hop->shared = !!(s.state & DP_PORT_SHARED);
	hop->queued = s.queued;
	hop->delay_ns = s.delay_ns[DP_DELAY_P99];
}

/* Of a packet that comes to `in`; where it comes to next, or NULL: it ends here. */
static struct port *step(struct trace *t, struct port *in, struct port *out)
{
	struct dp_hop hop = { .node = in->node->id, .port = out ? 0 : in->id, .ttl = *ttl_of(t),
			      .family = t->family };
	struct port *next = NULL;

	if (!out && in->kind == DP_NODE_ROUTER)
		out = router_step(t, in, &hop);
	else if (!out && in->kind == DP_NODE_BRIDGE)
		out = bridge_step(t, in, &hop);
	else if (!out)
		deliver(t, in, &hop);
	hop.out = out ? out->id : 0;
	if (out) {
		hop.drop = out->mode & PORT_DOWN ? DP_DROP_PORT_DOWN : DP_DROP_LINK_DOWN;
		next = out->mode & PORT_DOWN ? NULL : port_far(out);
		hop.end = next ? DP_END_NONE : DP_END_DROP;
	}
	if (hop.end != DP_END_DROP)
		hop.drop = 0;
	t->hop(t->arg, &hop);
	return next;
}

void trace_run(struct engine *e, const struct dp_trace *rec, trace_hop *hop, void *arg)
{
	struct trace t = { .e = e, .hop = hop, .arg = arg, .family = rec->family };
	struct port *at = hash_map_find(e->port_map, &rec->port), *far;

	if (!at)
		return;
	t.m.buf_addr = t.frame;
	make_frame(&t, rec);
	if (at->kind == DP_NODE_ROUTER || at->kind == DP_NODE_BRIDGE) {
		t.mac = at->kind == DP_NODE_ROUTER ? at->mac : 0;
	} else {
		/* A host speaks to whom it knows: over a wire that is the other end. */
		far = port_far(at);
		t.mac = far && far->kind != DP_NODE_BRIDGE ? far->mac : 0;
		at = step(&t, at, at);
	}
	/* Lifetimes, and bridges between two routers, bound it. */
	while (at)
		at = step(&t, at, NULL);
}
