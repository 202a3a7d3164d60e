/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Random frames that say whose they are in what the engine does not change: the sender's MAC, and,
 * since routers put their own there, the source address.
 */
#include "tests/unit/dataplane/conserve.h"

#include <rte_ip.h>

enum { MARK = 0x99 };

static void mac_of(uint8_t mac[6], unsigned number)
{
	memcpy(mac, (uint8_t[]){ 2, 0, 0, 0, 0, (uint8_t)number }, 6);
}

static void mac_marked(uint8_t mac[6], const struct net *net, unsigned number)
{
	memcpy(mac, (uint8_t[]){ 2, MARK, (uint8_t)(net->id >> 8), (uint8_t)net->id, 0,
				 (uint8_t)number }, 6);
}

static bool is_router(unsigned number)
{
	return (number >= 9 && number <= 16) || number == 20;
}

static size_t any_size(size_t least)
{
	switch (any(32)) {
	case 0:
		return least + any(3500);
	case 1:
	case 2:
		return least + any(1440);
	default:
		return least + any(60);
	}
}

static uint8_t any_ttl(void)
{
	return (uint8_t)(any(16) ? 32 + any(32) : any(3));
}

static size_t any_ip4(uint8_t *frame, const struct net *net)
{
	size_t total = any_size(28);
	struct rte_ipv4_hdr *ip = (struct rte_ipv4_hdr *)(frame + 14);

	lab_ip4(frame, 0x0a000001 | any(26) << 16 | any(4) << 8, any_ttl(), (uint16_t)any(64),
		total);
	ip->src_addr = rte_cpu_to_be_32(0x0a000000u | MARK << 16 | net->id);
	if (any(8) == 0)
		ip->type_of_service = 1; /* ECT */
	ip->hdr_checksum = 0;
	ip->hdr_checksum = rte_ipv4_cksum(ip);
	return 14 + total;
}

static size_t any_ip6(uint8_t *frame, const struct net *net)
{
	size_t len = lab_ip6(frame, (uint16_t)(0xfd00 | any(26)), any_ttl(), any_size(8));

	frame[23] = MARK;
	frame[24] = (uint8_t)(net->id >> 8);
	frame[25] = (uint8_t)net->id;
	frame[53] = (uint8_t)any(16);
	return len;
}

/* For an address that may be the router's own. */
static size_t any_arp(uint8_t *frame, const struct net *net, unsigned number)
{
	static const uint8_t fixed[10] = { 8, 6, 0, 1, 8, 0, 6, 4, 0, 1 };

	memcpy(frame + 12, fixed, sizeof(fixed));
	mac_marked(frame + 22, net, number);
	memcpy(frame + 28, (uint8_t[]){ 10, 50, 0, 1 }, 4);
	memset(frame + 32, 0, 6);
	memcpy(frame + 38, (uint8_t[]){ 10, (uint8_t)any(26), 0, 1 }, 4);
	return 42 + any(20);
}

/* What is no IP: also with a tag, that may be one of another vnet's slice. */
static size_t any_other(uint8_t *frame)
{
	static const uint8_t vlans[] = { 0, 100, 101, 103, 200, 201, 242, 7 };

	memset(frame + 12, 0, 60);
	if (any(2)) {
		frame[12] = 0x81;
		frame[15] = vlans[any(sizeof(vlans))];
	} else {
		frame[12] = 0x88;
		frame[13] = (uint8_t)any(256);
	}
	return 14 + any(60);
}

static void any_target(uint8_t mac[6], const struct net *net, unsigned number)
{
	switch (any(16)) {
	case 0:
		memset(mac, 0xff, 6);
		break;
	case 1:
		mac_of(mac, 1 + any(NET_PORTS));
		break;
	case 2:
		mac_marked(mac, net, 1 + any(8));
		break;
	default:
		mac_of(mac, net_peer(number));
	}
}

static size_t any_damaged(uint8_t *frame, const struct net *net)
{
	bool ip6 = any(2);
	size_t len = ip6 ? any_ip6(frame, net) : any_ip4(frame, net);
	unsigned at = 12 + any(ip6 ? 10 : 14);

	switch (any(3)) {
	case 0:
		frame[at] ^= (uint8_t)(1 << any(8));
		return len;
	case 1:
		frame[(ip6 ? 38 : 30) + any(4)] = (uint8_t)any(256);
		return len;
	}
	return 13 + any(30); /* less than its header says */
}

size_t conserve_frame(uint8_t *frame, const struct net *net, unsigned number)
{
	unsigned what = any(100);
	size_t len;

	if (is_router(number) && what >= 80) { /* says whose it is by whom it is for */
		len = any_other(frame);
		mac_marked(frame, net, 1 + any(8));
		mac_of(frame + 6, number);
		return len;
	}
	if (what < 60)
		len = any_ip4(frame, net);
	else if (what < 80)
		len = any_ip6(frame, net);
	else if (what < 90)
		len = any_damaged(frame, net);
	else if (what < 95)
		len = any_arp(frame, net, number);
	else
		len = any_other(frame);
	any_target(frame, net, number);
	if (is_router(number) && any(32))
		mac_of(frame + 6, number);
	else
		mac_marked(frame + 6, net, number);
	return len;
}

static uint32_t mark_at(const uint8_t *two)
{
	return (uint32_t)two[0] << 8 | two[1];
}

uint32_t conserve_mark(const uint8_t *frame, size_t len)
{
	if (len < 14)
		return 0;
	if (frame[7] == MARK)
		return mark_at(frame + 8);
	if (frame[1] == MARK) /* an answer to who asked */
		return mark_at(frame + 2);
	if (len >= 34 && frame[12] == 8 && frame[13] == 0 && frame[27] == MARK)
		return mark_at(frame + 28);
	if (len >= 54 && frame[12] == 0x86 && frame[13] == 0xdd && frame[23] == MARK)
		return mark_at(frame + 24);
	return 0;
}
