/* SPDX-License-Identifier: Apache-2.0 */
/* Which of the guest's links are ports, the FIB of each, and which tables are FIBs. */
#include "vrouter/intake_priv.h"

#include <linux/if_arp.h>
#include <string.h>

static const uint8_t no_mac[6];

/* How well a link fits a port: 0 not at all. Stacked links (vlan, macvlan, bridge, bond, ...)
 * may carry a port's MAC and are none; veth and tun are NICs where the guest is a container. */
static unsigned link_fits(const struct link *l, const struct intake_port *p)
{
	const uint8_t *hw = memcmp(p->hw, no_mac, 6) ? p->hw : p->mac;
	unsigned fit = l->kind[0] ? 1 : 3;

	if (l->type != ARPHRD_ETHER ||
	    (l->kind[0] && strcmp(l->kind, "veth") != 0 && strcmp(l->kind, "tun") != 0))
		return 0;
	if (l->has_perm)
		return memcmp(l->perm, hw, 6) ? 0 : fit + 1;
	return memcmp(l->mac, p->mac, 6) ? 0 : fit;
}

static struct link *port_link(const struct intake *in, unsigned port)
{
	struct link *best = NULL;
	unsigned best_fit = 0;
	size_t at = 0;
	void *v;

	if (!memcmp(in->ports[port].mac, no_mac, 6))
		return NULL;
	while (hash_map_next(in->links, &at, NULL, &v)) {
		struct link *l = v;
		unsigned fit = link_fits(l, &in->ports[port]);

		if (fit > best_fit || (fit && fit == best_fit && l->ifindex < best->ifindex)) {
			best = l;
			best_fit = fit;
		}
	}
	return best;
}

/* The FIB of a port; 0: its traffic is the guest's business. */
static uint32_t port_table(struct intake *in, unsigned port, const struct link *l)
{
	const struct link *m = link_find(in, l->master);

	if (memcmp(l->mac, in->ports[port].mac, 6) != 0)
		return 0; /* the guest speaks with another MAC than the engine would */
	if (in->fpm) {
		uint32_t table = connected_table(in, l->ifindex);

		return table && table_get(in, table) ? table : 0;
	}
	if (!l->master)
		return TABLE_MAIN;
	if (!m || strcmp(m->kind, "vrf") != 0 || !m->vrf_table ||
	    (m->vrf_table >= TABLE_DEFAULT && m->vrf_table <= TABLE_LOCAL))
		return 0;
	return table_get(in, m->vrf_table) ? m->vrf_table : 0;
}

static void fibs_choose(struct intake *in)
{
	bool want[TABLES_MAX] = { false };

	for (unsigned i = 0; i < in->port_count; i++) {
		const struct link *l = link_find(in, in->port_states[i].ifindex);
		struct table *t = l && l->table ? table_find(in, l->table) : NULL;

		if (t)
			want[trie_table_index(in, t)] = true;
	}
	for (unsigned i = 0; i < TABLES_MAX; i++) {
		struct table *t = in->tables[i];

		if (!t)
			continue;
		t->all = true;
		if (t->id == TABLE_MAIN || t->fib == want[i])
			continue;
		t->fib = want[i];
		routes_copy_local(in, t, t->fib);
	}
}

void ports_resolve(struct intake *in)
{
	size_t at = 0;
	void *v;

	in->links_dirty = false;
	in->epoch++;
	while (hash_map_next(in->links, &at, NULL, &v)) {
		((struct link *)v)->port = -1;
		((struct link *)v)->table = 0;
	}
	for (unsigned i = 0; i < in->port_count; i++) {
		struct link *l = port_link(in, i);

		in->port_states[i].ifindex = l ? l->ifindex : 0;
		if (!l)
			continue;
		l->port = (int)i;
		l->table = port_table(in, i, l);
	}
	fibs_choose(in);
	for (at = 0; hash_map_next(in->neighs, &at, NULL, &v);)
		mirror_neigh_place(in, v);
}

void intake_set_port(struct intake *in, unsigned port, const struct intake_port *to)
{
	if (port >= in->port_count || !memcmp(&in->ports[port], to, sizeof(*to)))
		return;
	in->ports[port] = *to;
	in->port_states[port].sent = false;
	in->links_dirty = true;
}

/* What netconf says of the interface; `all` speaks for an interface that was not told. */
static bool forwards(const struct intake *in, uint8_t family, uint32_t ifindex)
{
	const struct conf *own = conf_find(in, family, ifindex), *all = conf_find(in, family, ~0u);
	bool filtered = (own && own->rp_filter > 0) || (all && all->rp_filter > 0);

	if (family == 6) /* all must be on; an interface that is off is left to the guest */
		return !(all && !all->forwarding) && !(own && !own->forwarding);
	if (filtered)
		return false;
	if (own && own->forwarding >= 0)
		return own->forwarding;
	return !all || all->forwarding;
}

void ports_send(struct intake *in)
{
	for (unsigned i = 0; i < in->port_count; i++) {
		struct port_state *s = &in->port_states[i], was = *s;
		const struct link *l = link_find(in, s->ifindex);

		if (!memcmp(in->ports[i].mac, no_mac, 6))
			continue;
		s->table = l ? l->table : 0;
		s->up = l && l->flags & IFF_UP;
		s->fwd4 = l && forwards(in, 4, l->ifindex);
		s->fwd6 = l && forwards(in, 6, l->ifindex);
		s->sent = true;
		if (was.sent && was.table == s->table && was.up == s->up && was.fwd4 == s->fwd4 &&
		    was.fwd6 == s->fwd6)
			continue;
		in->sink.port_set(in->arg, i, s->table, s->up, s->fwd4, s->fwd6);
		in->any_sent = true;
	}
}
