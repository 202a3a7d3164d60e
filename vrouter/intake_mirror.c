/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Links, addresses, neighbours and netconf as the guest's kernel has them, and what the kernel
 * drops in silence when one of them goes (net/ipv4/fib_semantics.c: fib_sync_down_dev,
 * fib_sync_down_addr; fib_frontend.c: fib_disable_ip; nexthop.c: nexthop_flush_dev).
 */
#include "vrouter/intake_priv.h"

#include <stdlib.h>
#include <string.h>

struct link *link_find(const struct intake *in, uint32_t ifindex)
{
	return hash_map_find(in->links, &ifindex);
}

static bool link_carries(const struct link *l)
{
	return l->flags & (IFF_RUNNING | IFF_LOWER_UP);
}

static uint32_t link_main_table(const struct intake *in, uint32_t ifindex)
{
	const struct link *l = link_find(in, ifindex), *m = l ? link_find(in, l->master) : NULL;

	return m && m->vrf_table ? m->vrf_table : TABLE_MAIN;
}

void mirror_link(struct intake *in, const struct link *fresh)
{
	struct link *l = link_find(in, fresh->ifindex), was;

	if (!l) {
		l = hash_map_count(in->links) < LINKS_MAX ? calloc(1, sizeof(*l)) : NULL;
		if (!l || hash_map_set(in->links, &fresh->ifindex, l) < 0) {
			free(l);
			in->stats.refused++;
			return;
		}
		l->port = -1;
	}
	was = *l;
	*l = *fresh;
	l->gen = in->gen;
	l->port = was.port;
	l->table = was.table;
	l->dead4 = was.dead4;
	if (was.flags == l->flags && was.master == l->master && was.mtu == l->mtu &&
	    was.vrf_table == l->vrf_table && !memcmp(was.mac, l->mac, 6) &&
	    !memcmp(was.perm, l->perm, 6) && was.has_perm == l->has_perm &&
	    !strcmp(was.kind, l->kind) && !strcmp(was.name, l->name))
		return;
	in->links_dirty = true;
	if (was.ifindex && !(l->flags & IFF_UP) && was.flags & IFF_UP) {
		flush_note(in, EVENT_DOWN4, l->ifindex, 0);
		flush_note(in, EVENT_DOWN6, l->ifindex, 0);
	} else if (l->flags & IFF_UP && !(was.flags & IFF_UP)) {
		l->dead4 = false;
		flush_note(in, EVENT_UP, l->ifindex, 0);
	}
	if (was.ifindex && (!(l->flags & IFF_UP) || !link_carries(l)))
		objs_flush_link(in, l->ifindex);
}

static void neigh_free(struct intake *in, struct neigh *n)
{
	struct addr_key k = n->key;

	hash_map_del(in->neighs, &k);
	if (n->node) {
		n->node->neighs--;
		trie_weaken(n->node);
		node_dirty(in, n->node);
	}
	free(n);
	nh_via_changed(in, &k);
}

void mirror_link_del(struct intake *in, uint32_t ifindex)
{
	struct link *l = link_find(in, ifindex);
	size_t at = 0;
	void *v;

	if (!l)
		return;
	objs_flush_link(in, ifindex);
	l->flags &= ~(unsigned)IFF_UP;
	flush_note(in, EVENT_LINK_GONE, ifindex, 0);
	while (hash_map_next(in->neighs, &at, NULL, &v)) {
		if (((struct neigh *)v)->key.ifindex == ifindex)
			neigh_free(in, v);
	}
	hash_map_del(in->links, &ifindex);
	free(l);
	in->links_dirty = true;
}

/* Addresses carry their generation as the map's value. */
static void *gen_value(uint8_t gen)
{
	return (void *)(uintptr_t)(gen + 1u);
}

void mirror_addrs_again(struct intake *in, uint8_t family)
{
	const void *key;
	void *v;

	/* Twice: the first change may make the map grow, which stirs what is still to come. */
	for (size_t at = 0, pass = 0; pass < 2; pass++, at = 0) {
		while (hash_map_next(in->addrs, &at, &key, &v)) {
			struct addr_key k = *(const struct addr_key *)key;

			if (k.family == family)
				(void)hash_map_set(in->addrs, &k, gen_value((uint8_t)(in->gen - 1)));
		}
	}
}

static void addr_gone(struct intake *in, const struct addr_key *k)
{
	uint32_t table = link_main_table(in, k->ifindex), ip;
	bool same = false, other = false;
	struct link *l = link_find(in, k->ifindex);
	const void *key;
	size_t at = 0;
	void *v;

	while (hash_map_next(in->addrs, &at, &key, &v)) {
		const struct addr_key *o = key;

		if (o->family != 4)
			continue;
		other |= o->ifindex == k->ifindex;
		same |= !memcmp(o->addr, k->addr, 4) && link_main_table(in, o->ifindex) == table;
	}
	memcpy(&ip, k->addr, 4);
	if (!same)
		flush_note(in, EVENT_SOURCE, ip, table);
	if (!other && l) { /* the last one: the kernel disables IPv4 there */
		l->dead4 = true;
		in->links_dirty = true;
		flush_note(in, EVENT_FORCED4, k->ifindex, 0);
	}
}

void mirror_addr(struct intake *in, const struct addr_key *k, bool add)
{
	struct link *l = link_find(in, k->ifindex);

	if (!add) {
		in->connected_dirty = true;
		if (hash_map_del(in->addrs, k) && k->family == 4 && !in->fpm)
			addr_gone(in, k);
		return;
	}
	if (hash_map_count(in->addrs) >= ADDRS_MAX && !hash_map_find(in->addrs, k)) {
		in->stats.refused++;
		return;
	}
	if (k->family == 4 && l && l->dead4 && l->flags & IFF_UP) {
		l->dead4 = false;
		in->links_dirty = true;
		flush_note(in, EVENT_UP, l->ifindex, 0);
	}
	in->connected_dirty = true;
	if (hash_map_set(in->addrs, k, gen_value(in->gen)) < 0)
		in->stats.refused++;
}

/* Link-local and multicast: the engine never looks them up. */
static bool never_looked_up(const struct addr_key *k)
{
	if (k->family == 4)
		return k->addr[0] >= 224;
	return k->addr[0] == 0xff || (k->addr[0] == 0xfe && (k->addr[1] & 0xc0) == 0x80);
}

/* Puts the neighbour's host route where its link's packets are looked up. */
void mirror_neigh_place(struct intake *in, struct neigh *n)
{
	const struct link *l = link_find(in, n->key.ifindex);
	struct table *t = l && l->port >= 0 && l->table ? table_find(in, l->table) : NULL;
	bool v6 = n->key.family == 6;
	struct node *to = NULL;

	if (t && !never_looked_up(&n->key))
		to = trie_get(in, t, v6, n->key.addr, v6 ? 128 : 32);
	if (to == n->node)
		return;
	if (n->node) {
		n->node->neighs--;
		trie_weaken(n->node);
		node_dirty(in, n->node);
	}
	n->node = to;
	if (to) {
		to->neighs++;
		trie_weaken(to);
		node_dirty(in, to);
	}
}

void mirror_neigh(struct intake *in, const struct addr_key *k, const uint8_t *mac, bool usable)
{
	struct neigh *n = hash_map_find(in->neighs, k);

	if (!n) {
		n = hash_map_count(in->neighs) < NEIGHS_MAX ? calloc(1, sizeof(*n)) : NULL;
		if (!n || hash_map_set(in->neighs, k, n) < 0) {
			free(n);
			in->stats.refused++;
			return;
		}
		n->key = *k;
		mirror_neigh_place(in, n);
	}
	n->gen = in->gen;
	if (n->usable == usable && (!usable || !memcmp(n->mac, mac, 6)))
		return;
	if (n->usable != usable && n->node)
		node_dirty(in, n->node);
	n->usable = usable;
	memcpy(n->mac, mac, 6);
	nh_via_changed(in, k);
}

void mirror_neigh_del(struct intake *in, const struct addr_key *k)
{
	struct neigh *n = hash_map_find(in->neighs, k);

	if (n)
		neigh_free(in, n);
}

static uint64_t conf_key(uint8_t family, uint32_t ifindex)
{
	return (uint64_t)family << 32 | ifindex;
}

uint8_t mirror_conf_family(const void *key)
{
	uint64_t k;

	memcpy(&k, key, sizeof(k));
	return (uint8_t)(k >> 32);
}

const struct conf *conf_find(const struct intake *in, uint8_t family, uint32_t ifindex)
{
	uint64_t key = conf_key(family, ifindex);

	return hash_map_find(in->confs, &key);
}

/* fresh NULL: gone. Notifications name only what changed. */
void mirror_conf(struct intake *in, uint8_t family, uint32_t ifindex, const struct conf *fresh)
{
	uint64_t key = conf_key(family, ifindex);
	struct conf *c = hash_map_find(in->confs, &key);

	in->links_dirty = true;
	if (!fresh) {
		free(hash_map_del(in->confs, &key));
		return;
	}
	if (!c) {
		c = hash_map_count(in->confs) < CONFS_MAX ? malloc(sizeof(*c)) : NULL;
		if (!c || hash_map_set(in->confs, &key, c) < 0) {
			free(c);
			in->stats.refused++;
			return;
		}
		c->forwarding = c->rp_filter = -1;
	}
	c->gen = in->gen;
	if (fresh->forwarding >= 0)
		c->forwarding = fresh->forwarding;
	if (fresh->rp_filter >= 0)
		c->rp_filter = fresh->rp_filter;
}

void mirror_sweep(struct intake *in)
{
	const void *key;
	size_t at;
	void *v;

	for (at = 0; hash_map_next(in->links, &at, NULL, &v);) {
		if (((struct link *)v)->gen != in->gen)
			mirror_link_del(in, ((struct link *)v)->ifindex);
	}
	for (at = 0; hash_map_next(in->addrs, &at, &key, &v);) {
		if (v != gen_value(in->gen))
			hash_map_del(in->addrs, key);
	}
	for (at = 0; hash_map_next(in->neighs, &at, NULL, &v);) {
		if (((struct neigh *)v)->gen != in->gen)
			neigh_free(in, v);
	}
	for (at = 0; hash_map_next(in->confs, &at, &key, &v);) {
		if (((struct conf *)v)->gen == in->gen)
			continue;
		hash_map_del(in->confs, key);
		free(v);
		in->links_dirty = true;
	}
}

static void map_free(struct hash_map *m)
{
	size_t at = 0;
	void *v;

	while (m && hash_map_next(m, &at, NULL, &v))
		free(v);
	hash_map_destroy(m);
}

void mirror_fini(struct intake *in)
{
	map_free(in->links);
	map_free(in->neighs);
	map_free(in->confs);
	map_free(in->objs);
	hash_map_destroy(in->addrs);
	hash_map_destroy(in->obj_uses);
}
