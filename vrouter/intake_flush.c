/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Routes that go without a message of their own: the kernel's silent flushes, and the sweep after
 * a dump.
 *
 * A message that makes the kernel flush (a link goes down, an object or an address goes) only
 * notes an event with a number; each route carries the number that held when it was told last. A
 * node is settled, that is, relieved of the routes that events newer than them have taken, before
 * a message touches it, and all are in one walk at the next commit. So the mirror is exact, and a
 * guest pays for one walk a commit however many events it makes.
 *
 * Where what the kernel did depends on what it does not tell (a multipath route lives while any
 * of its next hops does), the route is kept as `lost`, and punts.
 */
#include "vrouter/intake_priv.h"

#include <linux/rtnetlink.h>
#include <stdlib.h>
#include <string.h>

enum { EVENTS_MAX = 65536 };

struct event_key {
	uint32_t kind, id, table;
};

void flush_note(struct intake *in, enum event kind, uint32_t id, uint32_t table)
{
	struct event_key k = { kind, id, table };

	if (!++in->stamp) /* no value of a map is NULL */
		in->stamp = 1;
	if (hash_map_set(in->events, &k, (void *)(uintptr_t)in->stamp) < 0)
		in->events_lost = true;
	if (hash_map_count(in->events) >= EVENTS_MAX)
		flush_settle(in);
}

/* Whether that happened after the route was told. */
static bool after(const struct intake *in, const struct alias *a, enum event kind, uint32_t id,
		  uint32_t table)
{
	struct event_key k = { kind, id, table };

	return (uintptr_t)hash_map_find(in->events, &k) > a->stamp;
}

static bool hit(const struct intake *in, const struct alias *a, uint32_t ifindex)
{
	const struct info_key *k = &a->info->key;

	if (k->family == 6)
		return after(in, a, EVENT_DOWN6, ifindex, 0);
	return after(in, a, EVENT_FORCED4, ifindex, 0) ||
	       (k->scope != RT_SCOPE_HOST && after(in, a, EVENT_DOWN4, ifindex, 0));
}

static bool is_down(const struct intake *in, uint32_t ifindex)
{
	const struct link *l = link_find(in, ifindex);

	return !l || !(l->flags & IFF_UP);
}

enum fate { STAYS, GOES, UNSURE };

/* A route over its own next hops; IPv4, so that all of them are here. */
static enum fate fate4(const struct intake *in, const struct alias *a)
{
	const struct info *i = a->info;
	bool any = false, all_down = true, one_link = true;

	for (unsigned p = 0; p < i->key.path_count; p++) {
		if (after(in, a, EVENT_LINK_GONE, i->paths[p].ifindex, 0))
			return GOES;
	}
	for (unsigned p = 0; p < i->key.path_count; p++) {
		uint32_t ifindex = i->paths[p].ifindex;
		const struct link *l = link_find(in, ifindex);
		bool now = hit(in, a, ifindex);

		if (!now && l && l->flags & IFF_UP && !l->dead4 &&
		    !after(in, a, EVENT_UP, ifindex, 0))
			return STAYS;
		any |= now;
		all_down &= is_down(in, ifindex);
		one_link &= ifindex == i->paths[0].ifindex;
	}
	return !any ? STAYS : one_link || all_down ? GOES : UNSURE;
}

static enum fate fate6(const struct intake *in, const struct node *n, const struct alias *a)
{
	uint32_t own = a->info->key.path_count ? a->info->paths[0].ifindex : 0;
	bool all_down = is_down(in, own), others = false;

	if (!own || after(in, a, EVENT_LINK_GONE, own, 0))
		return own ? GOES : STAYS;
	if (!hit(in, a, own))
		return STAYS;
	for (const struct alias *o = n->routes; o && info_sibling6(a->info); o = o->next) {
		uint32_t ifindex;

		if (o == a || !info_sibling6(o->info) || !alias_same_key(o, a->rank, &a->info->key))
			continue;
		ifindex = o->info->paths[0].ifindex;
		if (!hit(in, o, ifindex) && !is_down(in, ifindex) &&
		    !after(in, o, EVENT_UP, ifindex, 0))
			return STAYS;
		others |= ifindex != own;
		all_down &= is_down(in, ifindex);
	}
	return !others || all_down ? GOES : UNSURE;
}

static enum fate fate(const struct intake *in, const struct node *n, const struct alias *a)
{
	const struct info_key *k = &a->info->key;
	uint32_t table = in->tables[n->table]->id;

	if (in->events_lost)
		return UNSURE;
	if (k->nhid)
		return after(in, a, EVENT_OBJECT, k->nhid, 0) ? GOES : STAYS;
	if (k->prefsrc && a->rank == RANK_MAIN && after(in, a, EVENT_SOURCE, k->prefsrc, table))
		return GOES;
	return k->family == 6 ? fate6(in, n, a) : fate4(in, a);
}

void flush_node(struct intake *in, struct node *n)
{
	if (!hash_map_count(in->events) && !in->events_lost)
		return;
	for (struct alias *a = n->routes; a; a = a->next) /* all before any goes: siblings */
		a->fate = (uint8_t)fate(in, n, a);
	for (struct alias **at = &n->routes; *at;) {
		struct alias *a = *at;

		a->stamp = in->stamp;
		if (a->fate == GOES) {
			alias_free(in, n, at);
			continue;
		}
		if (a->fate == UNSURE && !a->lost) {
			a->lost = true;
			node_dirty(in, n);
		}
		at = &a->next;
	}
}

static void each_node(struct intake *in, void (*cb)(struct intake *in, struct node *n))
{
	for (unsigned i = 0; i < 2 * TABLES_MAX; i++) {
		struct table *t = in->tables[i / 2];

		for (struct node *n = t ? t->root[i % 2] : NULL; n; n = trie_next(n, NULL))
			cb(in, n);
	}
}

/* Nodes stay until the next commit. */
void flush_settle(struct intake *in)
{
	const void *key;
	size_t at = 0;
	void *v;

	if (!hash_map_count(in->events) && !in->events_lost)
		return;
	each_node(in, flush_node);
	while (hash_map_next(in->events, &at, &key, &v))
		hash_map_del(in->events, key);
	in->events_lost = false;
}

static void sweep_node(struct intake *in, struct node *n)
{
	for (struct alias **at = &n->routes; *at;) {
		if ((*at)->gen != in->gen)
			alias_free(in, n, at);
		else
			at = &(*at)->next;
	}
}

void flush_stale(struct intake *in)
{
	each_node(in, sweep_node);
}
