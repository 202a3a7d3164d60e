/* SPDX-License-Identifier: Apache-2.0 */
/*
 * IPv6 routes with several next hops: to the kernel these are as many routes, siblings, as fib6_add_rt2node()
 * (net/ipv6/ip6_fib.c) has them, and so they are here. It tells them together, as one route.
 *
 * Of one metric there is one by a next hop: its weight and options do not make it another one
 * (rt6_duplicate_nexthop). The weight is not told of one that is alone; all are told anew, with their
 * weights, when another comes beside it. Each has options of its own (MTU, expiry, preference), but of
 * those that are told together only the first one's are (rt6_fill_node).
 */
#include "vrouter/intake_priv.h"

#include <linux/netlink.h>

struct alias **sibling_find(struct node *n, unsigned rank, const struct info_key *k, const struct path *p)
{
	for (struct alias **at = &n->routes; *at; at = &(*at)->next) {
		if (alias_same_key(*at, rank, k) && info_sibling6((*at)->info) && path_same((*at)->info->paths, p))
			return at;
	}
	return NULL;
}

/*
 * Replaced is the first of the metric that can have siblings just as the new one can, else the first; with
 * it go its siblings, and others stay. Returns where it was; NULL: there is none.
 */
static struct alias **replace(struct intake *in, struct node *n, unsigned rank, const struct info *by)
{
	struct alias **found = NULL;
	bool siblings;

	for (struct alias **at = &n->routes; *at; at = &(*at)->next) {
		bool same = alias_same_key(*at, rank, &by->key);

		if (same && (!found || info_sibling6((*at)->info) == info_sibling6(by)))
			found = at;
		if (found == at && info_sibling6((*at)->info) == info_sibling6(by))
			break;
	}
	if (!found)
		return NULL;
	siblings = info_sibling6((*found)->info);
	alias_free(in, n, found);
	for (struct alias **at = found; siblings && *at;) {
		if (alias_same_key(*at, rank, &by->key) && info_sibling6((*at)->info))
			alias_free(in, n, at);
		else
			at = &(*at)->next;
	}
	return found;
}

/* One of those that r tells; the first one's options are r's, the others keep what is known of them. */
static struct info *told(struct intake *in, struct node *n, unsigned rank, const struct route *r, unsigned i,
			 bool keep)
{
	struct info_key k = r->key;
	struct alias **at;

	k.path_count = k.path_count ? 1 : 0;
	at = keep && i ? sibling_find(n, rank, &k, &r->paths[i]) : NULL;
	return info_get(in, at ? &(*at)->info->key : &k, &r->paths[i]);
}

static void add(struct intake *in, struct node *n, unsigned rank, struct info *info, uint16_t nlflags)
{
	struct alias **at = info_sibling6(info) ? sibling_find(n, rank, &info->key, info->paths) : NULL;

	if (at && (*at)->info != info)
		alias_again(in, n, *at, info);
	else
		node_add(in, n, rank, info, nlflags);
}

void node_add6(struct intake *in, struct node *n, unsigned rank, struct route *r, uint16_t nlflags)
{
	bool replaces = nlflags & NLM_F_REPLACE && !alias_by_object(n, rank, &r->key); /* else told again */
	struct alias **at;
	struct info *info;

	for (unsigned i = 0; i < (r->key.path_count ? r->key.path_count : 1); i++) {
		info = told(in, n, rank, r, i, !(nlflags & NLM_F_MULTI));
		at = info && replaces ? replace(in, n, rank, info) : NULL;
		if (replaces)
			nlflags &= (uint16_t)~NLM_F_REPLACE;
		replaces = false; /* the others come beside the first */
		if (at)
			alias_insert(in, n, at, rank, info);
		else if (info)
			add(in, n, rank, info, nlflags);
		else
			in->routes_full[1] = true;
	}
}
