/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A part of a dump that is told anew. The kernel builds a part before it queues it, so a change may
 * overtake what was before it: the deletion of a route, then the route. What the first telling
 * said counts for nothing then, or that route would stay; what the second does not repeat goes
 * with the sweep.
 */
#include "vrouter/intake_priv.h"

#include <linux/rtnetlink.h>

static void links_again(struct intake *in, uint8_t old)
{
	size_t at = 0;
	void *v;

	while (hash_map_next(in->links, &at, NULL, &v))
		((struct link *)v)->gen = old;
}

static void objs_again(struct intake *in, uint8_t old)
{
	size_t at = 0;
	void *v;

	while (hash_map_next(in->objs, &at, NULL, &v))
		((struct obj *)v)->gen = old;
}

static void neighs_again(struct intake *in, uint8_t family, uint8_t old)
{
	size_t at = 0;
	void *v;

	while (hash_map_next(in->neighs, &at, NULL, &v)) {
		struct neigh *n = v;

		if (n->key.family == family)
			n->gen = old;
	}
}

static void confs_again(struct intake *in, uint8_t family, uint8_t old)
{
	const void *key;
	size_t at = 0;
	void *v;

	while (hash_map_next(in->confs, &at, &key, &v)) {
		if (mirror_conf_family(key) == family)
			((struct conf *)v)->gen = old;
	}
}

static void rules_again(struct intake *in, uint8_t family, uint8_t old)
{
	for (unsigned i = 0; i < in->rule_count; i++) {
		if (in->rules[i].family == family)
			in->rules[i].gen = old;
	}
}

static void routes_again(struct intake *in, uint8_t family, uint8_t old)
{
	for (unsigned i = 0; i < TABLES_MAX; i++) {
		const struct table *t = in->tables[i];

		for (struct node *n = t ? t->root[family == 6] : NULL; n; n = trie_next(n, NULL)) {
			for (struct alias *a = n->routes; a; a = a->next)
				a->gen = old;
		}
	}
}

void intake_dump_again(struct intake *in, uint16_t type, uint8_t af)
{
	uint8_t family = (uint8_t)family_of(af), old = (uint8_t)(in->gen - 1);

	if (!in->dumping)
		return;
	if (type == RTM_GETLINK)
		links_again(in, old);
	else if (type == RTM_GETNEXTHOP)
		objs_again(in, old);
	else if (type == RTM_GETNEIGH)
		neighs_again(in, family, old);
	else if (type == RTM_GETADDR)
		mirror_addrs_again(in, family);
	else if (type == RTM_GETNETCONF)
		confs_again(in, family, old);
	else if (type == RTM_GETRULE)
		rules_again(in, family, old);
	else if (type == RTM_GETROUTE && family)
		routes_again(in, family, old);
}
