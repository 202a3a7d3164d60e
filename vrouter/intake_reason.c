/* SPDX-License-Identifier: Apache-2.0 */
/* The sentences: what is punted that could have been forwarded, and why. */
#include "vrouter/agent/proto.h"
#include "vrouter/intake_priv.h"

#include <arpa/inet.h>
#include <stdio.h>

struct gather {
	unsigned n;
	struct {
		enum why why;
		uint32_t arg;
		unsigned count;
		struct intake_prefix first;
	} of[REASONS_MAX];
};

static void gather_add(struct gather *g, enum why why, uint32_t arg, const struct node *n)
{
	unsigned i = 0;

	while (i < g->n && (g->of[i].why != why || g->of[i].arg != arg))
		i++;
	if (i == REASONS_MAX)
		return;
	if (i == g->n) {
		g->n++;
		g->of[i].why = why;
		g->of[i].arg = arg;
		g->of[i].count = 0;
		node_prefix(n, NULL, &g->of[i].first);
	}
	g->of[i].count++;
}

static void why_text(const struct intake *in, enum why why, uint32_t arg, char *to, size_t size)
{
	static const char *const fixed[] = {
		[WHY_ENCAP] = "encapsulated (MPLS, SRv6, tunnel)",
		[WHY_PATHS] = "more than 64 next hops, weights expanded",
		[WHY_EXPIRES] = "expires by itself",
		[WHY_TOS] = "differs by TOS",
		[WHY_SOURCE] = "differs by source address",
		[WHY_SIBLINGS] = "several IPv6 routes of one metric",
		[WHY_LOST] = "the kernel may have flushed it with a link",
		[WHY_SHADOWED] = "inside a prefix of table local",
	};
	const struct link *l = link_find(in, arg);
	const char *name = l && l->name[0] ? l->name : "an unknown interface";

	if (why == WHY_NOT_PORT)
		snprintf(to, size, "via %s, which is not a port", name);
	else if (why == WHY_GUESTS)
		snprintf(to, size, "via %s, which the guest handles itself", name);
	else if (why == WHY_DEAD)
		snprintf(to, size, "%s lost its last address, one of several next hops may be dead",
			 name);
	else if (why == WHY_PORT_MTU)
		snprintf(to, size, "the guest's mtu of %s is %u, not the port's", name, l ? l->mtu : 0);
	else if (why == WHY_MTU)
		snprintf(to, size, "route mtu %u is below the port's", arg);
	else if (why == WHY_OBJECT)
		snprintf(to, size, "next-hop object %u is not known or not plain", arg);
	else if (why == WHY_TYPE)
		snprintf(to, size, arg == 9 ? "throw" : "route type %u", arg);
	else
		snprintf(to, size, "%s", fixed[why]);
}

static void each_port(const struct intake *in, void (*cb)(void *, const char *), void *arg,
		      unsigned *left)
{
	char text[160];

	for (unsigned i = 0; i < in->port_count && *left; i++) {
		const struct link *l = link_find(in, in->port_states[i].ifindex);
		const struct conf *own = l ? conf_find(in, 4, l->ifindex) : NULL;
		const struct conf *all = conf_find(in, 4, ~0u);

		if (!l)
			continue;
		if (!l->table)
			snprintf(text, sizeof(text), "all received on %s: %s", in->ports[i].name,
				 in->fpm ? "no connected route over it was told" :
				 l->master ? "its master is no VRF" : "its MAC was changed");
		else if ((own && own->rp_filter > 0) || (all && all->rp_filter > 0))
			snprintf(text, sizeof(text), "all IPv4 received on %s: rp_filter is on",
				 in->ports[i].name);
		else
			continue;
		cb(arg, text);
		--*left;
	}
}

static void each_node(const struct intake *in, void (*cb)(void *, const char *), void *arg,
		      unsigned *left)
{
	char text[512], why[256], full[64];

	snprintf(full, sizeof(full), "more than %u routes (fib-routes)", in->max_routes);
	for (unsigned v6 = 0; v6 < 2; v6++) {
		const char *rule = rules_in_the_way(in, v6, why, sizeof(why));
		uint32_t mine = v6 ? AGENT_FORWARD_NFT_IP6 : AGENT_FORWARD_NFT_IP4;
		const char *said[] = {
			rule,
			in->wrong[0] ? in->wrong : NULL,
			in->routes_full[v6] ? full : NULL,
			in->forward & mine ? "nftables rules in the forward path" : NULL,
			in->forward & AGENT_FORWARD_XFRM ? "IPsec policies" : NULL,
			in->forward & AGENT_FORWARD_TC ? "traffic control on a NIC" : NULL,
		};

		for (unsigned i = 0; i < sizeof(said) / sizeof(said[0]) && *left; i++) {
			if (!said[i])
				continue;
			snprintf(text, sizeof(text), "all IPv%c: %s", v6 ? '6' : '4', said[i]);
			cb(arg, text);
			--*left;
		}
	}
}

static void gather_all(const struct intake *in, struct gather *g)
{
	for (unsigned i = 0; i < 2 * TABLES_MAX; i++) {
		const struct table *t = in->tables[i / 2];

		for (struct node *n = t ? t->root[i % 2] : NULL; n; n = trie_next(n, NULL)) {
			struct pick p;

			if (n->why == WHY_NONE)
				continue;
			node_pick(in, n, &p);
			gather_add(g, n->why, p.first ? p.first->info->arg : 0, n);
		}
	}
}

void intake_each_reason(const struct intake *in, void (*cb)(void *arg, const char *text), void *arg)
{
	struct gather g = { 0 };
	unsigned left = REASONS_MAX;

	each_node(in, cb, arg, &left);
	each_port(in, cb, arg, &left);
	gather_all(in, &g);
	for (unsigned i = 0; i < g.n && left; i++, left--) {
		char text[512], why[256], ip[INET6_ADDRSTRLEN], more[32] = "";
		const struct intake_prefix *p = &g.of[i].first;

		inet_ntop(p->family == 6 ? AF_INET6 : AF_INET, p->addr, ip, sizeof(ip));
		why_text(in, g.of[i].why, g.of[i].arg, why, sizeof(why));
		if (g.of[i].count > 1)
			snprintf(more, sizeof(more), " and %u more", g.of[i].count - 1);
		snprintf(text, sizeof(text), "%s/%u%s: %s", ip, p->len, more, why);
		cb(arg, text);
	}
}
