/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The engine's next hops. One per (link, gateway): its id stays while its content follows the
 * neighbour (ADJ or PUNT), so that a neighbour's change costs one message however many routes use
 * it. Groups are interned by their members. Made and deleted inside a commit only.
 */
#include "vrouter/intake_priv.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct nh *nh_ref(struct nh *nh)
{
	nh->refs++;
	return nh;
}

void nh_put(struct intake *in, struct nh *nh)
{
	if (--nh->refs || nh->dead)
		return;
	nh->dead = vec_push(&in->dead_nhs, nh) == 0; /* else it is kept for good: no memory */
}

void nh_view(const struct nh *nh, uint32_t *ids, struct intake_nh *out)
{
	*out = (struct intake_nh){ .id = nh->id, .kind = nh->kind, .port = nh->port,
				   .member_count = nh->member_count };
	memcpy(out->mac, nh->mac, 6);
	for (unsigned i = 0; i < nh->member_count; i++)
		ids[i] = nh->members[i]->id;
	out->members = nh->member_count ? ids : NULL;
}

void nh_view_whole(const struct nh *nh, struct nh_whole *out)
{
	nh_view(nh, out->ids, &out->nh);
	for (unsigned m = 0; m < out->nh.member_count; m++) /* they have no members */
		nh_view(nh->members[m], NULL, &out->hops[m]);
	out->nh.hops = out->nh.member_count ? out->hops : NULL;
}

static void nh_send(struct intake *in, const struct nh *nh)
{
	uint32_t ids[MEMBERS_MAX];
	struct intake_nh view;

	nh_view(nh, ids, &view);
	in->sink.nh_set(in->arg, &view);
	in->any_sent = true;
}

static struct nh *nh_new(struct intake *in, enum intake_nh_kind kind, unsigned members)
{
	struct nh *nh = calloc(1, sizeof(*nh) + members * sizeof(struct nh *));

	if (!nh)
		return NULL;
	nh->id = ++in->nh_last;
	nh->kind = kind;
	nh->refs = 1;
	return nh;
}

/* What the neighbour makes of it; true when that changed. */
static bool via_update(const struct intake *in, struct nh *nh)
{
	const struct link *l = link_find(in, nh->via.ifindex);
	const struct neigh *n = hash_map_find(in->neighs, &nh->via);
	enum intake_nh_kind kind = INTAKE_NH_PUNT;
	uint8_t mac[6] = { 0 };
	unsigned port = 0;
	bool changed;

	if (l && l->port >= 0 && l->table && l->flags & IFF_UP &&
	    l->flags & (IFF_RUNNING | IFF_LOWER_UP) && n && n->usable) {
		kind = INTAKE_NH_ADJ;
		port = (unsigned)l->port;
		memcpy(mac, n->mac, 6);
	}
	changed = kind != nh->kind || port != nh->port || memcmp(mac, nh->mac, 6) != 0;
	nh->kind = kind;
	nh->port = port;
	memcpy(nh->mac, mac, 6);
	return changed;
}

struct nh *nh_via(struct intake *in, uint32_t ifindex, uint8_t family, const uint8_t *gw)
{
	struct addr_key k = { .ifindex = ifindex, .family = family };
	struct nh *nh;

	memcpy(k.addr, gw, family == 6 ? 16 : 4);
	nh = hash_map_find(in->vias, &k);
	if (nh)
		return nh_ref(nh);
	nh = nh_new(in, INTAKE_NH_PUNT, 0);
	if (!nh || hash_map_set(in->vias, &k, nh) < 0) {
		free(nh);
		return nh_ref(in->nh_punt);
	}
	nh->via = k;
	via_update(in, nh);
	nh_send(in, nh);
	return nh;
}

struct nh *nh_group(struct intake *in, struct nh **members, unsigned n)
{
	uint64_t hash = hash_bytes(members, n * sizeof(members[0]));
	struct nh *head = hash_map_find(in->groups, &hash), *g;

	for (g = head; g; g = g->same) {
		if (g->member_count == n && !memcmp(g->members, members, n * sizeof(members[0])))
			break;
	}
	if (g) {
		nh_ref(g);
	} else {
		g = nh_new(in, INTAKE_NH_GROUP, n);
		if (g) {
			g->hash = hash;
			g->same = head;
		}
		if (g && hash_map_set(in->groups, &hash, g) == 0) {
			g->member_count = n;
			memcpy(g->members, members, n * sizeof(members[0]));
			nh_send(in, g);
			return g;
		}
		free(g);
		g = nh_ref(in->nh_punt);
	}
	for (unsigned i = 0; i < n; i++)
		nh_put(in, members[i]);
	return g;
}

void nh_via_changed(struct intake *in, const struct addr_key *k)
{
	struct nh *nh = hash_map_find(in->vias, k);

	if (nh && !nh->dirty)
		nh->dirty = vec_push(&in->dirty_nhs, nh) == 0;
}

void nh_refresh(struct intake *in, bool all)
{
	size_t at = 0;
	void *v;

	for (size_t i = 0; i < in->dirty_nhs.n; i++) {
		struct nh *nh = in->dirty_nhs.v[i];

		nh->dirty = false;
		if (via_update(in, nh))
			nh_send(in, nh);
	}
	in->dirty_nhs.n = 0;
	while (all && hash_map_next(in->vias, &at, NULL, &v)) {
		if (via_update(in, v))
			nh_send(in, v);
	}
}

static void group_forget(struct intake *in, struct nh *nh)
{
	struct nh *head = hash_map_find(in->groups, &nh->hash), **at;

	for (at = &head; *at != nh; at = &(*at)->same)
		;
	*at = nh->same;
	if (head)
		(void)hash_map_set(in->groups, &nh->hash, head);
	else
		hash_map_del(in->groups, &nh->hash);
	for (unsigned i = 0; i < nh->member_count; i++)
		nh_put(in, nh->members[i]);
}

/* Deletes what nothing uses any more; a group's members come behind it in the list. */
void nh_reap(struct intake *in)
{
	for (size_t i = 0; i < in->dead_nhs.n; i++) {
		struct nh *nh = in->dead_nhs.v[i];

		nh->dead = false;
		if (nh->refs)
			continue;
		in->sink.nh_del(in->arg, nh->id);
		in->any_sent = true;
		if (nh->member_count)
			group_forget(in, nh);
		else
			hash_map_del(in->vias, &nh->via);
		free(nh);
	}
	in->dead_nhs.n = 0;
}

int nh_init(struct intake *in)
{
	in->vias = hash_map_create(sizeof(struct addr_key));
	in->groups = hash_map_create(sizeof(uint64_t));
	in->nh_punt = nh_new(in, INTAKE_NH_PUNT, 0);
	in->nh_drop = nh_new(in, INTAKE_NH_DROP, 0);
	in->nh_local = nh_new(in, INTAKE_NH_LOCAL, 0);
	in->nh_ports = calloc(in->port_count + 1u, sizeof(in->nh_ports[0]));
	if (!in->vias || !in->groups || !in->nh_punt || !in->nh_drop || !in->nh_local ||
	    !in->nh_ports)
		return -ENOMEM;
	for (unsigned i = 0; i < in->port_count; i++) {
		in->nh_ports[i] = nh_new(in, INTAKE_NH_LOCAL, 0);
		if (!in->nh_ports[i])
			return -ENOMEM;
		in->nh_ports[i]->id = in->nh_local->id;
		in->nh_ports[i]->port = i;
	}
	return 0;
}

static void chains_free(struct hash_map *m)
{
	size_t at = 0;
	void *v;

	while (m && hash_map_next(m, &at, NULL, &v)) {
		for (struct nh *nh = v, *next; nh; nh = next) {
			next = nh->same;
			free(nh);
		}
	}
	hash_map_destroy(m);
}

void nh_fini(struct intake *in)
{
	chains_free(in->vias);
	chains_free(in->groups);
	free(in->nh_punt);
	free(in->nh_drop);
	free(in->nh_local);
	for (unsigned i = 0; in->nh_ports && i < in->port_count; i++)
		free(in->nh_ports[i]);
	free(in->nh_ports);
}
