/* SPDX-License-Identifier: Apache-2.0 */
/* From the mirror to the FIBs: what each touched prefix gets, and the difference to the sink. */
#include "vrouter/agent/proto.h"
#include "vrouter/intake_priv.h"

#include <linux/rtnetlink.h>
#include <stdlib.h>
#include <string.h>

static const struct alias *first_of(const struct node *n, unsigned rank)
{
	const struct alias *a = n->routes;

	while (a && a->rank < rank)
		a = a->next;
	return a && a->rank == rank ? a : NULL;
}

/* Among the routes of one prefix and table the lowest metric wins; for IPv6 those of one metric
 * are siblings, if they can be. An address that several links have is as local as one link's. */
static void pick_rank(const struct alias *first, struct pick *p)
{
	const struct info_key *k = &first->info->key;

	p->first = first;
	p->siblings = 1;
	for (const struct alias *a = first; a && a->rank == first->rank; a = a->next) {
		if (a->info->key.tos)
			p->why = WHY_TOS;
		if (a->info->key.source)
			p->why = WHY_SOURCE;
		if (a->lost)
			p->why = WHY_LOST;
	}
	for (const struct alias *a = first->next; k->family == 6 && k->type != RTN_LOCAL && a &&
						 a->rank == first->rank &&
						 a->info->key.metric == k->metric; a = a->next) {
		p->siblings++;
		if (memcmp(&a->info->key, k, sizeof(*k)) != 0 || k->flags & (INFO_NO_ECMP | INFO_PREF) ||
		    k->nhid || !k->path_count || !a->info->paths[0].family ||
		    !first->info->paths[0].family)
			p->why = WHY_SIBLINGS;
	}
	if (p->siblings > MEMBERS_MAX)
		p->why = WHY_PATHS;
	p->punt = p->why != WHY_NONE;
}

/* Local, then main, then default, each by its longest match: of n's own routes, what counts. */
void node_pick(const struct intake *in, const struct node *n, struct pick *p)
{
	const struct alias *found[3] = { NULL };
	const struct node *at[3] = { NULL };
	bool v6 = n->flags & NODE_V6;

	*p = (struct pick){ .none = true };
	if (!in->tables[n->table]->fib)
		return;
	for (const struct node *a = n; a; a = a->parent) {
		for (unsigned rank = 0; a->routes && rank < 3; rank++) {
			if (!found[rank] && (rank != RANK_DEFAULT || in->rank_default[v6])) {
				found[rank] = first_of(a, rank);
				at[rank] = a;
			}
		}
	}
	for (unsigned rank = 0; rank < 3; rank++) {
		if (!found[rank])
			continue;
		p->none = !n->routes;
		pick_rank(found[rank], p);
		if (rank == RANK_LOCAL && at[rank] != n) {
			/* The kernel joins local and main in one trie until a rule was ever added:
			 * then the longer main route wins, else local. */
			p->punt = true;
			p->why = n->routes ? WHY_SHADOWED : WHY_NONE;
		}
		return;
	}
}

static struct nh *siblings_nh(struct intake *in, const struct pick *p, enum why *why,
			      uint32_t *arg)
{
	struct path paths[MEMBERS_MAX];
	const struct alias *a = p->first;

	for (unsigned i = 0; i < p->siblings; i++, a = a->next)
		paths[i] = a->info->paths[0];
	return paths_resolve(in, &p->first->info->key, paths, p->siblings, why, arg);
}

/* The next hop of n, a reference, or NULL when the FIB has nothing there. */
static struct nh *node_nh(struct intake *in, const struct node *n, enum why *why)
{
	bool host = n->len == (n->flags & NODE_V6 ? 128 : 32);
	struct addr_key k = { .family = n->flags & NODE_V6 ? 6 : 4 };
	struct info *info;
	struct pick p;
	uint32_t arg;

	node_pick(in, n, &p);
	*why = p.why;
	if (p.punt || !p.first)
		return p.none ? NULL : nh_ref(in->nh_punt);
	info = p.first->info;
	if (p.siblings > 1)
		return p.none ? NULL : siblings_nh(in, &p, why, &arg);
	info_resolve(in, info);
	if (host && n->neighs && info->onlink) {
		const struct neigh *neigh;

		k.ifindex = info->onlink;
		memcpy(k.addr, n->addr, k.family == 6 ? 16 : 4);
		neigh = hash_map_find(in->neighs, &k);
		if (neigh && neigh->usable)
			return nh_via(in, k.ifindex, k.family, k.addr);
	}
	if (p.none)
		return NULL;
	*why = info->why;
	return nh_ref(info->nh);
}

/* A link-local address: only who is on its port's link may ask for it. */
static struct nh *link_local_nh(const struct intake *in, const struct node *n)
{
	const struct link *l = link_find(in, node_zone(n));
	const struct alias *a = n->routes;

	while (a && (a->lost || a->info->key.type != RTN_LOCAL))
		a = a->next;
	if (!a || !l || l->port < 0 || l->table != in->tables[n->table]->id)
		return NULL;
	return nh_ref(in->nh_ports[l->port]);
}

/* Link-local and multicast: the engine does not forward there. */
static bool node_skipped(const struct node *n)
{
	if (n->flags & NODE_V6)
		return (n->len >= 8 && n->addr[0] == 0xff) ||
		       (n->len >= 10 && n->addr[0] == 0xfe && (n->addr[1] & 0xc0) == 0x80);
	return n->len >= 4 && n->addr[0] >> 4 == 14;
}

static void node_process(struct intake *in, struct node *n)
{
	enum why why = WHY_NONE;
	struct nh *nh = node_zone(n) ? link_local_nh(in, n) :
			node_skipped(n) ? NULL : node_nh(in, n, &why);
	uint32_t table = in->tables[n->table]->id;
	struct intake_prefix p;

	n->flags &= (uint8_t)~NODE_DIRTY;
	if (nh && !n->nh && in->fib_routes == in->max_routes) {
		/* A longer route that is not there would be a wrong answer. */
		in->routes_full[!!(n->flags & NODE_V6)] = true;
		in->stats.refused++;
		nh_put(in, nh);
		nh = NULL;
	}
	in->fib_routes += (nh != NULL) - (n->nh != NULL);
	in->stats.punted_routes += (why != WHY_NONE) - (n->why != WHY_NONE);
	n->why = (uint8_t)why;
	if (n->nh && nh != n->nh && (!nh || node_zone(n))) {
		node_prefix(n, n->nh, &p);
		in->sink.route_del(in->arg, table, &p);
		in->any_sent = true;
	}
	if (nh && nh != n->nh) {
		node_prefix(n, nh, &p);
		in->sink.route_set(in->arg, table, &p, nh->id);
		in->any_sent = true;
	}
	if (n->nh)
		nh_put(in, n->nh);
	n->nh = nh;
	trie_prune(in, n);
}

static void nodes_process(struct intake *in)
{
	for (unsigned i = 0; i < 2 * TABLES_MAX; i++) {
		struct table *t = in->tables[i / 2];

		for (struct node *n = t && t->all ? t->root[i % 2] : NULL; n; n = trie_next(n, NULL))
			node_dirty(in, n);
		if (t && i % 2)
			t->all = false;
	}
	for (size_t i = 0; i < in->dirty.n; i++)
		node_process(in, in->dirty.v[i]);
	in->dirty.n = 0;
}

static void fibs_begin(struct intake *in)
{
	for (unsigned i = 0; i < TABLES_MAX; i++) {
		struct table *t = in->tables[i];

		if (t && t->fib && !t->fib_sent) {
			in->sink.fib_set(in->arg, t->id);
			in->any_sent = t->fib_sent = true;
		}
	}
}

static void fibs_end(struct intake *in)
{
	for (unsigned i = 0; i < TABLES_MAX; i++) {
		struct table *t = in->tables[i];

		if (!t || t->fib)
			continue;
		if (t->fib_sent) {
			in->sink.fib_del(in->arg, t->id);
			in->any_sent = true;
			t->fib_sent = false;
		}
		if (!t->root[0] && !t->root[1]) {
			hash_map_del(in->table_ids, &t->id);
			in->tables[i] = NULL;
			free(t);
		}
	}
}

static void nodes_punt(struct intake *in, bool before)
{
	bool punt[2];
	char text[256];

	for (unsigned v6 = 0; v6 < 2; v6++) {
		uint32_t mine = v6 ? AGENT_FORWARD_NFT_IP6 : AGENT_FORWARD_NFT_IP4;

		punt[v6] = in->wrong[0] || in->routes_full[v6] || rules_in_the_way(in, v6, text, sizeof(text)) ||
			   in->forward & (mine | AGENT_FORWARD_XFRM | AGENT_FORWARD_TC);
		if (before) /* turned on before anything else, off after everything else */
			punt[v6] |= in->punt[v6];
	}
	if (in->node_sent && punt[0] == in->punt[0] && punt[1] == in->punt[1])
		return;
	in->sink.node_set(in->arg, punt[0], punt[1]);
	in->any_sent = in->node_sent = true;
	memcpy(in->punt, punt, sizeof(punt));
}

void resolve_commit(struct intake *in)
{
	bool links;

	flush_settle(in);
	links = in->links_dirty;
	if (links)
		ports_resolve(in);
	connected_check(in, links);
	rules_apply(in);
	nodes_punt(in, true);
	fibs_begin(in);
	nh_refresh(in, links);
	nodes_process(in);
	ports_send(in);
	fibs_end(in);
	nh_reap(in);
	nodes_punt(in, false);
}
