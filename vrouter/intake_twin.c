/* SPDX-License-Identifier: Apache-2.0 */
/* What an intake has, told so that it can be compared with another's. */
#include "vrouter/intake_priv.h"

#include <string.h>

static void table_ignored(void *arg, uint32_t table)
{
}

static void nh_ignored(void *arg, const struct intake_nh *nh)
{
}

static void id_ignored(void *arg, uint32_t id)
{
}

static void set_ignored(void *arg, uint32_t table, const struct intake_prefix *p, uint32_t nh)
{
}

static void del_ignored(void *arg, uint32_t table, const struct intake_prefix *p)
{
}

static void port_ignored(void *arg, unsigned port, uint32_t table, bool up, bool fwd4, bool fwd6)
{
}

static void node_ignored(void *arg, bool punt_ip4, bool punt_ip6)
{
}

static void ignored(void *arg)
{
}

int intake_twin(const struct intake *in, struct intake **out)
{
	static const struct intake_sink sink = {
		.fib_set = table_ignored, .fib_del = table_ignored, .nh_set = nh_ignored,
		.nh_del = id_ignored, .route_set = set_ignored, .route_del = del_ignored,
		.port_set = port_ignored, .node_set = node_ignored, .sync_begin = ignored,
		.sync_end = ignored, .flush = ignored,
	};
	const struct intake_conf conf = { .port_count = in->port_count, .ports = in->ports,
					  .max_routes = in->max_routes, .sink = &sink };

	return intake_create(&conf, out);
}

/*
 * IPv6 dumps go on behind the last sibling of a route when they have told it with them: another of its
 * metric that is none, but came between them, is not told (net/ipv6/ip6_fib.c, fib6_dump_node).
 */
static bool dumps_skip(const struct node *n, const struct alias *a)
{
	bool before = false, after = false, behind = false;

	if (!(n->flags & NODE_V6) || info_sibling6(a->info))
		return false;
	for (const struct alias *o = n->routes; o; o = o->next) {
		behind |= o == a;
		if (!info_sibling6(o->info) || !alias_same_key(o, a->rank, &a->info->key))
			continue;
		before |= !behind;
		after |= behind;
	}
	return before && after;
}

/*
 * As a dump tells it (intake_route6.c): of siblings, the options of the first alone; of one that is
 * alone, not its weight. others: they have other options than the first.
 */
static uint64_t info_told(const struct node *n, const struct alias *a, bool *others)
{
	const struct info *first = NULL;
	unsigned siblings = 0;
	struct path p;

	if (!(n->flags & NODE_V6) || !info_sibling6(a->info))
		return a->info->hash;
	for (const struct alias *o = n->routes; o; o = o->next) {
		if (!info_sibling6(o->info) || !alias_same_key(o, a->rank, &a->info->key))
			continue;
		first = first ? first : o->info;
		siblings++;
	}
	*others |= memcmp(&first->key, &a->info->key, sizeof(first->key)) != 0;
	p = a->info->paths[0];
	p.weight = siblings > 1 ? p.weight : 1;
	return info_hash(&first->key, &p);
}

static void tell(const struct table *t, const struct node *n,
		 void (*cb)(void *arg, const struct intake_entry *e), void *arg)
{
	/* Also for a shorter route that decides, so that a neighbour is not forwarded to. */
	struct intake_entry e = { .table = t->id, .unsure = n->why == WHY_DEAD || n->why == WHY_LOST };
	struct nh_whole nh;

	for (const struct alias *a = n->routes; a; a = a->next) {
		const uint64_t route[] = { info_told(n, a, &e.unsure), a->rank };

		if (!dumps_skip(n, a))
			e.routes += hash_bytes(route, sizeof(route));
		e.unsure |= a->lost || dumps_skip(n, a);
	}
	if (!n->routes && !n->nh && !e.unsure)
		return;
	if (n->nh) {
		nh_view_whole(n->nh, &nh);
		e.nh = &nh.nh;
	}
	node_prefix(n, n->nh, &e.prefix);
	cb(arg, &e);
}

void intake_each_entry(const struct intake *in,
		       void (*cb)(void *arg, const struct intake_entry *e), void *arg)
{
	for (unsigned i = 0; i < 2 * TABLES_MAX; i++) {
		const struct table *t = in->tables[i / 2];

		for (struct node *n = t ? t->root[i % 2] : NULL; n; n = trie_next(n, NULL))
			tell(t, n, cb, arg);
	}
}

bool intake_is_full(const struct intake *in, bool v6)
{
	return in->routes_full[v6];
}
