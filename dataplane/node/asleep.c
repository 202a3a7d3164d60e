/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a guest that stands still, or is saved on disk, would have been asked to look at. Its
 * neighbours must go on finding it, or forwarding through it ends with their caches: the engine
 * answers ARP (RFC 826) and neighbour solicitations (RFC 4861) for the addresses that the port's
 * FIB holds as local, as the guest's kernel would. The question becomes the answer. All else is a
 * named drop.
 */
#include "dataplane/graph_priv.h"

#include <netinet/icmp6.h>
#include <netinet/in.h>
#include <rte_arp.h>
#include <rte_ip.h>

struct nd_message {
	struct rte_ether_hdr eth;
	struct rte_ipv6_hdr ip;
	uint8_t type, code;
	uint16_t checksum;
	uint32_t flags;
	uint8_t target[16];
	struct nd_link_address {
		uint8_t type, units; /* of 8 bytes */
		uint8_t mac[6];
	} option;
} __rte_packed __rte_aligned(2);

enum { ND_LEAST = 24 }; /* bytes of ICMPv6 without an option */
static_assert(offsetof(struct nd_message, option) - offsetof(struct nd_message, type) == ND_LEAST,
	      "RFC 4861 4.3, 4.4");

static bool asleep_value_local(const struct worker *w, uint32_t value)
{
	const struct nh *nh = value == FIB_MISS ? NULL : RD(w->nhs[value]);

	return nh && nh->kind == DP_NH_LOCAL;
}

static bool asleep_local4(const struct worker *w, const struct port *port, uint32_t addr)
{
	const struct fib *fib = RD(port->fib);
	uint32_t value = FIB_MISS;

	if (fib)
		fib_lookup4_bulk(&fib, &addr, &value, 1);
	return asleep_value_local(w, value);
}

/* A link-local address is one port's, and its routes have that port in bytes 4 to 7. */
static bool asleep_local6(const struct worker *w, const struct port *port, const uint8_t addr[16])
{
	static const uint8_t zero[6];
	const struct fib *fib = RD(port->fib);
	uint32_t value = FIB_MISS, zone = rte_cpu_to_be_32(port->id);
	uint8_t key[1][16];

	memcpy(key[0], addr, 16);
	if (addr[0] == 0xfe && (addr[1] & 0xc0) == 0x80) {
		if (memcmp(addr + 2, zero, sizeof(zero)) != 0)
			return false;
		memcpy(key[0] + 4, &zone, sizeof(zone));
	}
	if (fib)
		fib_lookup6_bulk(&fib, (const uint8_t(*)[16])key, &value, 1);
	return asleep_value_local(w, value);
}

/* Frames for other stations come by when a bridge does not know where these are. */
static bool asleep_sent_here(const struct rte_ether_hdr *eth, uint64_t mac)
{
	return eth->dst_addr.addr_bytes[0] & 1 || mac_load(eth->dst_addr.addr_bytes) == mac;
}

/* Out where the question came in. An answer is never answered: it may cross bridges anew, but has
 * no more copies than the question had left. */
static void asleep_answer(struct worker *w, struct rte_mbuf *m)
{
	pkt(m)->out = pkt(m)->port;
	pkt(m)->bridges = 0;
	graph_to(w, GRAPH_WIRE_TX, m);
}

/* Who may ask: an address of its own, or none yet (RFC 5227); not loopback, not a group. */
static bool asleep_asker4(const struct worker *w, const struct port *port, uint32_t addr)
{
	uint8_t top = (uint8_t)(rte_be_to_cpu_32(addr) >> 24);

	return !addr || (top && top != 127 && top < 224 && !asleep_local4(w, port, addr));
}

static bool asleep_arp(struct worker *w, struct rte_mbuf *m, const struct port *port)
{
	struct {
		struct rte_ether_hdr eth;
		struct rte_arp_hdr arp;
	} *q = rte_pktmbuf_mtod(m, void *);
	uint64_t mac = RD(port->mac);
	uint32_t asker, target;

	if (m->data_len < sizeof(*q) || !asleep_sent_here(&q->eth, mac) ||
	    q->arp.arp_hardware != RTE_BE16(RTE_ARP_HRD_ETHER) ||
	    q->arp.arp_protocol != RTE_BE16(RTE_ETHER_TYPE_IPV4) || q->arp.arp_hlen != 6 ||
	    q->arp.arp_plen != 4 || q->arp.arp_opcode != RTE_BE16(RTE_ARP_OP_REQUEST) ||
	    q->arp.arp_data.arp_sha.addr_bytes[0] & 1)
		return false;
	asker = q->arp.arp_data.arp_sip;
	target = q->arp.arp_data.arp_tip;
	if ((rte_be_to_cpu_32(target) >> 24) == 127 || !asleep_asker4(w, port, asker) ||
	    !asleep_local4(w, port, target))
		return false;
	q->eth.dst_addr = q->arp.arp_data.arp_tha = q->arp.arp_data.arp_sha;
	memcpy(&q->eth.src_addr, &mac, 6);
	memcpy(&q->arp.arp_data.arp_sha, &mac, 6);
	q->arp.arp_data.arp_tip = asker;
	q->arp.arp_data.arp_sip = target;
	q->arp.arp_opcode = RTE_BE16(RTE_ARP_OP_REPLY);
	rte_pktmbuf_trim(m, (uint16_t)(m->data_len - sizeof(*q)));
	return true;
}

/* Of an ICMPv6 message and its pseudo-header (RFC 8200 8.1): 0xffff when its checksum is right. */
static uint16_t asleep_sum(const struct rte_ipv6_hdr *ip, const uint8_t *icmp, uint32_t len)
{
	uint32_t sum = (uint32_t)rte_raw_cksum(icmp, len) + rte_ipv6_phdr_cksum(ip, 0);

	return (uint16_t)(sum + (sum >> 16));
}

/* The asker's MAC, where its options say one. False: an option is malformed. */
static bool asleep_options(const uint8_t *at, uint32_t left, const uint8_t **mac)
{
	for (uint32_t size; left; at += size, left -= size) {
		size = left < 2 ? 0 : at[1] * 8u;
		if (!size || size > left)
			return false;
		if (at[0] == ND_OPT_SOURCE_LINKADDR && size == sizeof(struct nd_link_address))
			*mac = at + 2;
	}
	return true;
}

/* ff02::1:ffXX:XXXX (RFC 4291 2.7.1). */
static bool asleep_solicited_node(const uint8_t addr[16], const uint8_t target[16])
{
	static const uint8_t prefix[13] = { 0xff, 2, [11] = 1, [12] = 0xff };

	return !memcmp(addr, prefix, sizeof(prefix)) && !memcmp(addr + 13, target + 13, 3);
}

/* RFC 4861 7.1.1, and whether it is for the port. */
static bool asleep_solicitation(struct worker *w, struct rte_mbuf *m, const struct port *port,
				const uint8_t **mac)
{
	static const uint8_t none[16], loopback[16] = { [15] = 1 };
	const struct nd_message *q = rte_pktmbuf_mtod(m, const struct nd_message *);
	uint32_t len, have = m->data_len;
	bool group;

	if (have < offsetof(struct nd_message, option) ||
	    !asleep_sent_here(&q->eth, RD(port->mac)) ||
	    (q->ip.vtc_flow & RTE_BE32(0xf0000000)) != RTE_BE32(0x60000000) ||
	    q->ip.proto != IPPROTO_ICMPV6 || q->ip.hop_limits != 255)
		return false;
	len = rte_be_to_cpu_16(q->ip.payload_len);
	if (len < ND_LEAST || len > have - offsetof(struct nd_message, type) ||
	    q->type != ND_NEIGHBOR_SOLICIT || q->code != 0 ||
	    asleep_sum(&q->ip, &q->type, len) != 0xffff ||
	    !asleep_options((const uint8_t *)&q->option, len - ND_LEAST, mac))
		return false;
	group = asleep_solicited_node(q->ip.dst_addr, q->target);
	if (!memcmp(q->ip.src_addr, none, 16)) {
		if (!group || *mac) /* no node asks for one address by another while it has none */
			return false;
	} else if (q->ip.src_addr[0] == 0xff || !memcmp(q->ip.src_addr, loopback, 16)) {
		return false;
	}
	if (!*mac)
		*mac = q->eth.src_addr.addr_bytes;
	return !((*mac)[0] & 1) && q->target[0] != 0xff && memcmp(q->target, loopback, 16) != 0 &&
	       (group || asleep_local6(w, port, q->ip.dst_addr)) &&
	       asleep_local6(w, port, q->target);
}

static bool asleep_nd(struct worker *w, struct rte_mbuf *m, const struct port *port)
{
	static const uint8_t none[16], all_nodes[16] = { 0xff, 2, [15] = 1 };
	static const uint8_t all_nodes_mac[6] = { 0x33, 0x33, 0, 0, 0, 1 };
	struct nd_message a = {
		.eth.ether_type = RTE_BE16(RTE_ETHER_TYPE_IPV6),
		.ip = { .vtc_flow = RTE_BE32(0x60000000), .proto = IPPROTO_ICMPV6, .hop_limits = 255,
			.payload_len = RTE_BE16(sizeof(a) - offsetof(struct nd_message, type)) },
		.type = ND_NEIGHBOR_ADVERT,
		.option = { .type = ND_OPT_TARGET_LINKADDR, .units = 1 },
	};
	const struct nd_message *q = rte_pktmbuf_mtod(m, const struct nd_message *);
	uint64_t own = RD(port->mac);
	const uint8_t *mac = NULL;

	if (!asleep_solicitation(w, m, port, &mac))
		return false;
	a.flags = RTE_BE32(0xa0000000); /* router, override */
	if (memcmp(q->ip.src_addr, none, 16) != 0) {
		a.flags |= RTE_BE32(0x40000000); /* solicited */
		memcpy(&a.eth.dst_addr, mac, 6);
		memcpy(a.ip.dst_addr, q->ip.src_addr, 16);
	} else {
		memcpy(&a.eth.dst_addr, all_nodes_mac, 6);
		memcpy(a.ip.dst_addr, all_nodes, 16);
	}
	memcpy(&a.eth.src_addr, &own, 6);
	memcpy(a.ip.src_addr, q->target, 16);
	memcpy(a.target, q->target, 16);
	memcpy(a.option.mac, &own, 6);
	a.checksum = (uint16_t)~asleep_sum(&a.ip, &a.type, ND_LEAST + sizeof(a.option));
	rte_pktmbuf_reset(m);
	memcpy(rte_pktmbuf_append(m, sizeof(a)), &a, sizeof(a)); /* every buffer has room for it */
	return true;
}

void asleep_run(struct worker *w, struct rte_mbuf **pkts, unsigned n)
{
	for (unsigned i = 0; i < n; i++) {
		struct rte_mbuf *m = pkts[i];
		const struct port *port = pkt(m)->port;
		const struct rte_ether_hdr *eth = rte_pktmbuf_mtod(m, struct rte_ether_hdr *);
		bool answered = false;

		if (eth->ether_type == RTE_BE16(RTE_ETHER_TYPE_ARP))
			answered = asleep_arp(w, m, port);
		else if (eth->ether_type == RTE_BE16(RTE_ETHER_TYPE_IPV6))
			answered = asleep_nd(w, m, port);
		if (answered)
			asleep_answer(w, m);
		else
			graph_drop(w, m, DP_DROP_ASLEEP);
	}
}
