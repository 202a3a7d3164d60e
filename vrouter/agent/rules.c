/* SPDX-License-Identifier: Apache-2.0 */
/* The AGENT_FORWARD_* flags, each from a dump. */
#include "vrouter/agent/agent_priv.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <linux/xfrm.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { CHAINS_MAX = 256, NAME = 64, LOOPBACK = 1 };

struct chain {
	uint8_t family;
	char table[NAME], name[NAME];
};

struct chains {
	struct chain chain[CHAINS_MAX]; /* on the forward path */
	unsigned count;
	uint32_t flags;
};

/* Both families unless the table is of one. */
static uint32_t family_flags(uint8_t family)
{
	if (family == NFPROTO_IPV4)
		return AGENT_FORWARD_NFT_IP4;
	if (family == NFPROTO_IPV6)
		return AGENT_FORWARD_NFT_IP6;
	if (family == NFPROTO_INET || family == NFPROTO_NETDEV)
		return AGENT_FORWARD_NFT_IP4 | AGENT_FORWARD_NFT_IP6;
	return 0;
}

static bool on_path(uint8_t family, uint32_t hook)
{
	return family == NFPROTO_NETDEV || hook == NF_INET_PRE_ROUTING || hook == NF_INET_FORWARD ||
	       hook == NF_INET_POST_ROUTING || hook == NF_INET_INGRESS;
}

static uint32_t be32_of(const struct nlattr *a)
{
	uint32_t v = 0;

	if (nl_len(a) == sizeof(v))
		memcpy(&v, nl_data(a), sizeof(v));
	return ntohl(v);
}

static void text_of(const struct nlattr *a, char *to)
{
	snprintf(to, NAME, "%.*s", (int)nl_len(a), a ? (const char *)nl_data(a) : "");
}

/* The attributes behind a fixed header of size hdr. */
static const void *attrs_of(const struct nlmsghdr *nlh, size_t hdr, size_t *len)
{
	size_t skip = NLMSG_HDRLEN + NLMSG_ALIGN(hdr);

	*len = nlh->nlmsg_len > skip ? nlh->nlmsg_len - skip : 0;
	return (const uint8_t *)nlh + skip;
}

static void see_chain(const struct nlmsghdr *nlh, void *arg)
{
	const struct nfgenmsg *g = NLMSG_DATA(nlh);
	struct chains *all = arg;
	const struct nlattr *hook, *policy;
	size_t len;
	const void *attrs = attrs_of(nlh, sizeof(*g), &len);
	struct chain *c = &all->chain[all->count];

	hook = nl_find(attrs, len, NFTA_CHAIN_HOOK);
	if (!hook || !family_flags(g->nfgen_family) ||
	    !on_path(g->nfgen_family, be32_of(nl_find(nl_data(hook), nl_len(hook), NFTA_HOOK_HOOKNUM))))
		return;
	policy = nl_find(attrs, len, NFTA_CHAIN_POLICY);
	if ((policy && be32_of(policy) == NF_DROP) || all->count == CHAINS_MAX) {
		all->flags |= family_flags(g->nfgen_family);
		return;
	}
	c->family = g->nfgen_family;
	text_of(nl_find(attrs, len, NFTA_CHAIN_TABLE), c->table);
	text_of(nl_find(attrs, len, NFTA_CHAIN_NAME), c->name);
	all->count++;
}

static void see_rule(const struct nlmsghdr *nlh, void *arg)
{
	const struct nfgenmsg *g = NLMSG_DATA(nlh);
	struct chains *all = arg;
	size_t len;
	const void *attrs = attrs_of(nlh, sizeof(*g), &len);
	char table[NAME], chain[NAME];

	text_of(nl_find(attrs, len, NFTA_RULE_TABLE), table);
	text_of(nl_find(attrs, len, NFTA_RULE_CHAIN), chain);
	for (unsigned i = 0; i < all->count; i++) {
		const struct chain *c = &all->chain[i];

		if (c->family == g->nfgen_family && !strcmp(c->table, table) && !strcmp(c->name, chain))
			all->flags |= family_flags(c->family);
	}
}

/* The old iptables' tables are made by their first use. */
static uint32_t legacy(void)
{
	static const struct {
		const char *path;
		uint32_t flag;
	} lists[] = { { "/proc/net/ip_tables_names", AGENT_FORWARD_NFT_IP4 },
		      { "/proc/net/ip6_tables_names", AGENT_FORWARD_NFT_IP6 } };
	uint32_t flags = 0;

	for (unsigned i = 0; i < 2; i++) {
		int fd = open(lists[i].path, O_RDONLY | O_CLOEXEC);
		char byte;

		if (fd < 0)
			continue;
		if (read(fd, &byte, 1) == 1)
			flags |= lists[i].flag;
		close(fd);
	}
	return flags;
}

uint32_t forward_nft(void)
{
	static struct chains all;
	const struct nfgenmsg g = { .nfgen_family = NFPROTO_UNSPEC, .version = NFNETLINK_V0 };
	const uint16_t subsys = NFNL_SUBSYS_NFTABLES << 8;

	memset(&all, 0, sizeof(all));
	if (access("/sys/module/nf_tables", F_OK) == 0) {
		nl_dump(NETLINK_NETFILTER, subsys | NFT_MSG_GETCHAIN, &g, sizeof(g), see_chain, &all);
		if (all.count)
			nl_dump(NETLINK_NETFILTER, subsys | NFT_MSG_GETRULE, &g, sizeof(g), see_rule, &all);
	}
	return all.flags | legacy();
}

static void see_policy(const struct nlmsghdr *nlh, void *arg)
{
	const struct xfrm_userpolicy_info *info = NLMSG_DATA(nlh);
	uint32_t *flags = arg;

	/* Beyond forward are the policies of single sockets, which forward nothing. */
	if (nlh->nlmsg_len >= NLMSG_LENGTH(sizeof(*info)) && info->dir <= XFRM_POLICY_FWD)
		*flags |= AGENT_FORWARD_XFRM;
}

uint32_t forward_xfrm(void)
{
	uint32_t flags = 0;

	if (access("/sys/module/xfrm_user", F_OK) == 0)
		nl_dump(NETLINK_XFRM, XFRM_MSG_GETPOLICY, "", 0, see_policy, &flags);
	return flags;
}

static void see_qdisc(const struct nlmsghdr *nlh, void *arg)
{
	const struct tcmsg *t = NLMSG_DATA(nlh);
	uint32_t *flags = arg;

	/* The kernel's default qdiscs have no handle; filters hang on one that has. */
	if (nlh->nlmsg_len >= NLMSG_LENGTH(sizeof(*t)) && t->tcm_handle && t->tcm_ifindex != LOOPBACK)
		*flags |= AGENT_FORWARD_TC;
}

uint32_t forward_tc(void)
{
	const struct tcmsg t = { .tcm_family = AF_UNSPEC };
	uint32_t flags = 0;

	nl_dump(NETLINK_ROUTE, RTM_GETQDISC, &t, sizeof(t), see_qdisc, &flags);
	return flags;
}
