/* SPDX-License-Identifier: Apache-2.0 */
#include "virtio/net_priv.h"

#include "base/rd.h"

#include <linux/if_ether.h>
#include <netinet/in.h>

enum { FNV_PRIME = 16777619 };

static uint32_t hash(const uint8_t *bytes, size_t len)
{
	uint32_t h = 2166136261u;

	for (size_t i = 0; i < len; i++)
		h = (h ^ bytes[i]) * FNV_PRIME;
	return h;
}

/* The two ends in either order. */
static uint32_t ends(struct rd *r, size_t len)
{
	const uint8_t *from = rd_bytes(r, len), *to = rd_bytes(r, len);

	return from && to ? hash(from, len) + hash(to, len) : 0;
}

static bool has_ports(uint8_t protocol)
{
	return protocol == IPPROTO_TCP || protocol == IPPROTO_UDP || protocol == IPPROTO_SCTP;
}

static uint32_t ip4(struct rd *r)
{
	uint8_t header = rd_u8(r), protocol;
	uint16_t fragment;
	uint32_t sum;

	rd_skip(r, 5);
	fragment = rd_be16(r) & 0x3fff; /* its offset, and whether more follow */
	rd_skip(r, 1);
	protocol = rd_u8(r);
	rd_skip(r, 2);
	sum = ends(r, 4) + protocol;
	if (!fragment && header == 0x45 && has_ports(protocol))
		sum += ends(r, 2);
	return sum;
}

static uint32_t ip6(struct rd *r)
{
	uint8_t protocol;
	uint32_t sum;

	rd_skip(r, 6);
	protocol = rd_u8(r);
	rd_skip(r, 1);
	sum = ends(r, 16) + protocol;
	return has_ports(protocol) ? sum + ends(r, 2) : sum;
}

unsigned net_flow(const uint8_t *frame, size_t len)
{
	struct rd r = rd_of(frame, len);
	uint16_t type;
	uint32_t sum;

	rd_skip(&r, 2 * ETH_ALEN);
	type = rd_be16(&r);
	sum = type == ETH_P_IP ? ip4(&r) : type == ETH_P_IPV6 ? ip6(&r) : 0;
	return (sum * FNV_PRIME >> 16) % NET_FLOWS;
}
