/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DATAPLANE_IP_PRIV_H
#define DATAPLANE_IP_PRIV_H

/* What every way of forwarding a packet does to its headers alike. */

#include "dataplane/dp_priv.h"

#include <netinet/in.h>
#include <rte_ether.h>
#include <rte_ip.h>

static inline struct rte_ipv4_hdr *ip4_of(struct rte_mbuf *m)
{
	return rte_pktmbuf_mtod_offset(m, struct rte_ipv4_hdr *, sizeof(struct rte_ether_hdr));
}

static inline struct rte_ipv6_hdr *ip6_of(struct rte_mbuf *m)
{
	return rte_pktmbuf_mtod_offset(m, struct rte_ipv6_hdr *, sizeof(struct rte_ether_hdr));
}

/* Addresses no router forwards: this network, loopback, link-local, multicast, class E. */
static inline bool ip4_special(uint32_t addr)
{
	uint8_t top = (uint8_t)(addr >> 24);

	return top == 0 || top == 127 || top >= 224 || addr >> 16 == 0xa9fe;
}

/* Addresses no router forwards: unspecified, loopback, link-local, multicast (RFC 4291). */
static inline bool ip6_special(const uint8_t addr[16])
{
	static const uint8_t zero[15];

	return addr[0] == 0xff || (addr[0] == 0xfe && (addr[1] & 0xc0) == 0x80) ||
	       (!memcmp(addr, zero, 15) && addr[15] <= 1);
}

/* The third word of a header (TTL, protocol and checksum) with one from the TTL. RFC 1624: the sum
 * over the header stays what it was. */
static inline uint32_t ip4_decremented(uint32_t word)
{
	uint32_t sum = (word >> 16) + RTE_BE16(0x0100);

	return ((word & 0xffff) - 1) | (sum + (sum >= 0xffff)) << 16;
}

static inline void ip4_decrement_ttl(struct rte_ipv4_hdr *ip)
{
	uint32_t word;

	memcpy(&word, &ip->time_to_live, sizeof(word));
	word = ip4_decremented(word);
	memcpy(&ip->time_to_live, &word, sizeof(word));
}

static inline uint64_t flow_mix(uint64_t h, uint64_t v)
{
	h = (h ^ v) * 0x9fb21c651e98df25u;
	return h ^ (h >> 29);
}

/* Which member of a group is a flow's. The hash's high bits decide: all members are used. */
static inline uint32_t flow_index(const struct nh *group, uint64_t hash)
{
	return (uint32_t)(((hash >> 32) * group->count) >> 32);
}

static inline uint32_t flow_member(const struct nh *group, uint64_t hash)
{
	return group->members[flow_index(group, hash)];
}

/* Addresses, protocol, and ports where every packet of the flow shows them. */
static inline uint64_t ip4_flow_hash(uint64_t seed, struct rte_mbuf *m)
{
	const struct rte_ipv4_hdr *ip = ip4_of(m);
	uint64_t h = flow_mix(seed, (uint64_t)ip->src_addr << 32 | ip->dst_addr);
	uint32_t ports = 0;

	if ((ip->next_proto_id == IPPROTO_TCP || ip->next_proto_id == IPPROTO_UDP) &&
	    !(ip->fragment_offset & RTE_BE16(0x3fff)) &&
	    m->pkt_len >= sizeof(struct rte_ether_hdr) + sizeof(*ip) + sizeof(ports))
		memcpy(&ports, ip + 1, sizeof(ports));
	return flow_mix(flow_mix(h, (uint64_t)ip->next_proto_id << 32 | ports), 0);
}

/* Addresses, next header, and ports when they come next (a fragment's do not). */
static inline uint64_t ip6_flow_hash(uint64_t seed, struct rte_mbuf *m)
{
	const struct rte_ipv6_hdr *ip = ip6_of(m);
	uint64_t h = seed, words[4];
	uint32_t ports = 0;

	memcpy(words, ip->src_addr, sizeof(words)); /* and the destination behind it */
	for (unsigned i = 0; i < 4; i++)
		h = flow_mix(h, words[i]);
	if ((ip->proto == IPPROTO_TCP || ip->proto == IPPROTO_UDP) &&
	    m->pkt_len >= sizeof(struct rte_ether_hdr) + sizeof(*ip) + sizeof(ports))
		memcpy(&ports, ip + 1, sizeof(ports));
	return flow_mix(flow_mix(h, (uint64_t)ip->proto << 32 | ports), 0);
}

#endif
