/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/vrouter/kernel_nl.h"

#include <errno.h>
#include <libmnl/libmnl.h>
#include <linux/fib_rules.h>
#include <linux/neighbour.h>
#include <linux/netconf.h>
#include <linux/nexthop.h>
#include <linux/rtnetlink.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static const struct {
	uint16_t type;
	uint8_t family, body;
} steps[] = {
	{ RTM_GETLINK, AF_UNSPEC, sizeof(struct ifinfomsg) },
	{ RTM_GETNETCONF, AF_INET, sizeof(struct netconfmsg) },
	{ RTM_GETNETCONF, AF_INET6, sizeof(struct netconfmsg) },
	{ RTM_GETRULE, AF_INET, sizeof(struct fib_rule_hdr) },
	{ RTM_GETRULE, AF_INET6, sizeof(struct fib_rule_hdr) },
	{ RTM_GETNEXTHOP, AF_UNSPEC, sizeof(struct nhmsg) },
	{ RTM_GETADDR, AF_INET, sizeof(struct ifaddrmsg) },
	{ RTM_GETADDR, AF_INET6, sizeof(struct ifaddrmsg) },
	{ RTM_GETROUTE, AF_INET, sizeof(struct rtmsg) },
	{ RTM_GETROUTE, AF_INET6, sizeof(struct rtmsg) },
	{ RTM_GETNEIGH, AF_INET, sizeof(struct ndmsg) },
	{ RTM_GETNEIGH, AF_INET6, sizeof(struct ndmsg) },
};

static uint32_t seq = 0x77000000; /* far from what `ip` uses: changes carry its numbers */

static void must(bool ok, const char *what)
{
	if (ok)
		return;
	perror(what);
	abort();
}

int kernel_watch(void)
{
	static const int groups[] = {
		RTNLGRP_LINK,	      RTNLGRP_NEIGH,	    RTNLGRP_IPV4_IFADDR,
		RTNLGRP_IPV6_IFADDR,  RTNLGRP_IPV4_ROUTE,   RTNLGRP_IPV6_ROUTE,
		RTNLGRP_IPV4_RULE,    RTNLGRP_IPV6_RULE,    RTNLGRP_IPV4_NETCONF,
		RTNLGRP_IPV6_NETCONF, RTNLGRP_NEXTHOP,
	};
	int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE), size = 32 << 20;

	must(fd >= 0, "netlink socket");
	setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof(size));
	for (unsigned i = 0; i < sizeof(groups) / sizeof(groups[0]); i++)
		must(!setsockopt(fd, SOL_NETLINK, NETLINK_ADD_MEMBERSHIP, &groups[i], sizeof(int)),
		     "netlink group");
	return fd;
}

static struct nlmsghdr *begin(void *buf, uint16_t type, uint16_t flags)
{
	struct nlmsghdr *h = mnl_nlmsg_put_header(buf);

	h->nlmsg_type = type;
	h->nlmsg_flags = NLM_F_REQUEST | flags;
	h->nlmsg_seq = ++seq;
	return h;
}

static void say(int fd, const struct nlmsghdr *h)
{
	must(send(fd, h, h->nlmsg_len, 0) == (ssize_t)h->nlmsg_len, "netlink send");
}

/* Reads up to the end of the dump of the last request; all else on the way goes to `each`. */
static void until_done(int fd, void (*each)(void *arg, const struct nlmsghdr *h), void *arg)
{
	static uint8_t buf[65536] __attribute__((aligned(8)));

	for (;;) {
		ssize_t n = recv(fd, buf, sizeof(buf), 0);
		struct nlmsghdr *h = (struct nlmsghdr *)buf;
		bool done = false;
		int left = (int)n;

		must(n > 0, "netlink recv");
		for (; mnl_nlmsg_ok(h, left); h = mnl_nlmsg_next(h, &left)) {
			if (h->nlmsg_type < NLMSG_MIN_TYPE)
				done |= h->nlmsg_seq == seq;
			else
				each(arg, h);
		}
		if (done)
			return;
	}
}

/* The kernel builds a part of a dump and queues it, without a lock: a change may get between, and
 * the part say what was before it. So a kind of which changes came is dumped again. */
static uint16_t asked;
static bool again;

static void feed(void *arg, const struct nlmsghdr *h)
{
	unsigned kind = h->nlmsg_type / 4;

	again |= h->nlmsg_seq != seq &&
		 (kind == asked / 4 ||
		  (asked == RTM_GETROUTE && /* these take routes in silence */
		   (kind == RTM_GETLINK / 4 || kind == RTM_GETADDR / 4 ||
		    kind == RTM_GETNEXTHOP / 4)));
	intake_netlink(arg, h, h->nlmsg_len);
}

static void feed_changes(void *arg, const struct nlmsghdr *h)
{
	if (h->nlmsg_seq != seq)
		feed(arg, h);
}

static void dump_step(int fd, struct intake *in, unsigned step,
		      void (*each)(void *arg, const struct nlmsghdr *h))
{
	uint8_t buf[128] __attribute__((aligned(8)));
	struct nlmsghdr *h = begin(buf, steps[step].type, NLM_F_DUMP);

	*(uint8_t *)mnl_nlmsg_put_extra_header(h, steps[step].body) = steps[step].family;
	say(fd, h);
	until_done(fd, each, in);
}

void kernel_drain(int fd, struct intake *in)
{
	dump_step(fd, in, 3, feed_changes); /* the barrier: its end comes behind what was queued */
}

void kernel_dump(int fd, struct intake *in)
{
	for (unsigned i = 0; i < sizeof(steps) / sizeof(steps[0]);) {
		again = false;
		asked = steps[i].type;
		dump_step(fd, in, i, feed);
		if (again)
			intake_dump_again(in, steps[i].type, steps[i].family);
		else
			i++;
	}
}

void kernel_ask(int fd, unsigned family, uint32_t iif, const uint8_t *src, const uint8_t *dst,
		struct kernel_answer *out)
{
	static uint8_t buf[8192] __attribute__((aligned(8)));
	struct nlmsghdr *h = begin(buf, RTM_GETROUTE, 0);
	struct rtmsg *m = mnl_nlmsg_put_extra_header(h, sizeof(*m));
	const struct nlattr *a;
	unsigned bytes = family == 6 ? 16 : 4;
	ssize_t n;

	m->rtm_family = family == 6 ? AF_INET6 : AF_INET;
	m->rtm_dst_len = m->rtm_src_len = (uint8_t)(bytes * 8);
	mnl_attr_put(h, RTA_DST, bytes, dst);
	mnl_attr_put(h, RTA_SRC, bytes, src);
	mnl_attr_put_u32(h, RTA_IIF, iif);
	say(fd, h);
	*out = (struct kernel_answer){ 0 };
	n = recv(fd, buf, sizeof(buf), 0);
	h = (struct nlmsghdr *)buf;
	must(n >= (ssize_t)sizeof(*h) && h->nlmsg_seq == seq, "answer to RTM_GETROUTE");
	if (h->nlmsg_type == NLMSG_ERROR) {
		out->error = -((struct nlmsgerr *)mnl_nlmsg_get_payload(h))->error;
		return;
	}
	m = mnl_nlmsg_get_payload(h);
	out->type = m->rtm_type;
	mnl_attr_for_each(a, h, sizeof(*m)) {
		const struct rtvia *via = mnl_attr_get_payload(a);

		if (mnl_attr_get_type(a) == RTA_OIF)
			out->oif = mnl_attr_get_u32(a);
		if (mnl_attr_get_type(a) == RTA_GATEWAY) {
			out->gw_family = (uint8_t)family;
			memcpy(out->gw, mnl_attr_get_payload(a), bytes);
		}
		if (mnl_attr_get_type(a) == RTA_VIA) {
			out->gw_family = via->rtvia_family == AF_INET6 ? 6 : 4;
			memcpy(out->gw, via->rtvia_addr, out->gw_family == 6 ? 16 : 4);
		}
	}
}

static struct {
	uint32_t ifindex;
	uint8_t family, addr[16], mac[6];
} neighs[4096];
static unsigned neigh_count;

static void see_neigh(void *arg, const struct nlmsghdr *h)
{
	const struct ndmsg *m = mnl_nlmsg_get_payload(h);
	const struct nlattr *a, *dst = NULL, *mac = NULL;

	mnl_attr_for_each(a, h, sizeof(*m)) {
		if (mnl_attr_get_type(a) == NDA_DST)
			dst = a;
		if (mnl_attr_get_type(a) == NDA_LLADDR)
			mac = a;
	}
	if (!dst || !mac || mnl_attr_get_payload_len(mac) != 6 || neigh_count == 4096 ||
	    m->ndm_state & (NUD_INCOMPLETE | NUD_FAILED) || m->ndm_flags & NTF_PROXY)
		return;
	memset(&neighs[neigh_count], 0, sizeof(neighs[0]));
	neighs[neigh_count].ifindex = (uint32_t)m->ndm_ifindex;
	neighs[neigh_count].family = m->ndm_family == AF_INET6 ? 6 : 4;
	memcpy(neighs[neigh_count].addr, mnl_attr_get_payload(dst), mnl_attr_get_payload_len(dst));
	memcpy(neighs[neigh_count++].mac, mnl_attr_get_payload(mac), 6);
}

void kernel_neighs(int fd)
{
	neigh_count = 0;
	for (unsigned v6 = 0; v6 < 2; v6++) {
		uint8_t buf[128] __attribute__((aligned(8)));
		struct nlmsghdr *h = begin(buf, RTM_GETNEIGH, NLM_F_DUMP);
		struct ndmsg *m = mnl_nlmsg_put_extra_header(h, sizeof(*m));

		m->ndm_family = v6 ? AF_INET6 : AF_INET;
		say(fd, h);
		until_done(fd, see_neigh, NULL);
	}
}

bool kernel_mac(uint32_t ifindex, unsigned family, const uint8_t *addr, uint8_t mac[6])
{
	for (unsigned i = 0; i < neigh_count; i++) {
		if (neighs[i].ifindex != ifindex || neighs[i].family != family ||
		    memcmp(neighs[i].addr, addr, family == 6 ? 16 : 4) != 0)
			continue;
		memcpy(mac, neighs[i].mac, 6);
		return true;
	}
	return false;
}
