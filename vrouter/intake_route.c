/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Routes: tables, the prefixes in them, and the interned infos that prefixes share.
 */
#include "vrouter/intake_priv.h"

#include <errno.h>
#include <linux/rtnetlink.h>
#include <stdlib.h>
#include <string.h>

static uint32_t fib_of(uint32_t table, unsigned *rank)
{
	*rank = table == TABLE_LOCAL ? RANK_LOCAL : table == TABLE_DEFAULT ? RANK_DEFAULT : RANK_MAIN;
	return table == TABLE_LOCAL || table == TABLE_DEFAULT ? TABLE_MAIN : table;
}

struct table *table_find(const struct intake *in, uint32_t id)
{
	return hash_map_find(in->table_ids, &id);
}

struct table *table_get(struct intake *in, uint32_t id)
{
	struct table *t = table_find(in, id);
	unsigned at = 0;

	if (t)
		return t;
	while (at < TABLES_MAX && in->tables[at])
		at++;
	t = at < TABLES_MAX ? calloc(1, sizeof(*t)) : NULL;
	if (!t || hash_map_set(in->table_ids, &id, t) < 0) {
		free(t);
		return NULL;
	}
	t->id = id;
	in->tables[at] = t;
	return t;
}

static bool info_equal(const struct info *i, uint64_t hash, const struct info_key *k,
		       const struct path *paths)
{
	return i->hash == hash && !memcmp(&i->key, k, sizeof(*k)) &&
	       !memcmp(i->paths, paths, k->path_count * sizeof(*paths));
}

uint64_t info_hash(const struct info_key *k, const struct path *paths)
{
	return hash_bytes(k, sizeof(*k)) ^ hash_bytes(paths, k->path_count * sizeof(*paths));
}

struct info *info_get(struct intake *in, const struct info_key *k, const struct path *paths)
{
	uint64_t hash = info_hash(k, paths);
	struct info *head = hash_map_find(in->infos, &hash), *i;

	for (i = head; i; i = i->same) {
		if (info_equal(i, hash, k, paths)) {
			i->refs++;
			return i;
		}
	}
	i = calloc(1, sizeof(*i) + k->path_count * sizeof(*paths));
	if (!i)
		return NULL;
	i->same = head;
	if (hash_map_set(in->infos, &hash, i) < 0) {
		free(i);
		return NULL;
	}
	i->hash = hash;
	i->refs = 1;
	i->key = *k;
	memcpy(i->paths, paths, k->path_count * sizeof(*paths));
	if (k->nhid)
		obj_use(in, k->nhid, 1);
	return i;
}

static void info_put(struct intake *in, struct info *i)
{
	struct info *head, **at;

	if (--i->refs)
		return;
	head = hash_map_find(in->infos, &i->hash);
	for (at = &head; *at != i; at = &(*at)->same)
		;
	*at = i->same;
	if (head)
		(void)hash_map_set(in->infos, &i->hash, head); /* there: needs no memory */
	else
		hash_map_del(in->infos, &i->hash);
	if (i->key.nhid)
		obj_use(in, i->key.nhid, -1);
	if (i->nh)
		nh_put(in, i->nh);
	free(i);
}

/* A route of n changed: n and what shorter routes decide below it are to be looked at. */
void node_changed(struct intake *in, struct node *n, unsigned rank)
{
	struct node *top = n;
	unsigned host = n->flags & NODE_V6 ? 128 : 32;

	trie_weaken(n);
	node_dirty(in, n);
	if (n->len == host)
		return;
	if (rank == RANK_LOCAL || n->below > 64) {
		in->tables[n->table]->all = true;
		return;
	}
	while (n) {
		if (n->flags & NODE_WEAK)
			node_dirty(in, n);
		n = n->below ? trie_next(n, top) : trie_skip(n, top);
	}
}

void alias_free(struct intake *in, struct node *n, struct alias **at)
{
	struct alias *a = *at;
	unsigned rank = a->rank;

	*at = a->next;
	if (n->flags & NODE_V6)
		in->stats.routes6--;
	else
		in->stats.routes4--;
	in->aliases--;
	info_put(in, a->info);
	free(a);
	node_changed(in, n, rank);
}

bool alias_same_key(const struct alias *a, unsigned rank, const struct info_key *k)
{
	return a->rank == rank && a->info->key.metric == k->metric && a->info->key.tos == k->tos &&
	       a->info->key.source == k->source;
}

static bool alias_after(const struct alias *a, unsigned rank, uint32_t metric)
{
	return a->rank != rank ? a->rank > rank : a->info->key.metric > metric;
}

/* Where a new one comes: behind its equals, or in front of them. */
static struct alias **alias_place(struct node *n, unsigned rank, const struct info *info, bool first)
{
	struct alias **at = &n->routes;

	while (*at && !alias_after(*at, rank, info->key.metric) &&
	       !(first && alias_same_key(*at, rank, &info->key)))
		at = &(*at)->next;
	return at;
}

/* at: alias_place(), or where one was that it replaces. */
void alias_insert(struct intake *in, struct node *n, struct alias **at, unsigned rank,
		  struct info *info)
{
	bool v6 = n->flags & NODE_V6;
	unsigned count = 0;
	struct alias *a;

	for (a = n->routes; a; a = a->next)
		count++;
	a = in->aliases < in->max_routes && count < ALIASES_MAX ? malloc(sizeof(*a)) : NULL;
	if (!a) {
		/* A longer route that is not there would be a wrong answer: see routes_full. */
		in->routes_full[v6] = true;
		in->stats.refused++;
		info_put(in, info);
		return;
	}
	*a = (struct alias){ .next = *at, .info = info, .rank = (uint8_t)rank, .gen = in->gen,
			     .stamp = in->stamp };
	*at = a;
	in->aliases++;
	if (v6)
		in->stats.routes6++;
	else
		in->stats.routes4++;
	node_changed(in, n, rank);
}

static bool by_object(uint8_t type)
{
	return type == RTN_UNICAST || type == RTN_BLACKHOLE;
}

/* The route by this object that this one is, too: its type is told as blackhole while the object
 * is one. */
struct alias *alias_by_object(struct node *n, unsigned rank, const struct info_key *k)
{
	for (struct alias *a = n->routes; a && k->nhid; a = a->next) {
		struct info_key own = a->info->key;

		if (by_object(own.type) && by_object(k->type))
			own.type = k->type;
		if (a->rank == rank && !memcmp(&own, k, sizeof(own)))
			return a;
	}
	return NULL;
}

void alias_again(struct intake *in, struct node *n, struct alias *a, struct info *info)
{
	info_put(in, a->info);
	a->info = info;
	a->gen = in->gen;
	a->lost = false;
	node_changed(in, n, a->rank);
}

/* When an object changes the kernel tells its routes again: as replacements, each of itself. */
static bool told_again(struct intake *in, struct node *n, unsigned rank, struct info *info)
{
	struct alias *a = alias_by_object(n, rank, &info->key);

	if (a)
		alias_again(in, n, a, info);
	return a != NULL;
}

void node_add(struct intake *in, struct node *n, unsigned rank, struct info *info, uint16_t nlflags)
{
	bool dump = nlflags & NLM_F_MULTI, v6 = n->flags & NODE_V6;
	struct alias **at;

	for (at = &n->routes; *at; at = &(*at)->next) {
		if ((*at)->rank != rank || (*at)->info != info)
			continue;
		(*at)->gen = in->gen;
		info_put(in, info);
		if ((*at)->lost)
			node_changed(in, n, rank);
		(*at)->lost = false;
		if (dump && !v6 && (*at)->next && alias_same_key((*at)->next, rank, &info->key)) {
			struct alias *a = *at; /* dumps tell the order: to the end of its equals */

			*at = a->next;
			while (*at && alias_same_key(*at, rank, &a->info->key))
				at = &(*at)->next;
			a->next = *at;
			*at = a;
			node_dirty(in, n);
		}
		return;
	}
	if (nlflags & NLM_F_REPLACE && told_again(in, n, rank, info))
		return;
	if (nlflags & NLM_F_REPLACE && !v6) {
		for (at = &n->routes; *at; at = &(*at)->next) {
			if (alias_same_key(*at, rank, &info->key)) {
				alias_insert(in, n, at, rank, info);
				/* the new one stands in front of the one it replaces */
				alias_free(in, n, &(*at)->next);
				return;
			}
		}
	}
	alias_insert(in, n, alias_place(n, rank, info, !v6 && !dump && !(nlflags & NLM_F_APPEND)), rank,
		     info);
}

static void trie_add(struct intake *in, struct table *t, unsigned rank, struct route *r,
		     uint16_t nlflags)
{
	bool v6 = r->key.family == 6;
	struct node *n = trie_get(in, t, v6, r->addr, r->len);
	struct info *info;

	if (!n) {
		in->routes_full[v6] = true;
		in->stats.refused++;
		return;
	}
	node_dirty(in, n); /* so that it goes again when nothing comes of it */
	flush_node(in, n);
	if (in->fpm)
		node_clear(in, n, rank);
	if (v6) {
		node_add6(in, n, rank, r, nlflags);
		return;
	}
	info = info_get(in, &r->key, r->paths);
	if (info)
		node_add(in, n, rank, info, nlflags);
	else
		in->routes_full[0] = true;
}

void route_add(struct intake *in, struct route *r, uint16_t nlflags)
{
	unsigned rank;
	struct table *t = table_get(in, fib_of(r->table, &rank));

	if (!t) {
		in->routes_full[r->key.family == 6] = true;
		in->stats.refused++;
		return;
	}
	trie_add(in, t, rank, r, nlflags);
	for (unsigned i = 0; rank == RANK_LOCAL && i < TABLES_MAX; i++) {
		if (in->tables[i] && in->tables[i]->fib && in->tables[i] != t)
			trie_add(in, in->tables[i], rank, r, nlflags);
	}
}

/* The route that a deletion means, which the kernel tells in full; not one like it, for this one may
 * have been taken by a flush before. Only whether it expires may have changed. */
static struct alias **alias_meant(struct node *n, unsigned rank, const struct info_key *k,
				  const struct path *paths, unsigned count)
{
	for (struct alias **at = &n->routes; *at; at = &(*at)->next) {
		struct info_key own = (*at)->info->key;

		own.flags = k->flags;
		if (k->nhid && by_object(own.type) && by_object(k->type))
			own.type = k->type;
		own.path_count = k->path_count;
		if ((*at)->rank == rank && !memcmp(&own, k, sizeof(own)) && (*at)->info->key.path_count == count &&
		    !memcmp((*at)->info->paths, paths, count * sizeof(*paths)))
			return at;
	}
	return NULL;
}

static void trie_del(struct intake *in, struct table *t, unsigned rank, const struct route *r)
{
	bool v6 = r->key.family == 6;
	struct node *n = trie_find(t, v6, r->addr, r->len);
	unsigned count = r->key.path_count, step = v6 && count ? 1 : count;
	struct alias **at;

	if (n)
		flush_node(in, n);
	if (n && in->fpm)
		node_clear(in, n, rank);
	for (unsigned i = 0; n && (i < count || i == 0); i += step ? step : 1) {
		at = v6 && step ? sibling_find(n, rank, &r->key, &r->paths[i]) : NULL;
		if (!at)
			at = alias_meant(n, rank, &r->key, &r->paths[i], step);
		if (at)
			alias_free(in, n, at);
	}
}

void route_del(struct intake *in, struct route *r)
{
	unsigned rank;
	struct table *t = table_find(in, fib_of(r->table, &rank));

	if (t)
		trie_del(in, t, rank, r);
	for (unsigned i = 0; rank == RANK_LOCAL && i < TABLES_MAX; i++) {
		if (in->tables[i] && in->tables[i]->fib && in->tables[i] != t)
			trie_del(in, in->tables[i], rank, r);
	}
}

/* A VRF's FIB begins (add) or ends: its copy of table local. */
void routes_copy_local(struct intake *in, struct table *t, bool add)
{
	struct table *from = add ? table_find(in, TABLE_MAIN) : t;

	for (unsigned v6 = 0; from && from != (add ? t : NULL) && v6 < 2; v6++) {
		for (struct node *n = from->root[v6], *to; n; n = trie_next(n, NULL)) {
			struct alias **at = &n->routes;

			while (*at && (*at)->rank == RANK_LOCAL) {
				if (!add) {
					alias_free(in, n, at);
					continue;
				}
				to = trie_get(in, t, v6, n->addr, n->len);
				if (!to)
					return;
				(*at)->info->refs++;
				alias_insert(in, to, alias_place(to, RANK_LOCAL, (*at)->info, false),
					     RANK_LOCAL, (*at)->info);
				at = &(*at)->next;
			}
		}
	}
}
