/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What in the guest's forward path routes do not show. Modules that are not loaded hold no
 * rules, and asking would load them: the kernel's own events tell when they appear.
 */
#include "vrouter/agent/agent_priv.h"

#include <errno.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <linux/xfrm.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#ifndef SOL_NETLINK
#define SOL_NETLINK 270
#endif

static struct source modules = { .fd = -1 }, tc = { .fd = -1 }, nft = { .fd = -1 },
		     xfrm = { .fd = -1 };
static uint32_t announced;

static uint32_t flags_now(void)
{
	return forward_nft() | forward_xfrm() | forward_tc();
}

static void announce(uint32_t flags)
{
	struct agent_forward f = { .flags = flags };

	announced = flags;
	port_send(AGENT_FORWARD, 0, &f, sizeof(f));
}

void forward_announce(void)
{
	announce(flags_now());
}

/* What changed matters less than that something did: look again, once for all that came. */
static void changed(struct source *s, uint32_t events)
{
	static uint8_t part[32768];
	uint32_t flags;

	while (recv(s->fd, part, sizeof(part), MSG_DONTWAIT) >= 0 || errno == ENOBUFS)
		;
	flags = flags_now();
	if (flags != announced)
		announce(flags);
}

static void subscribe(struct source *s, int protocol, int group, const char *module)
{
	int fd;

	if (s->fd >= 0 || (module && access(module, F_OK) < 0))
		return;
	fd = nl_open(protocol);
	if (fd < 0)
		return;
	setsockopt(fd, SOL_NETLINK, NETLINK_ADD_MEMBERSHIP, &group, sizeof(group));
	source_open(s, fd, EPOLLIN, true, changed);
}

static void subscribe_modules(void)
{
	subscribe(&nft, NETLINK_NETFILTER, NFNLGRP_NFTABLES, "/sys/module/nf_tables");
	subscribe(&xfrm, NETLINK_XFRM, XFRMNLGRP_POLICY, "/sys/module/xfrm_user");
}

static void module_event(struct source *s, uint32_t events)
{
	subscribe_modules();
	changed(s, events);
}

void forward_start(void)
{
	int fd, group = 1;

	if (modules.fd < 0) {
		fd = nl_open(NETLINK_KOBJECT_UEVENT);
		if (fd >= 0) {
			setsockopt(fd, SOL_NETLINK, NETLINK_ADD_MEMBERSHIP, &group, sizeof(group));
			source_open(&modules, fd, EPOLLIN, true, module_event);
		}
	}
	subscribe(&tc, NETLINK_ROUTE, RTNLGRP_TC, NULL);
	subscribe_modules();
}

void forward_stop(void)
{
	source_close(&modules);
	source_close(&tc);
	source_close(&nft);
	source_close(&xfrm);
}
