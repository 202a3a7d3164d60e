/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The guest's rtnetlink state: a dump, then changes. Dump and changes come by one socket, whose
 * queue keeps them in the order in which the kernel queued them. It builds a part of a dump before
 * it queues it, though, without a lock in newer kernels, so that a change may overtake what was
 * before it: a kind of which changes came meanwhile is dumped again.
 */
#include "vrouter/agent/agent_priv.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/fib_rules.h>
#include <linux/netconf.h>
#include <linux/netlink.h>
#include <linux/nexthop.h>
#include <linux/rtnetlink.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#ifndef SOL_NETLINK
#define SOL_NETLINK 270
#endif

enum { RECEIVE_BUFFER = 4 << 20 };

static const struct step {
	uint16_t type;
	uint8_t family;
	uint8_t body; /* bytes of the request's fixed header, of which the family is the first */
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
enum { STEPS = sizeof(steps) / sizeof(steps[0]) };

static const int groups[] = {
	RTNLGRP_LINK,	      RTNLGRP_NEIGH,	    RTNLGRP_IPV4_IFADDR,  RTNLGRP_IPV6_IFADDR,
	RTNLGRP_IPV4_ROUTE,   RTNLGRP_IPV6_ROUTE,   RTNLGRP_IPV4_RULE,	  RTNLGRP_IPV6_RULE,
	RTNLGRP_IPV4_NETCONF, RTNLGRP_IPV6_NETCONF, RTNLGRP_NEXTHOP,
};

static struct source sock = { .fd = -1 };
static unsigned step, redone;
static uint32_t seq, portid; /* of the request under way */
static bool interrupted;
static bool once; /* the dump is all that is wanted */

static void ask(void)
{
	uint8_t body[sizeof(struct ifinfomsg) + sizeof(struct fib_rule_hdr)] = { 0 };

	interrupted = false;
	body[0] = steps[step].family;
	/* Strict checking takes a header of one byte without its padding for one with attributes. */
	nl_request(sock.fd, steps[step].type, NLM_F_DUMP, ++seq, body, NLMSG_ALIGN(steps[step].body));
}

static void step_done(void)
{
	if (interrupted && redone < AGENT_AGAIN_MAX) {
		const struct agent_again again = { .type = steps[step].type,
						   .family = steps[step].family };

		redone++;
		port_send(AGENT_DUMP_AGAIN, 0, &again, sizeof(again));
		ask();
		return;
	}
	redone = 0;
	if (++step < STEPS) {
		ask();
		return;
	}
	forward_announce();
	port_send(AGENT_DUMP_END, 0, NULL, 0);
	if (once)
		exit(0);
}

/* Whether a change is of the kind that is being dumped, or takes routes in silence while these are:
 * types come in fours, NEW DEL GET SET. */
static bool overtakes(uint16_t type)
{
	if (step >= STEPS)
		return false;
	return type / 4 == steps[step].type / 4 ||
	       (steps[step].type == RTM_GETROUTE &&
		(type / 4 == RTM_GETLINK / 4 || type / 4 == RTM_GETADDR / 4 ||
		 type / 4 == RTM_GETNEXTHOP / 4));
}

/* The kernel's answer to routes_sync(). */
static bool is_sync(const struct nlmsghdr *nlh)
{
	const struct nlmsgerr *e = NLMSG_DATA(nlh);

	return nlh->nlmsg_type == NLMSG_ERROR && nlh->nlmsg_pid == portid &&
	       nlh->nlmsg_len >= NLMSG_LENGTH(sizeof(*e)) && e->msg.nlmsg_type == NLMSG_NOOP;
}

/* Passes on whole messages, without netlink's own. One recv() never mixes two dumps. */
static void pass(const uint8_t *part, size_t len)
{
	static uint8_t out[AGENT_FRAME_MAX];
	const struct nlmsghdr *nlh = (const struct nlmsghdr *)(const void *)part;
	size_t used = 0;
	bool done = false;

	for (int left = (int)len; NLMSG_OK(nlh, left); nlh = NLMSG_NEXT(nlh, left)) {
		/* A change carries the number of whoever made it. */
		bool ours = nlh->nlmsg_pid == portid && nlh->nlmsg_seq == seq && step < STEPS;
		size_t size = NLMSG_ALIGN(nlh->nlmsg_len);

		if (is_sync(nlh)) {
			port_send_i32(AGENT_EXIT, nlh->nlmsg_seq, 0);
			continue;
		}
		if (ours ? nlh->nlmsg_flags & NLM_F_DUMP_INTR : overtakes(nlh->nlmsg_type))
			interrupted = true;
		if (nlh->nlmsg_type < NLMSG_MIN_TYPE) {
			done |= ours && (nlh->nlmsg_type == NLMSG_DONE || nlh->nlmsg_type == NLMSG_ERROR);
			continue;
		}
		if (size > sizeof(out) - used)
			break;
		memset(out + used, 0, size);
		memcpy(out + used, nlh, nlh->nlmsg_len);
		used += size;
	}
	if (used)
		port_send(AGENT_NETLINK, 0, out, used);
	if (done)
		step_done();
}

static void routes_ready(struct source *s, uint32_t events)
{
	static uint8_t part[AGENT_FRAME_MAX] __attribute__((aligned(8)));
	ssize_t n = recv(s->fd, part, sizeof(part), MSG_DONTWAIT | MSG_TRUNC);

	if (n > 0 && (size_t)n <= sizeof(part))
		pass(part, (size_t)n);
	else if (n >= 0 || (errno != EAGAIN && errno != EINTR))
		routes_watch(); /* ENOBUFS: something was lost */
}

void routes_watch(void)
{
	struct sockaddr_nl local = { 0 };
	socklen_t local_len = sizeof(local);
	int fd, size = RECEIVE_BUFFER;

	routes_stop();
	fd = nl_open(NETLINK_ROUTE);
	if (fd < 0)
		return;
	setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof(size));
	for (unsigned i = 0; i < sizeof(groups) / sizeof(groups[0]); i++)
		setsockopt(fd, SOL_NETLINK, NETLINK_ADD_MEMBERSHIP, &groups[i], sizeof(int));
	source_open(&sock, fd, EPOLLIN, true, routes_ready);
	getsockname(fd, (struct sockaddr *)&local, &local_len);
	portid = local.nl_pid;
	step = redone = 0;
	port_send(AGENT_DUMP_BEGIN, 0, NULL, 0);
	forward_start();
	ask();
}

void routes_stop(void)
{
	source_close(&sock);
}

/* The kernel answers a request for nothing in the queue that its changes are in, behind those that it
 * has told. When the queue overflows the answer is lost with them, and the host asks again. */
void routes_sync(uint32_t id)
{
	int code = sock.fd < 0 ? -EAGAIN : nl_request(sock.fd, NLMSG_NOOP, NLM_F_ACK, id, "", 0);

	if (code)
		port_send_i32(AGENT_EXIT, id, code);
}

int routes_main(void)
{
	if (loop_init() < 0)
		return 1;
	once = true;
	port_to(STDOUT_FILENO, AGENT_DUMP_NONCE);
	routes_watch();
	if (sock.fd < 0)
		return 1;
	loop_run();
	return 0;
}
