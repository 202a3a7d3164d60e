/* SPDX-License-Identifier: Apache-2.0 */
#include "dataplane/codel_priv.h"

#include <rte_ether.h>
#include <rte_ip.h>
#include <rte_mbuf.h>

/* One step of Newton's towards 1 / sqrt(count), from what it was for count - 1: near enough from
 * the second drop on. */
static void codel_count(struct codel *c, uint32_t count)
{
	uint64_t x = c->rsqrt, y;

	c->count = count;
	if (count == 1) {
		c->rsqrt = UINT16_MAX;
		return;
	}
	y = (3ull << 32) - (count * x * x < 3ull << 32 ? count * x * x : 3ull << 32);
	x = x * y >> 33;
	c->rsqrt = (uint16_t)(x < 1 ? 1 : x > UINT16_MAX ? UINT16_MAX : x);
}

/* t + interval / sqrt(count) */
static uint32_t codel_law(const struct codel *c, uint32_t t, uint32_t interval)
{
	return t + (uint32_t)(((uint64_t)interval * c->rsqrt) >> 16);
}

static bool reached(uint32_t now, uint32_t t)
{
	return (int32_t)(now - t) >= 0;
}

bool codel_above(struct codel *c, uint32_t now, uint32_t interval)
{
	uint32_t before = c->count - c->last;

	if (c->state == CODEL_BELOW) {
		c->state = CODEL_ABOVE;
		c->since = now + interval;
		return false;
	}
	if (!reached(now, c->since))
		return false;
	if (c->state == CODEL_DROPPING) {
		if (!reached(now, c->drop_next))
			return false;
		codel_count(c, c->count + 1);
		c->drop_next = codel_law(c, c->drop_next, interval);
		return true;
	}
	/* It begins where it left off, if that was not long ago; rsqrt is still that of then. */
	c->state = CODEL_DROPPING;
	codel_count(c, before > 1 && now - c->drop_next < 16 * interval ? before : 1);
	c->drop_next = codel_law(c, now, interval);
	c->last = c->count;
	return true;
}

enum { ECN = 3 };

static bool ip4_mark(struct rte_ipv4_hdr *ip)
{
	uint16_t before = ip->type_of_service; /* the low half of the header's first word */
	uint32_t sum;

	if (!(before & ECN))
		return false;
	ip->type_of_service |= ECN;
	/* RFC 1624, equation 3, on words as they are in the header */
	sum = (uint16_t)~ip->hdr_checksum + (uint32_t)(uint16_t)~rte_cpu_to_be_16(before) +
	      rte_cpu_to_be_16(ip->type_of_service);
	sum = (sum & 0xffff) + (sum >> 16);
	sum = (sum & 0xffff) + (sum >> 16);
	ip->hdr_checksum = (uint16_t)~sum;
	return true;
}

static bool ip6_mark(struct rte_ipv6_hdr *ip)
{
	if (!(ip->vtc_flow & rte_cpu_to_be_32(ECN << 20)))
		return false;
	ip->vtc_flow |= rte_cpu_to_be_32(ECN << 20);
	return true;
}

bool ecn_mark(struct rte_mbuf *m)
{
	struct rte_ether_hdr *eth = rte_pktmbuf_mtod(m, struct rte_ether_hdr *);
	uint16_t len = m->data_len, at = sizeof(*eth), type;

	if (len < at)
		return false;
	type = eth->ether_type;
	if (type == RTE_BE16(RTE_ETHER_TYPE_VLAN) && len >= at + sizeof(struct rte_vlan_hdr)) {
		type = rte_pktmbuf_mtod_offset(m, struct rte_vlan_hdr *, at)->eth_proto;
		at += sizeof(struct rte_vlan_hdr);
	}
	if (type == RTE_BE16(RTE_ETHER_TYPE_IPV4) && len >= at + sizeof(struct rte_ipv4_hdr))
		return ip4_mark(rte_pktmbuf_mtod_offset(m, struct rte_ipv4_hdr *, at));
	if (type == RTE_BE16(RTE_ETHER_TYPE_IPV6) && len >= at + sizeof(struct rte_ipv6_hdr))
		return ip6_mark(rte_pktmbuf_mtod_offset(m, struct rte_ipv6_hdr *, at));
	return false;
}
