/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What FPM leaves open about links: which VRF each is in, and whether they are in the order that is
 * assumed. Both follow from connected routes, which zebra tells like any other (protocol kernel, no
 * gateway, by its own number of the interface). A link has the table of those over it; one over which
 * there is none, or there are in several tables, is left to the guest. An address that the guest has
 * been seen to have on one port, in a prefix that is connected over another port's link alone, shows
 * that links are taken for each other: then the guest forwards everything.
 */
#include "vrouter/intake_priv.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/rtnetlink.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { CONNECTED_MAX = 1024 };

struct connected_key {
	uint32_t table;
	uint8_t family, len, pad[2];
	uint8_t addr[16];
};

struct connected {
	uint32_t ifindex, nhid; /* nhid not 0: the object says which link */
	uint8_t gen;
};

int connected_init(struct intake *in)
{
	in->connected = hash_map_create(sizeof(struct connected_key));
	in->connected_objs = hash_map_create(sizeof(uint32_t));
	return in->connected && in->connected_objs ? 0 : -ENOMEM;
}

void connected_fini(struct intake *in)
{
	size_t at = 0;
	void *v;

	while (in->connected && hash_map_next(in->connected, &at, NULL, &v))
		free(v);
	hash_map_destroy(in->connected);
	hash_map_destroy(in->connected_objs);
}

void node_clear(struct intake *in, struct node *n, unsigned rank)
{
	for (struct alias **at = &n->routes; *at;) {
		if ((*at)->rank == rank)
			alias_free(in, n, at);
		else
			at = &(*at)->next;
	}
}

static void changed(struct intake *in)
{
	in->links_dirty = in->connected_dirty = true;
}

static void use_obj(struct intake *in, uint32_t id, int by)
{
	uintptr_t n = (uintptr_t)hash_map_find(in->connected_objs, &id) + (uintptr_t)(intptr_t)by;

	if (n)
		(void)hash_map_set(in->connected_objs, &id, (void *)n);
	else
		hash_map_del(in->connected_objs, &id);
}

static void forget(struct intake *in, const struct connected_key *k)
{
	struct connected *c = hash_map_del(in->connected, k);

	if (!c)
		return;
	if (c->nhid)
		use_obj(in, c->nhid, -1);
	free(c);
	changed(in);
}

static void remember(struct intake *in, const struct connected_key *k, uint32_t ifindex, uint32_t nhid)
{
	struct connected *c = hash_map_find(in->connected, k);

	if (c && c->ifindex == ifindex && c->nhid == nhid) {
		c->gen = in->gen;
		return;
	}
	forget(in, k);
	c = hash_map_count(in->connected) < CONNECTED_MAX ? calloc(1, sizeof(*c)) : NULL;
	if (!c || hash_map_set(in->connected, k, c) < 0) {
		in->stats.refused++;
		free(c);
		return;
	}
	*c = (struct connected){ .ifindex = ifindex, .nhid = nhid, .gen = in->gen };
	if (nhid)
		use_obj(in, nhid, 1);
	changed(in);
}

void connected_route(struct intake *in, const struct route *r, uint8_t protocol, bool add)
{
	struct connected_key k = { .table = r->table, .family = r->key.family, .len = r->len };
	const struct path *p = r->paths;

	if (!in->fpm || r->table == TABLE_LOCAL)
		return;
	memcpy(k.addr, r->addr, sizeof(k.addr));
	if (add && protocol == RTPROT_KERNEL && r->key.type == RTN_UNICAST &&
	    (r->key.nhid || (r->key.path_count == 1 && !p->family && !p->encap)))
		remember(in, &k, p->ifindex, r->key.nhid);
	else
		forget(in, &k);
}

void connected_obj(struct intake *in, uint32_t id)
{
	if (hash_map_find(in->connected_objs, &id))
		changed(in);
}

void connected_sweep(struct intake *in)
{
	const void *key;
	size_t at = 0;
	void *v;

	while (hash_map_next(in->connected, &at, &key, &v)) {
		if (((struct connected *)v)->gen != in->gen) {
			struct connected_key k = *(const struct connected_key *)key;

			forget(in, &k);
		}
	}
}

/* The link that it is over; 0: none. */
static uint32_t over(const struct intake *in, const struct connected *c)
{
	const struct obj *o;

	if (!c->nhid)
		return c->ifindex;
	o = obj_find(in, c->nhid);
	return o && !o->member_count && !o->path.family && !o->encap ? o->path.ifindex : 0;
}

uint32_t connected_table(const struct intake *in, uint32_t ifindex)
{
	uint32_t table = 0;
	const void *key;
	size_t at = 0;
	void *v;

	while (hash_map_next(in->connected, &at, &key, &v)) {
		const struct connected_key *k = key;

		if (over(in, v) != ifindex)
			continue;
		if (table && table != k->table)
			return 0;
		table = k->table;
	}
	return table;
}

static bool covers(const struct connected_key *k, const struct addr_key *a)
{
	unsigned bytes = k->len / 8, bits = k->len % 8;

	return k->family == a->family && !memcmp(k->addr, a->addr, bytes) &&
	       (!bits || !((k->addr[bytes] ^ a->addr[bytes]) >> (8 - bits)));
}

static bool is_link_local6(const struct addr_key *a)
{
	return a->family == 6 && a->addr[0] == 0xfe && (a->addr[1] & 0xc0) == 0x80;
}

/* The port's link that alone has the address's prefix, if that is not the address's; 0: all is well. */
static uint32_t belongs_elsewhere(const struct intake *in, const struct addr_key *a)
{
	uint32_t other = 0;
	const void *key;
	size_t at = 0;
	void *v;

	while (hash_map_next(in->connected, &at, &key, &v)) {
		uint32_t ifindex = covers(key, a) ? over(in, v) : 0;
		const struct link *l = link_find(in, ifindex);

		if (ifindex == a->ifindex)
			return 0;
		if (l && l->port >= 0)
			other = ifindex;
	}
	return other;
}

void connected_check(struct intake *in, bool links)
{
	const void *key;
	size_t at = 0;
	void *v;

	if (!in->fpm || !(in->connected_dirty || links))
		return;
	in->connected_dirty = false;
	in->wrong[0] = 0;
	while (hash_map_next(in->addrs, &at, &key, &v)) {
		const struct addr_key *a = key;
		uint32_t other = is_link_local6(a) ? 0 : belongs_elsewhere(in, a);
		const struct link *l = link_find(in, a->ifindex);
		char ip[INET6_ADDRSTRLEN];

		if (!other || !l)
			continue;
		inet_ntop(a->family == 6 ? AF_INET6 : AF_INET, a->addr, ip, sizeof(ip));
		snprintf(in->wrong, sizeof(in->wrong),
			 "the guest has %s on %s, and says that it is on its interface %u", ip, l->name,
			 other);
		return;
	}
}
