/* SPDX-License-Identifier: Apache-2.0 */
/* What the next hops of a route are for the engine. */
#include "vrouter/intake_priv.h"

#include <linux/rtnetlink.h>
#include <string.h>

/* The engine judges the size of packets by the port's MTU, not by what the guest has made of it. */
static bool mtu_differs(const struct intake *in, const struct link *l)
{
	uint16_t mtu = in->ports[l->port].mtu;

	return mtu && mtu != l->mtu;
}

/* One next hop; a reference. */
static struct nh *path_nh(struct intake *in, const struct info_key *k, const struct path *p,
			  enum why *why, uint32_t *arg)
{
	const struct link *l = link_find(in, p->ifindex);
	enum why because = WHY_NONE;
	uint32_t what = p->ifindex;

	if (in->fpm && p->ifindex < INTAKE_FPM_PORTS && !p->family)
		return nh_ref(in->nh_punt); /* its own addresses, and those by which it is managed */
	if (p->encap)
		because = WHY_ENCAP;
	else if (!l || l->port < 0)
		because = WHY_NOT_PORT;
	else if (!l->table)
		because = WHY_GUESTS;
	else if (mtu_differs(in, l))
		because = WHY_PORT_MTU;
	else if (k->mtu && k->mtu < l->mtu)
		because = WHY_MTU, what = k->mtu;
	if (because != WHY_NONE) {
		*why = because;
		*arg = what;
	} else if (p->family) {
		return nh_via(in, p->ifindex, p->family, p->gw);
	}
	return nh_ref(in->nh_punt);
}

static bool path_alive(const struct intake *in, const struct path *p)
{
	const struct link *l = link_find(in, p->ifindex);

	return !l || l->flags & IFF_UP;
}

/* Whether an IPv4 next hop among several may be dead in the kernel though its link is up. */
static bool path_unsure(const struct intake *in, const struct info_key *k, const struct path *p)
{
	const struct link *l = link_find(in, p->ifindex);

	return k->family == 4 && !k->nhid && l && l->dead4;
}

static unsigned gcd(unsigned a, unsigned b)
{
	return b ? gcd(b, a % b) : a;
}

struct nh *paths_resolve(struct intake *in, const struct info_key *k, const struct path *paths,
			 unsigned n, enum why *why, uint32_t *arg)
{
	struct nh *members[MEMBERS_MAX];
	unsigned div = 0, total = 0, count = 0;
	bool same = true;

	for (unsigned i = 0; i < n; i++) {
		if (!path_alive(in, &paths[i]))
			continue;
		div = gcd(paths[i].weight, div);
		total += paths[i].weight;
	}
	for (unsigned i = 0; n > 1 && i < n; i++) {
		if (!path_unsure(in, k, &paths[i]))
			continue;
		*why = WHY_DEAD;
		*arg = paths[i].ifindex;
		return nh_ref(in->nh_punt);
	}
	if (!total)
		return nh_ref(in->nh_punt);
	if (total / div > MEMBERS_MAX) {
		*why = WHY_PATHS;
		return nh_ref(in->nh_punt);
	}
	for (unsigned i = 0; i < n; i++) {
		if (!path_alive(in, &paths[i]))
			continue;
		for (unsigned w = paths[i].weight / div; w; w--) {
			members[count] = path_nh(in, k, &paths[i], why, arg);
			same &= members[count] == members[0];
			count++;
		}
	}
	if (!same)
		return nh_group(in, members, count);
	while (count > 1)
		nh_put(in, members[--count]);
	return members[0];
}

/* The paths of a next-hop object; false when some part of it is not known or not plain. */
static bool object_paths(const struct intake *in, uint32_t id, struct path *paths, unsigned *n,
			 bool *blackhole)
{
	const struct obj *o = obj_find(in, id), *m;

	*n = 0;
	*blackhole = o && o->blackhole;
	if (!o || o->member_count > PATHS_MAX)
		return false;
	if (!o->member_count)
		paths[(*n)++] = o->path;
	for (unsigned i = 0; i < o->member_count; i++) {
		m = obj_find(in, o->members[i].id);
		if (!m || m->blackhole || m->member_count)
			return false;
		paths[*n] = m->path;
		paths[(*n)++].weight = (uint16_t)o->members[i].weight;
	}
	return true;
}

static struct nh *unicast(struct intake *in, struct info *i, enum why *why)
{
	struct path of_object[PATHS_MAX];
	const struct path *paths = i->paths;
	unsigned n = i->key.path_count;
	bool blackhole = false;
	const struct link *l;

	if (i->key.nhid) {
		paths = of_object;
		if (!object_paths(in, i->key.nhid, of_object, &n, &blackhole)) {
			*why = WHY_OBJECT;
			i->arg = i->key.nhid;
			return nh_ref(in->nh_punt);
		}
	}
	if (blackhole)
		return nh_ref(in->nh_drop);
	l = n == 1 ? link_find(in, paths[0].ifindex) : NULL;
	if (l && !paths[0].family && !paths[0].encap && l->port >= 0 && l->table &&
	    !mtu_differs(in, l) && !(i->key.mtu && i->key.mtu < l->mtu))
		i->onlink = l->ifindex;
	return paths_resolve(in, &i->key, paths, n, why, &i->arg);
}

/* A route by an object is told as blackhole when either is: after a change nobody knows which. */
static bool object_forwards(const struct intake *in, uint32_t id)
{
	const struct obj *o = id ? obj_find(in, id) : NULL;

	return o && !o->blackhole;
}

/* Works out i->nh unless that is known since the last change of links or objects. */
void info_resolve(struct intake *in, struct info *i)
{
	struct nh *was = i->nh;
	enum why why = WHY_NONE;

	if (i->epoch == in->epoch && was)
		return;
	i->epoch = in->epoch;
	i->onlink = i->arg = 0;
	if (i->key.flags & INFO_EXPIRES && i->key.type == RTN_UNICAST) {
		why = WHY_EXPIRES;
		i->nh = nh_ref(in->nh_punt);
	} else if (i->key.type == RTN_UNICAST) {
		i->nh = unicast(in, i, &why);
	} else if (i->key.type == RTN_BLACKHOLE && !object_forwards(in, i->key.nhid)) {
		i->nh = nh_ref(in->nh_drop);
	} else if (i->key.type == RTN_LOCAL) {
		i->nh = nh_ref(in->nh_local);
	} else {
		if (i->key.type == RTN_THROW || i->key.type > RTN_PROHIBIT)
			why = WHY_TYPE, i->arg = i->key.type;
		i->nh = nh_ref(in->nh_punt);
	}
	i->why = (uint8_t)why;
	if (was)
		nh_put(in, was);
}
