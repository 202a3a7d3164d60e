/* SPDX-License-Identifier: Apache-2.0 */
#include "dataplane/policer_priv.h"

#include "base/rd.h"

#include <netinet/in.h>

/* An emulated guest manages about 100,000 packets a second, on all of its ports. */
static const struct {
	uint32_t rate, burst; /* of a port: packets a second, packets */
} table[DP_PUNT_COUNT] = {
	[DP_PUNT_CONTROL] = { 20000, 2000 },
	[DP_PUNT_NEIGHBOUR] = { 5000, 1000 },
	[DP_PUNT_LOCAL] = { 50000, 4000 },
	[DP_PUNT_EXCEPTION] = { 20000, 2000 },
};

enum {
	VNET_PORTS = 2, /* a vnet may as much as so many of its ports */
	SOURCE_RATE = 500,
	SOURCE_BURST = 250,
};

void rate_init(struct rate *rate, uint64_t hz, uint32_t per_second, uint32_t burst)
{
	rate->cost = hz / per_second;
	rate->burst = rate->cost * (burst - 1);
}

void policer_rates_init(struct policer_rates *rates, uint64_t hz, unsigned workers)
{
	for (unsigned i = 0; i < DP_PUNT_COUNT; i++) {
		uint32_t rate = table[i].rate / workers, burst = table[i].burst / workers;

		rate_init(&rates->port[i], hz, rate, burst);
		rate_init(&rates->vnet[i], hz, rate * VNET_PORTS, burst * VNET_PORTS);
	}
	/* Not a worker's part: all that comes by a port is one worker's. */
	rate_init(&rates->source, hz, SOURCE_RATE, SOURCE_BURST);
}

enum { ETH_IP4 = 0x0800, ETH_ARP = 0x0806, ETH_IP6 = 0x86dd, ETH_LLDP = 0x88cc };

static bool routing_port(uint8_t proto, uint16_t port)
{
	if (proto == IPPROTO_TCP)
		return port == 179 || port == 646; /* BGP, LDP */
	switch (port) {
	case 520:  /* RIP */
	case 521:  /* RIPng */
	case 646:  /* LDP hello */
	case 3784: /* BFD, RFC 5881 */
	case 3785: /* BFD echo */
	case 4784: /* BFD multihop, RFC 5883 */
	case 6784: /* BFD on LAGs */
		return true;
	}
	return false;
}

/* r is behind the IP header; ports are there when `first` (not a later fragment). */
static enum dp_punt classify_transport(struct rd r, uint8_t proto, bool first, enum dp_punt other)
{
	uint16_t src, dst;

	switch (proto) {
	case 88:  /* EIGRP */
	case 89:  /* OSPF */
	case 103: /* PIM */
	case 112: /* VRRP */
		return DP_PUNT_CONTROL;
	case IPPROTO_IGMP:
		return DP_PUNT_NEIGHBOUR;
	case IPPROTO_TCP:
	case IPPROTO_UDP:
		if (!first)
			return other;
		src = rd_be16(&r);
		dst = rd_be16(&r);
		if (!r.bad && (routing_port(proto, dst) ||
			       (proto == IPPROTO_TCP && routing_port(proto, src))))
			return DP_PUNT_CONTROL;
	}
	return other;
}

static enum dp_punt classify_ip4(struct rd r, enum dp_punt other)
{
	uint8_t ihl = rd_u8(&r) & 15, proto;
	uint16_t frag;

	rd_skip(&r, 5);
	frag = rd_be16(&r);
	rd_skip(&r, 1);
	proto = rd_u8(&r);
	rd_skip(&r, 10);
	if (ihl > 5)
		rd_skip(&r, (ihl - 5u) * 4);
	return r.bad ? other : classify_transport(r, proto, !(frag & 0x1fff), other);
}

static enum dp_punt classify_ip6(struct rd r, enum dp_punt other)
{
	uint8_t proto, type;

	rd_skip(&r, 6);
	proto = rd_u8(&r);
	rd_skip(&r, 33);
	if (proto == IPPROTO_HOPOPTS) { /* MLD comes behind a router alert */
		proto = rd_u8(&r);
		rd_skip(&r, rd_u8(&r) * 8u + 6);
	}
	if (r.bad)
		return other;
	if (proto == IPPROTO_ICMPV6) {
		type = rd_u8(&r);
		/* MLD 130-132, RS, RA, NS, NA, redirect 133-137, MLDv2 143 */
		return (type >= 130 && type <= 137) || type == 143 ? DP_PUNT_NEIGHBOUR : other;
	}
	return classify_transport(r, proto, true, other);
}

enum dp_punt policer_classify(const uint8_t *frame, size_t len, enum punt_reason reason)
{
	enum dp_punt other = reason == PUNT_REASON_EXCEPTION ? DP_PUNT_EXCEPTION : DP_PUNT_LOCAL;
	struct rd r = rd_of(frame, len);
	uint16_t type;

	rd_skip(&r, 12);
	type = rd_be16(&r);
	if (type <= 1500) /* 802.3 length: IS-IS, spanning tree and their like are in LLC */
		return DP_PUNT_CONTROL;
	switch (type) {
	case ETH_ARP:
		return DP_PUNT_NEIGHBOUR;
	case ETH_LLDP:
		return DP_PUNT_CONTROL;
	case ETH_IP4:
		return classify_ip4(r, other);
	case ETH_IP6:
		return classify_ip6(r, other);
	}
	return other;
}
