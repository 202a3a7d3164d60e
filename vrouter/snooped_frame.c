/* SPDX-License-Identifier: Apache-2.0 */
#include "vrouter/snooped_table_priv.h"

#include "base/rd.h"

#include <net/ethernet.h>
#include <net/if_arp.h>
#include <netinet/icmp6.h>
#include <netinet/in.h>
#include <string.h>

struct frame {
	struct snooped *s;
	unsigned port;
	const uint8_t *mac; /* the port's */
	uint64_t now;
	uint8_t to[6];
};

static bool is_station(const uint8_t mac[6])
{
	static const uint8_t none[6];

	return !(mac[0] & 1) && memcmp(mac, none, 6) != 0;
}

/* One that a neighbour, or the guest, can have. */
static bool is_unicast(const struct snooped_addr *a)
{
	static const uint8_t none[16], loopback[16] = { [15] = 1 };

	if (a->family == 4)
		return a->bytes[0] && a->bytes[0] != 127 && a->bytes[0] < 224;
	return a->bytes[0] != 0xff && memcmp(a->bytes, none, 16) != 0 &&
	       memcmp(a->bytes, loopback, 16) != 0;
}

static bool is_none(const struct snooped_addr *a)
{
	static const uint8_t none[16];

	return !memcmp(a->bytes, none, 16);
}

struct arp {
	uint16_t op;
	uint8_t sha[6], tha[6];
	struct snooped_addr sip, tip;
};

static bool arp_read(struct rd r, struct arp *a)
{
	uint16_t hw = rd_be16(&r), proto = rd_be16(&r);
	uint8_t hlen = rd_u8(&r), plen = rd_u8(&r);

	*a = (struct arp){ .sip.family = 4, .tip.family = 4 };
	a->op = rd_be16(&r);
	rd_copy(&r, a->sha, 6);
	rd_copy(&r, a->sip.bytes, 4);
	rd_copy(&r, a->tha, 6);
	rd_copy(&r, a->tip.bytes, 4);
	return !r.bad && hw == ARPHRD_ETHER && proto == ETHERTYPE_IP && hlen == 6 && plen == 4 &&
	       (a->op == ARPOP_REQUEST || a->op == ARPOP_REPLY);
}

static void arp_sent(const struct frame *f, const struct arp *a)
{
	bool asks = a->op == ARPOP_REQUEST;

	if (memcmp(a->sha, f->mac, 6) != 0) /* in somebody else's name */
		return;
	if (is_unicast(&a->sip))
		snooped_owns(f->s, f->port, &a->sip, f->now);
	else if (asks && is_none(&a->sip) && is_unicast(&a->tip)) /* RFC 5227 */
		snooped_owns(f->s, f->port, &a->tip, f->now);
	if (!is_unicast(&a->tip) || snooped_is_own(f->s, f->port, &a->tip))
		return;
	if (is_station(f->to) && (asks || !memcmp(a->tha, f->to, 6)))
		snooped_has(f->s, f->port, &a->tip, f->to, f->now);
	else if (asks && f->to[0] & 1)
		snooped_asks(f->s, f->port, &a->tip, f->now);
}

static void arp_heard(const struct frame *f, const struct arp *a)
{
	if (is_unicast(&a->sip) && is_station(a->sha) && memcmp(a->sha, f->mac, 6) != 0)
		snooped_hears(f->s, f->port, &a->sip, a->sha, true, f->now);
}

struct nd {
	uint8_t type, flags;
	struct snooped_addr src, dst, target;
	uint8_t option[6]; /* link-layer address: of the source, or of the target */
	bool has_option;
};

/* Of an ICMPv6 message with its pseudo-header (RFC 8200 8.1); 0: the checksum is right. */
static uint16_t nd_sum(const uint8_t *ip, struct rd r)
{
	struct rd addrs = rd_of(ip + 8, 32);
	uint32_t sum = (uint32_t)r.left + IPPROTO_ICMPV6;

	while (addrs.left)
		sum += rd_be16(&addrs);
	while (r.left >= 2)
		sum += rd_be16(&r);
	if (r.left)
		sum += (uint32_t)rd_u8(&r) << 8;
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return (uint16_t)~sum;
}

static bool nd_options(struct rd r, struct nd *nd)
{
	uint8_t wanted = nd->type == ND_NEIGHBOR_SOLICIT ? ND_OPT_SOURCE_LINKADDR :
							   ND_OPT_TARGET_LINKADDR;

	while (r.left) {
		uint8_t type = rd_u8(&r), units = rd_u8(&r);
		struct rd body = rd_sub(&r, units ? units * 8u - 2 : SIZE_MAX);

		if (r.bad)
			return false;
		if (type != wanted || units != 1)
			continue;
		rd_copy(&body, nd->option, 6);
		nd->has_option = true;
	}
	return true;
}

/* RFC 4861 7.1.1, 7.1.2; r is behind the Ethernet header. */
static bool nd_read(struct rd r, struct nd *nd)
{
	const uint8_t *ip = r.p;
	uint8_t version = rd_u8(&r) >> 4, next, hops, code;
	uint16_t len;
	struct rd icmp;

	*nd = (struct nd){ .src.family = 6, .dst.family = 6, .target.family = 6 };
	rd_skip(&r, 3);
	len = rd_be16(&r);
	next = rd_u8(&r);
	hops = rd_u8(&r);
	rd_copy(&r, nd->src.bytes, 16);
	rd_copy(&r, nd->dst.bytes, 16);
	icmp = rd_sub(&r, len);
	if (r.bad || version != 6 || next != IPPROTO_ICMPV6 || hops != 255 || nd_sum(ip, icmp))
		return false;
	nd->type = rd_u8(&icmp);
	code = rd_u8(&icmp);
	rd_skip(&icmp, 2);
	nd->flags = rd_u8(&icmp);
	rd_skip(&icmp, 3);
	rd_copy(&icmp, nd->target.bytes, 16);
	return !icmp.bad && !code && is_unicast(&nd->target) &&
	       (nd->type == ND_NEIGHBOR_SOLICIT || nd->type == ND_NEIGHBOR_ADVERT) &&
	       nd_options(icmp, nd);
}

static void nd_sent(const struct frame *f, const struct nd *nd)
{
	bool asks = nd->type == ND_NEIGHBOR_SOLICIT;
	/* The other one: whom it asks for, or whom it answers. */
	const struct snooped_addr *other = asks ? &nd->target : &nd->dst;

	if (asks && is_none(&nd->src)) { /* RFC 4862 5.4 */
		snooped_owns(f->s, f->port, &nd->target, f->now);
		return;
	}
	if (!is_unicast(&nd->src))
		return;
	snooped_owns(f->s, f->port, &nd->src, f->now);
	if (!asks)
		snooped_owns(f->s, f->port, &nd->target, f->now);
	if (!is_unicast(other) || snooped_is_own(f->s, f->port, other))
		return;
	if (is_station(f->to))
		snooped_has(f->s, f->port, other, f->to, f->now);
	else if (asks)
		snooped_asks(f->s, f->port, other, f->now);
}

static void nd_heard(const struct frame *f, const struct nd *nd)
{
	if (!nd->has_option || !is_station(nd->option) || !memcmp(nd->option, f->mac, 6))
		return;
	if (nd->type == ND_NEIGHBOR_ADVERT)
		snooped_hears(f->s, f->port, &nd->target, nd->option, nd->flags & 0x20, f->now);
	else if (is_unicast(&nd->src) && snooped_is_own(f->s, f->port, &nd->target))
		snooped_hears(f->s, f->port, &nd->src, nd->option, true, f->now);
}

void snooped_frame(struct snooped *s, unsigned port, const uint8_t mac[6], bool sent,
		   const void *frame, size_t len, uint64_t now)
{
	struct frame f = { .s = s, .port = port, .mac = mac, .now = now };
	struct rd r = rd_of(frame, len);
	uint8_t from[6];
	uint16_t type;
	struct arp arp;
	struct nd nd;

	rd_copy(&r, f.to, 6);
	rd_copy(&r, from, 6);
	type = rd_be16(&r);
	/* The engine lets a guest speak as itself alone; a kernel takes nothing that is for others. */
	if (r.bad || (sent ? memcmp(from, mac, 6) != 0 : !(f.to[0] & 1) && memcmp(f.to, mac, 6) != 0))
		return;
	if (type == ETHERTYPE_ARP && arp_read(r, &arp)) {
		if (sent)
			arp_sent(&f, &arp);
		else
			arp_heard(&f, &arp);
	} else if (type == ETHERTYPE_IPV6 && nd_read(r, &nd)) {
		if (sent)
			nd_sent(&f, &nd);
		else
			nd_heard(&f, &nd);
	}
}
