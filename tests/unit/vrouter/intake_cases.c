/* SPDX-License-Identifier: Apache-2.0 */
/* Handcrafted messages for what the kernel oracle does not reach: VRFs, reasons, limits, flags. */
#include "tests/unit/test.h"
#include "tests/unit/vrouter/held.h"
#include "tests/unit/vrouter/message.h"
#include "vrouter/agent/proto.h"

#include <linux/fib_rules.h>
#include <linux/if.h>
#include <linux/if_arp.h>
#include <linux/if_link.h>
#include <linux/lwtunnel.h>
#include <linux/neighbour.h>
#include <linux/netconf.h>
#include <linux/nexthop.h>
#include <linux/rtnetlink.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

static struct held held;
static struct intake *in;
static char reasons[4096];

static void say(uint16_t type, uint16_t flags, const void *head, size_t len)
{
	say_to(in, type, flags, head, len);
}

#define IP(a, b, c, d) ((uint8_t[]){ a, b, c, d })

/* Ports are links 2 and 3, with MACs that end in their number. */
static void link_is(int ifindex, uint8_t mac, uint32_t mtu, uint32_t master)
{
	struct ifinfomsg m = { .ifi_index = ifindex, .ifi_type = ARPHRD_ETHER,
			       .ifi_flags = IFF_UP | IFF_RUNNING };
	char name[8];

	snprintf(name, sizeof(name), "eth%d", ifindex);
	attr(IFLA_IFNAME, name, strlen(name) + 1);
	attr(IFLA_ADDRESS, ((uint8_t[]){ 2, 0, 0, 0, 0, mac }), 6);
	attr32(IFLA_MTU, mtu);
	if (master)
		attr32(IFLA_MASTER, master);
	say(RTM_NEWLINK, 0, &m, sizeof(m));
}

static void vrf_is(int ifindex, uint32_t table)
{
	struct ifinfomsg m = { .ifi_index = ifindex, .ifi_type = ARPHRD_ETHER,
			       .ifi_flags = IFF_UP | IFF_RUNNING };
	uint8_t info[] = { 8, 0, IFLA_INFO_KIND, 0, 'v', 'r', 'f', 0, 12, 0, IFLA_INFO_DATA, 0,
			   8, 0, IFLA_VRF_TABLE, 0, (uint8_t)table, 0, 0, 0 };

	attr(IFLA_LINKINFO, info, sizeof(info));
	say(RTM_NEWLINK, 0, &m, sizeof(m));
}

static void neigh_is(int ifindex, const uint8_t ip[4], uint8_t mac)
{
	struct ndmsg m = { .ndm_family = AF_INET, .ndm_ifindex = ifindex, .ndm_state = NUD_STALE };

	attr(NDA_DST, ip, 4);
	attr(NDA_LLADDR, ((uint8_t[]){ 2, 0, 0, 0, 1, mac }), 6);
	say(RTM_NEWNEIGH, 0, &m, sizeof(m));
}

/* Of table main, with the attributes that were put before. */
static void say_route(uint16_t type, uint16_t flags, const uint8_t ip[4], uint8_t kind)
{
	struct rtmsg m = { .rtm_family = AF_INET, .rtm_dst_len = 8, .rtm_type = kind,
			   .rtm_table = 254 };

	attr(RTA_DST, ip, 4);
	say(type, flags, &m, sizeof(m));
}

/* With the attributes that were put before. */
static void route_is(uint16_t type, uint32_t table, const uint8_t ip[4], uint8_t len, uint8_t kind)
{
	struct rtmsg m = { .rtm_family = AF_INET, .rtm_dst_len = len, .rtm_type = kind };

	attr32(RTA_TABLE, table);
	attr(RTA_DST, ip, 4);
	say(type, 0, &m, sizeof(m));
}

static void via(uint32_t oif, const uint8_t gw[4])
{
	attr32(RTA_OIF, oif);
	attr(RTA_GATEWAY, gw, 4);
}

static void rule_is(uint16_t type, uint8_t family, uint32_t pref, uint32_t table, bool l3mdev)
{
	struct fib_rule_hdr m = { .family = family, .table = (uint8_t)table,
				  .action = FR_ACT_TO_TBL };

	attr32(FRA_PRIORITY, pref);
	attr32(FRA_TABLE, table);
	if (l3mdev)
		attr(FRA_L3MDEV, &l3mdev, 1);
	say(type, 0, &m, sizeof(m));
}

static void conf_is(uint8_t family, uint32_t ifindex, uint16_t what, uint32_t value)
{
	struct netconfmsg m = { .ncm_family = family };

	attr32(NETCONFA_IFINDEX, ifindex);
	attr32(what, value);
	say(RTM_NEWNETCONF, 0, &m, sizeof(m));
}

static void add_reason(void *arg, const char *text)
{
	size_t at = strlen(reasons);

	snprintf(reasons + at, sizeof(reasons) - at, "%s\n", text);
}

/* What is sent after the commit, against what is said of it. */
static void commit_says(const char *want)
{
	intake_commit(in);
	reasons[0] = 0;
	intake_each_reason(in, add_reason, NULL);
	assert_string_equal(reasons, want);
}

/* The last byte of the MAC a packet goes to; 0: punt. */
static unsigned goes_to(unsigned port, const uint8_t ip[4])
{
	const struct intake_nh *nh = held_forward(&held, port, 4, ip);

	if (nh && nh->kind == INTAKE_NH_GROUP)
		nh = held_nh(&held, nh->members[0]);
	return !nh || nh->kind == INTAKE_NH_PUNT ? 0 : nh->kind == INTAKE_NH_DROP ? 255 : nh->mac[5];
}

/* Two ports, a neighbour on each, and a route through the first. */
static int setup(void **state)
{
	struct intake_port ports[] = { { .mac = { 2, 0, 0, 0, 0, 2 }, .mtu = 1500, .name = "eth2" },
				       { .mac = { 2, 0, 0, 0, 0, 3 }, .mtu = 1500, .name = "eth3" } };
	struct intake_conf conf = { .port_count = 2, .ports = ports, .max_routes = 12,
				    .sink = &held_sink, .arg = &held };

	assert_int_equal(intake_create(&conf, &in), 0);
	intake_dump_begin(in);
	link_is(2, 2, 1500, 0);
	link_is(3, 3, 1500, 0);
	neigh_is(2, IP(10, 0, 0, 9), 9);
	neigh_is(3, IP(10, 1, 0, 8), 8);
	via(2, IP(10, 0, 0, 9));
	route_is(RTM_NEWROUTE, 254, IP(20, 0, 0, 0), 8, RTN_UNICAST);
	intake_dump_end(in);
	assert_int_equal(goes_to(1, IP(20, 0, 0, 1)), 9);
	return 0;
}

static int teardown(void **state)
{
	intake_destroy(in);
	held_fini(&held);
	buf_free(&attrs);
	attrs = (struct buf){ 0 };
	return 0;
}

static void vrf_is_a_fib_of_its_own(void **state)
{
	vrf_is(7, 30);
	link_is(3, 3, 1500, 7);
	via(3, IP(10, 1, 0, 8));
	route_is(RTM_NEWROUTE, 30, IP(20, 0, 0, 0), 8, RTN_UNICAST);
	attr32(RTA_OIF, 2);
	route_is(RTM_NEWROUTE, 255, IP(20, 0, 0, 5), 32, RTN_LOCAL);
	commit_says("");
	assert_int_equal(held.ports[1].table, 30);
	assert_int_equal(goes_to(0, IP(20, 0, 0, 1)), 9);
	assert_int_equal(goes_to(1, IP(20, 0, 0, 1)), 8);
	assert_int_equal(goes_to(1, IP(20, 0, 0, 5)), 0); /* local is looked up first in both */
	link_is(3, 3, 1500, 0);
	commit_says("");
	assert_int_equal(goes_to(1, IP(20, 0, 0, 1)), 9);
	assert_int_equal(held.fib_count, 1);
}

static void master_that_is_no_vrf(void **state)
{
	link_is(3, 3, 1500, 8);
	commit_says("all received on eth3: its master is no VRF\n");
	assert_int_equal(goes_to(1, IP(20, 0, 0, 1)), 0);
	assert_int_equal(goes_to(0, IP(20, 0, 0, 1)), 9);
}

static void policy_rules_punt_their_family(void **state)
{
	rule_is(RTM_NEWRULE, AF_INET, 0, 255, false);
	rule_is(RTM_NEWRULE, AF_INET, 32766, 254, false);
	commit_says("");
	attr(FRA_SRC, IP(9, 0, 0, 0), 4);
	say(RTM_NEWRULE, 0, &(struct fib_rule_hdr){ .family = AF_INET, .src_len = 8, .table = 40,
						    .action = FR_ACT_TO_TBL }, 12);
	commit_says("all IPv4: policy rule 0 (from 9.0.0.0/8 lookup 40)\n");
	assert_true(held.punt4 && !held.punt6);
	attr(FRA_SRC, IP(9, 0, 0, 0), 4);
	say(RTM_DELRULE, 0, &(struct fib_rule_hdr){ .family = AF_INET, .src_len = 8, .table = 40,
						    .action = FR_ACT_TO_TBL }, 12);
	commit_says("");
	assert_false(held.punt4);
	rule_is(RTM_DELRULE, AF_INET, 32766, 254, false);
	commit_says("all IPv4: policy rule 32766 (lookup main) is missing\n");
	rule_is(RTM_NEWRULE, AF_INET, 32766, 254, false);
	rule_is(RTM_NEWRULE, AF_INET, 1000, 0, true);
	vrf_is(7, 30);
	link_is(3, 3, 1500, 7);
	commit_says("");
	rule_is(RTM_DELRULE, AF_INET, 1000, 0, true);
	commit_says("all IPv4: policy rule 1000 (lookup l3mdev) is missing\n");
}

static void forwarding_follows_netconf(void **state)
{
	conf_is(AF_INET, 3, NETCONFA_FORWARDING, 0);
	commit_says("");
	assert_int_equal(goes_to(1, IP(20, 0, 0, 1)), 0);
	assert_int_equal(goes_to(0, IP(20, 0, 0, 1)), 9);
	conf_is(AF_INET, 3, NETCONFA_FORWARDING, 1);
	conf_is(AF_INET6, (uint32_t)-1, NETCONFA_FORWARDING, 0);
	conf_is(AF_INET, 3, NETCONFA_RP_FILTER, 1);
	commit_says("all IPv4 received on eth3: rp_filter is on\n");
	assert_false(held.ports[1].fwd4 || held.ports[0].fwd6 || held.ports[1].fwd6);
	conf_is(AF_INET, 3, NETCONFA_RP_FILTER, 0);
	commit_says("");
	assert_int_equal(goes_to(1, IP(20, 0, 0, 1)), 9);
}

static void what_else_forwards(void **state)
{
	intake_forward(in, AGENT_FORWARD_NFT_IP6);
	commit_says("all IPv6: nftables rules in the forward path\n");
	assert_true(held.punt6 && !held.punt4);
	intake_forward(in, AGENT_FORWARD_XFRM);
	commit_says("all IPv4: IPsec policies\nall IPv6: IPsec policies\n");
	assert_true(held.punt6 && held.punt4);
	intake_forward(in, AGENT_FORWARD_TC);
	commit_says("all IPv4: traffic control on a NIC\nall IPv6: traffic control on a NIC\n");
	intake_forward(in, 0);
	commit_says("");
	assert_int_equal(goes_to(1, IP(20, 0, 0, 1)), 9);
}

static void too_many_routes(void **state)
{
	for (uint8_t i = 0; i < 12; i++) {
		via(2, IP(10, 0, 0, 9));
		route_is(RTM_NEWROUTE, 254, IP(30, i, 0, 0), 16, RTN_UNICAST);
	}
	commit_says("all IPv4: more than 12 routes (fib-routes)\n");
	assert_true(held.punt4 && !held.punt6);
}

/* They are routes of a FIB too. */
static void too_many_neighbours(void **state)
{
	attr32(RTA_OIF, 2);
	route_is(RTM_NEWROUTE, 254, IP(10, 0, 0, 0), 24, RTN_UNICAST);
	commit_says("");
	for (uint8_t i = 1; held.route_count < 12; i++) {
		assert_true(i < 12);
		neigh_is(2, IP(10, 0, 0, (uint8_t)(100 + i)), i);
		commit_says("");
	}
	neigh_is(2, IP(10, 0, 0, 99), 99);
	commit_says("all IPv4: more than 12 routes (fib-routes)\n");
	assert_true(held.punt4 && !held.punt6);
	assert_int_equal(held.route_count, 12);
	attr(NDA_DST, IP(10, 0, 0, 101), 4); /* one that goes makes room */
	say(RTM_DELNEIGH, 0, &(struct ndmsg){ .ndm_family = AF_INET, .ndm_ifindex = 2 }, 12);
	intake_commit(in);
	assert_int_equal(held.route_count, 11);
	neigh_is(2, IP(10, 0, 0, 98), 98);
	intake_commit(in);
	assert_int_equal(held.route_count, 12);
	intake_dump_begin(in); /* and a dump that fits ends it: it repeats nothing of all this */
	intake_dump_end(in);
	assert_false(held.punt4);
	assert_int_equal(held.route_count, 0);
}

static void mac_and_mtu_are_the_ports(void **state)
{
	link_is(2, 99, 1500, 0); /* no permanent address: nothing says that this is the port */
	commit_says("20.0.0.0/8: via eth2, which is not a port\n");
	assert_int_equal(goes_to(1, IP(20, 0, 0, 1)), 0);
	attr(IFLA_PERM_ADDRESS, ((uint8_t[]){ 2, 0, 0, 0, 0, 2 }), 6);
	link_is(2, 99, 1500, 0);
	commit_says("all received on eth2: its MAC was changed\n"
		    "20.0.0.0/8: via eth2, which the guest handles itself\n");
	link_is(2, 2, 1400, 0);
	commit_says("20.0.0.0/8: the guest's mtu of eth2 is 1400, not the port's\n");
	assert_int_equal(goes_to(1, IP(20, 0, 0, 1)), 0);
	link_is(2, 2, 1500, 0);
	commit_says("");
	assert_int_equal(goes_to(1, IP(20, 0, 0, 1)), 9);
}

static void what_a_route_may_carry(void **state)
{
	uint16_t mpls = LWTUNNEL_ENCAP_MPLS;
	uint8_t metrics[] = { 8, 0, RTAX_MTU, 0, 0x14, 5, 0, 0 }; /* 1300 */
	uint8_t via4[] = { AF_INET, 0, 10, 0, 0, 9 };

	via(2, IP(10, 0, 0, 9));
	attr(RTA_ENCAP_TYPE, &mpls, 2);
	attr(RTA_ENCAP, IP(0, 0, 0, 0), 4);
	route_is(RTM_NEWROUTE, 254, IP(30, 0, 0, 0), 16, RTN_UNICAST);
	via(2, IP(10, 0, 0, 9));
	attr(RTA_METRICS, metrics, sizeof(metrics));
	route_is(RTM_NEWROUTE, 254, IP(31, 0, 0, 0), 16, RTN_UNICAST);
	attr32(RTA_OIF, 2);
	attr(RTA_VIA, via4, sizeof(via4));
	route_is(RTM_NEWROUTE, 254, IP(32, 0, 0, 0), 16, RTN_UNICAST);
	route_is(RTM_NEWROUTE, 254, IP(33, 0, 0, 0), 16, RTN_BLACKHOLE);
	route_is(RTM_NEWROUTE, 254, IP(34, 0, 0, 0), 16, RTN_THROW);
	commit_says("30.0.0.0/16: encapsulated (MPLS, SRv6, tunnel)\n"
		    "31.0.0.0/16: route mtu 1300 is below the port's\n"
		    "34.0.0.0/16: throw\n");
	assert_int_equal(goes_to(0, IP(30, 0, 0, 1)), 0);
	assert_int_equal(goes_to(0, IP(31, 0, 0, 1)), 0);
	assert_int_equal(goes_to(0, IP(32, 0, 0, 1)), 9);
	assert_int_equal(goes_to(0, IP(33, 0, 0, 1)), 255);
	assert_int_equal(goes_to(0, IP(34, 0, 0, 1)), 0);
}

static void say_route6(uint16_t type, uint16_t flags, uint8_t gw, bool onlink)
{
	struct rtmsg m = { .rtm_family = AF_INET6, .rtm_dst_len = 32, .rtm_table = 254,
			   .rtm_type = RTN_UNICAST };
	uint8_t ip[16] = { 0xfd }, to[16] = { 0xfe, 0x80, [15] = gw };

	attr(RTA_DST, ip, 16);
	attr32(RTA_OIF, 2);
	if (!onlink)
		attr(RTA_GATEWAY, to, 16);
	say(type, flags, &m, sizeof(m));
}

static void route6(uint16_t flags, uint8_t gw, bool onlink)
{
	say_route6(RTM_NEWROUTE, flags, gw, onlink);
}

static void route6_gone(uint8_t gw, bool onlink)
{
	say_route6(RTM_DELROUTE, 0, gw, onlink);
}

static void ipv6_siblings(void **state)
{
	static const uint8_t ip[16] = { 0xfd };
	const struct intake_nh *nh;

	route6(NLM_F_CREATE | NLM_F_APPEND, 1, false);
	route6(NLM_F_CREATE | NLM_F_APPEND, 2, false);
	commit_says("");
	nh = held_lookup(&held, 254, 6, ip);
	assert_int_equal(nh->kind, INTAKE_NH_GROUP);
	assert_int_equal(nh->member_count, 2);
	route6(NLM_F_CREATE | NLM_F_APPEND, 0, true); /* no gateway: no sibling in the kernel */
	commit_says("fd00::/32: several IPv6 routes of one metric\n");
	assert_int_equal(held_lookup(&held, 254, 6, ip)->kind, INTAKE_NH_PUNT);
}

/* What replaces a route takes one that can have siblings just as it can, with these, and no other. */
static void ipv6_replaces_its_like(void **state)
{
	static const uint8_t ip[16] = { 0xfd };

	route6(NLM_F_CREATE, 0, true);
	route6(NLM_F_CREATE | NLM_F_APPEND, 1, false);
	route6(NLM_F_CREATE | NLM_F_APPEND, 2, false);
	route6(NLM_F_REPLACE, 3, false); /* in place of the two */
	commit_says("fd00::/32: several IPv6 routes of one metric\n");
	route6_gone(0, true);
	commit_says(""); /* one is left */
	assert_int_equal(held_lookup(&held, 254, 6, ip)->kind, INTAKE_NH_PUNT);
	route6_gone(3, false);
	commit_says("");
	assert_null(held_lookup(&held, 254, 6, ip));
	route6(NLM_F_CREATE, 1, false);
	route6(NLM_F_CREATE | NLM_F_APPEND, 2, false);
	route6(NLM_F_REPLACE, 0, true); /* there is none of its like: in place of the first, and its siblings */
	route6_gone(0, true);
	commit_says("");
	assert_null(held_lookup(&held, 254, 6, ip));
}

static void local6(uint16_t type, const uint8_t ip[16], uint32_t table, uint32_t ifindex,
		   uint8_t kind)
{
	struct rtmsg m = { .rtm_family = AF_INET6, .rtm_dst_len = 128, .rtm_type = kind };

	attr(RTA_DST, ip, 16);
	attr32(RTA_OIF, ifindex);
	attr32(RTA_TABLE, table);
	say(type, 0, &m, sizeof(m));
}

/* Whether this link-local address is told as one of the port (from 1), in the table. */
static bool port_has(uint16_t port, uint32_t table, const uint8_t ip[16])
{
	struct intake_prefix p = { .family = 6, .len = 128, .port = port };

	memcpy(p.addr, ip, 16);
	for (size_t i = 0; i < held.route_count; i++) {
		if (held.routes[i].table == table && !memcmp(&held.routes[i].prefix, &p, sizeof(p)))
			return held_nh(&held, held.routes[i].nh)->kind == INTAKE_NH_LOCAL;
	}
	return false;
}

static enum intake_nh_kind kind_of(unsigned family, const uint8_t *ip)
{
	return held_lookup(&held, 254, family, ip)->kind;
}

static void what_is_local(void **state)
{
	static const uint8_t own[16] = { 0xfd, [15] = 1 }, any[16] = { 0xfd };

	attr32(RTA_OIF, 2);
	route_is(RTM_NEWROUTE, 255, IP(10, 0, 0, 1), 32, RTN_LOCAL);
	attr32(RTA_OIF, 2);
	route_is(RTM_NEWROUTE, 255, IP(10, 0, 0, 255), 32, RTN_BROADCAST);
	local6(RTM_NEWROUTE, own, 255, 2, RTN_LOCAL);
	local6(RTM_NEWROUTE, own, 255, 3, RTN_LOCAL); /* two links may have it */
	local6(RTM_NEWROUTE, any, 255, 2, RTN_ANYCAST);
	commit_says("");
	assert_int_equal(kind_of(4, IP(10, 0, 0, 1)), INTAKE_NH_LOCAL);
	assert_int_equal(kind_of(4, IP(10, 0, 0, 255)), INTAKE_NH_PUNT);
	assert_int_equal(kind_of(6, own), INTAKE_NH_LOCAL);
	assert_int_equal(kind_of(6, any), INTAKE_NH_PUNT);
	assert_int_equal(goes_to(0, IP(10, 0, 0, 1)), 0);
	local6(RTM_DELROUTE, own, 255, 3, RTN_LOCAL);
	commit_says("");
	assert_int_equal(kind_of(6, own), INTAKE_NH_LOCAL);
	attr32(RTA_OIF, 2);
	route_is(RTM_DELROUTE, 255, IP(10, 0, 0, 1), 32, RTN_LOCAL);
	commit_says("");
	assert_null(held_lookup(&held, 254, 4, IP(10, 0, 0, 1)));
}

static void on_route(void *arg, uint32_t table, const struct intake_prefix *p,
		     const struct intake_nh *nh)
{
	if (p->port) {
		assert_int_equal(nh->port + 1, p->port);
		*(unsigned *)arg += 1;
	}
}

/* The same link-local address on two ports, one of which moves into a VRF and comes back. */
static void link_local_addresses_are_a_ports(void **state)
{
	static const uint8_t ll[16] = { 0xfe, 0x80, [15] = 1 }, lo[16] = { 0xfe, 0x80, [15] = 2 };
	unsigned told = 0;

	local6(RTM_NEWROUTE, ll, 255, 2, RTN_LOCAL);
	local6(RTM_NEWROUTE, ll, 255, 3, RTN_LOCAL);
	local6(RTM_NEWROUTE, lo, 255, 1, RTN_LOCAL); /* of a link that is no port */
	local6(RTM_NEWROUTE, (uint8_t[16]){ 0xfe, 0x80 }, 255, 2, RTN_ANYCAST);
	commit_says("");
	assert_true(port_has(1, 254, ll) && port_has(2, 254, ll));
	intake_each_route(in, 0, on_route, &told);
	assert_int_equal(told, 2);
	local6(RTM_DELROUTE, ll, 255, 2, RTN_LOCAL);
	commit_says("");
	assert_true(!port_has(1, 254, ll) && port_has(2, 254, ll));
	vrf_is(9, 10);
	link_is(3, 3, 1500, 9);
	local6(RTM_DELROUTE, ll, 255, 3, RTN_LOCAL);
	local6(RTM_NEWROUTE, ll, 10, 3, RTN_LOCAL);
	commit_says("");
	assert_true(!port_has(2, 254, ll) && port_has(2, 10, ll));
	/* Links change their places: each address goes with its own. */
	local6(RTM_NEWROUTE, ll, 255, 2, RTN_LOCAL);
	local6(RTM_DELROUTE, ll, 10, 3, RTN_LOCAL);
	link_is(2, 3, 1500, 0);
	link_is(3, 2, 1500, 0);
	commit_says("");
	assert_true(port_has(2, 254, ll) && !port_has(1, 254, ll));
	held_fini(&held);
	intake_replay(in);
	assert_true(port_has(2, 254, ll) && !port_has(1, 254, ll));
}

/* A next hop that nothing uses between two commits, an engine lost meanwhile. */
static void replay_is_everything(void **state)
{
	via(3, IP(10, 1, 0, 8));
	route_is(RTM_NEWROUTE, 254, IP(20, 0, 0, 0), 8, RTN_UNICAST); /* in front of the other */
	intake_commit(in);
	via(2, IP(10, 0, 0, 9));
	route_is(RTM_DELROUTE, 254, IP(20, 0, 0, 0), 8, RTN_UNICAST);
	held_fini(&held);
	intake_replay(in);
	assert_int_equal(held_lookup(&held, 254, 4, IP(20, 0, 0, 1))->mac[5], 8);
	via(2, IP(10, 0, 0, 9));
	route_is(RTM_NEWROUTE, 254, IP(21, 0, 0, 0), 8, RTN_UNICAST);
	intake_commit(in);
	assert_int_equal(held_lookup(&held, 254, 4, IP(21, 0, 0, 1))->mac[5], 9);
}

static void object_is(uint32_t id, const uint8_t gw[4])
{
	struct nhmsg m = { .nh_family = AF_INET };

	attr32(NHA_ID, id);
	if (gw) {
		attr32(NHA_OIF, 2);
		attr(NHA_GATEWAY, gw, 4);
	} else {
		attr(NHA_BLACKHOLE, NULL, 0);
	}
	say(RTM_NEWNEXTHOP, NLM_F_REPLACE, &m, sizeof(m));
}

/* An object changes, and the kernel tells the second of two equal routes again. */
static void a_changed_object_replaces_no_other_route(void **state)
{
	object_is(5, NULL);
	via(3, IP(10, 1, 0, 8));
	route_is(RTM_NEWROUTE, 254, IP(21, 0, 0, 0), 8, RTN_UNICAST);
	attr32(RTA_NH_ID, 5);
	say_route(RTM_NEWROUTE, NLM_F_APPEND, IP(21, 0, 0, 0), RTN_BLACKHOLE);
	object_is(5, IP(10, 0, 0, 9));
	commit_says("");
	attr32(RTA_NH_ID, 5);
	say_route(RTM_NEWROUTE, NLM_F_REPLACE, IP(21, 0, 0, 0), RTN_UNICAST);
	commit_says("");
	assert_int_equal(goes_to(0, IP(21, 0, 0, 1)), 8);
	via(3, IP(10, 1, 0, 8));
	route_is(RTM_DELROUTE, 254, IP(21, 0, 0, 0), 8, RTN_UNICAST);
	commit_says("");
	assert_int_equal(goes_to(0, IP(21, 0, 0, 1)), 9);
	attr32(RTA_NH_ID, 5);
	say_route(RTM_DELROUTE, 0, IP(21, 0, 0, 0), RTN_BLACKHOLE);
	commit_says("");
	assert_int_equal(goes_to(0, IP(21, 0, 0, 1)), 0);
}

/* A change overtook a part of the dump, which is told anew without what is gone. */
static void what_a_redone_dump_does_not_repeat(void **state)
{
	for (unsigned i = 0; i < 2; i++) {
		intake_dump_begin(in);
		link_is(2, 2, 1500, 0);
		link_is(3, 3, 1500, 0);
		via(2, IP(10, 0, 0, 9));
		route_is(RTM_DELROUTE, 254, IP(20, 0, 0, 0), 8, RTN_UNICAST);
		via(2, IP(10, 0, 0, 9));
		route_is(RTM_NEWROUTE, 254, IP(20, 0, 0, 0), 8, RTN_UNICAST);
		if (i == 1)
			intake_dump_again(in, RTM_GETROUTE, AF_INET);
		intake_dump_again(in, RTM_GETROUTE, AF_INET6);
		neigh_is(2, IP(10, 0, 0, 9), 9);
		intake_dump_end(in);
		assert_int_equal(goes_to(1, IP(20, 0, 0, 1)), i ? 0 : 9);
	}
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(vrf_is_a_fib_of_its_own),	  TEST(master_that_is_no_vrf),
		TEST(policy_rules_punt_their_family), TEST(forwarding_follows_netconf),
		TEST(what_else_forwards),	  TEST(too_many_routes),
		TEST(too_many_neighbours),	  TEST(mac_and_mtu_are_the_ports),
		TEST(what_a_route_may_carry),
		TEST(ipv6_siblings),		  TEST(replay_is_everything),
		TEST(ipv6_replaces_its_like),
		TEST(what_is_local),		  TEST(link_local_addresses_are_a_ports),
		TEST(what_a_redone_dump_does_not_repeat),
		TEST(a_changed_object_replaces_no_other_route),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
