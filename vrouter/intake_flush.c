/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Routes that go without a message of their own: the kernel's silent flushes, and the sweep after
 * a dump.
 */
#include "vrouter/intake_priv.h"

#include <linux/rtnetlink.h>

/* Frees the routes of all tables that `gone` says. Nodes stay until the next commit. */
static void routes_filter(struct intake *in, bool (*gone)(const struct intake *,
							   const struct alias *))
{
	for (unsigned i = 0; i < 2 * TABLES_MAX; i++) {
		struct table *t = in->tables[i / 2];

		for (struct node *n = t ? t->root[i % 2] : NULL; n; n = trie_next(n, NULL)) {
			for (struct alias **a = &n->routes; *a;) {
				if (gone(in, *a))
					alias_free(in, n, a);
				else
					a = &(*a)->next;
			}
		}
	}
}

static bool is_doomed(const struct intake *in, const struct alias *a)
{
	return a->info->doomed;
}

static bool is_stale(const struct intake *in, const struct alias *a)
{
	return a->gen != in->gen;
}

void routes_purge(struct intake *in)
{
	routes_filter(in, is_doomed);
}

void routes_sweep(struct intake *in)
{
	routes_filter(in, is_stale);
}

static bool path_dead(const struct intake *in, const struct path *p, bool v6)
{
	const struct link *l = link_find(in, p->ifindex);

	return l && (!(l->flags & IFF_UP) || (!v6 && l->dead4));
}

/*
 * The link went down (or lost its last IPv4 address): routes all of whose next hops are dead go.
 * Unless forced, IPv4 keeps those of host scope (the local addresses).
 */
void routes_flush_link(struct intake *in, uint32_t ifindex, bool v6, bool force)
{
	struct info *i = NULL;
	bool any = false;
	size_t at = 0;

	while ((i = info_each(in, &at, i))) {
		bool over = false, alive = false;

		if ((i->key.family == 6) != v6 || i->key.nhid ||
		    (!force && i->key.scope == RT_SCOPE_HOST))
			continue;
		for (unsigned p = 0; p < i->key.path_count; p++) {
			over |= i->paths[p].ifindex == ifindex;
			alive |= i->paths[p].ifindex != ifindex &&
				 !path_dead(in, &i->paths[p], v6);
		}
		if (over && !alive)
			any = i->doomed = true;
	}
	in->links_dirty = true;
	if (any)
		routes_purge(in);
}

void routes_flush_prefsrc(struct intake *in, uint32_t prefsrc, uint32_t table)
{
	struct table *t = table_find(in, table);

	for (struct node *n = t ? t->root[0] : NULL; n; n = trie_next(n, NULL)) {
		for (struct alias **a = &n->routes; *a;) {
			if ((*a)->rank == RANK_MAIN && (*a)->info->key.prefsrc == prefsrc)
				alias_free(in, n, a);
			else
				a = &(*a)->next;
		}
	}
}
