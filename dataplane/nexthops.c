/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A next hop has a slot in one table for all routers; a FIB's values and a group's members are
 * slots. A change publishes another struct nh in the slot, so routes and groups need no change. A
 * slot that was given up is used again only after all readers were quiescent: no reader ever
 * follows an old value to another router's next hop.
 */
#include "dataplane/objects_priv.h"

#include "dataplane/engine_priv.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct nh_entry *nh_find(const struct vnode *node, uint32_t id)
{
	return hash_map_find(node->nhs, &id);
}

static void nh_put_slot(struct engine *e, void *arg)
{
	slots_put(&e->nh_slots, (uint32_t)(uintptr_t)arg);
}

static void nh_members_ref(struct engine *e, const struct nh *nh, uint32_t by)
{
	for (uint32_t i = 0; nh && i < nh->count; i++) {
		e->nh_entries[nh->members[i]]->refs += by;
		e->nh_entries[nh->members[i]]->group_refs += by;
	}
}

static void nh_publish(struct engine *e, struct nh_entry *entry, struct nh *nh)
{
	engine_free_later(e, entry->nh);
	entry->nh = nh;
	WR(e->nhs[entry->slot], nh);
	WR(e->adjs[entry->slot + 1],
	   nh && nh->port ? (nh->port->handle & 0xffff) | nh->mac << 16 : 0);
}

static void nh_destroy(struct engine *e, struct vnode *node, struct nh_entry *entry)
{
	nh_members_ref(e, entry->nh, -1u);
	nh_publish(e, entry, NULL);
	e->nh_entries[entry->slot] = NULL;
	hash_map_del(node->nhs, &entry->id);
	engine_defer(e, nh_put_slot, (void *)(uintptr_t)entry->slot);
	free(entry);
}

/* The reader's view of rec, or NULL and *rc. */
static struct nh *nh_build(struct engine *e, const struct dp_nh *rec, const struct vnode *node,
			   int *rc, struct err *err)
{
	struct nh *nh = calloc(1, sizeof(*nh) + rec->member_count * sizeof(uint32_t));

	if (!nh) {
		*rc = err_set(err, -ENOMEM, "next hop %u: out of memory", rec->id);
		return NULL;
	}
	nh->kind = rec->kind;
	nh->count = rec->member_count;
	if (rec->kind == DP_NH_ADJ) {
		nh->port = hash_map_find(e->port_map, &rec->port);
		nh->mac = mac_load(rec->mac);
		if (!nh->port)
			*rc = err_set(err, -ENOENT, "next hop %u: no port has id %u", rec->id,
				      rec->port);
		else if (nh->port->node != node)
			*rc = err_set(err, -EXDEV, "next hop %u: port %u is another node's",
				      rec->id, rec->port);
	}
	for (uint32_t i = 0; i < rec->member_count && !*rc; i++) {
		struct nh_entry *member = nh_find(node, rec->members[i]);

		if (!member)
			*rc = err_set(err, -ENOENT, "next hop %u: node has no next hop %u", rec->id,
				      rec->members[i]);
		else if (member->nh->kind != DP_NH_ADJ && member->nh->kind != DP_NH_PUNT)
			*rc = err_set(err, -EINVAL, "next hop %u: %u cannot be in a group", rec->id,
				      rec->members[i]);
		else
			nh->members[i] = member->slot;
	}
	if (!*rc)
		return nh;
	free(nh);
	return NULL;
}

static int nh_check(const struct dp_nh *rec, const struct vnode *node,
		    const struct nh_entry *entry, struct err *err)
{
	if (!rec->id)
		return err_set(err, -EINVAL, "next hop: 0 is no id");
	if (!node)
		return err_set(err, -ENOENT, "next hop %u: no node has id %u", rec->id, rec->node);
	if (node->kind != DP_NODE_ROUTER)
		return err_set(err, -EINVAL, "next hop %u: node %s is no router", rec->id,
			       node->name);
	if (rec->kind < DP_NH_PUNT || rec->kind > DP_NH_LOCAL)
		return err_set(err, -EINVAL, "next hop %u: no kind %u", rec->id, rec->kind);
	if (rec->kind == DP_NH_GROUP ? !rec->member_count || rec->member_count > DP_NH_GROUP_MAX :
				       rec->member_count)
		return err_set(err, -EINVAL, "next hop %u: %u members", rec->id, rec->member_count);
	if (entry && entry->group_refs && rec->kind != DP_NH_ADJ && rec->kind != DP_NH_PUNT)
		return err_set(err, -EBUSY, "next hop %u is in a group", rec->id);
	if (!entry && hash_map_count(node->nhs) >= NODE_NHS_MAX)
		return err_set(err, -ENOSPC, "node %s: more than %d next hops", node->name,
			       NODE_NHS_MAX);
	return 0;
}

static struct nh_entry *nh_create(struct engine *e, struct vnode *node, uint32_t id)
{
	struct nh_entry *entry = calloc(1, sizeof(*entry));

	if (!entry)
		return NULL;
	entry->id = id;
	entry->slot = slots_take(&e->nh_slots);
	if (!entry->slot || hash_map_set(node->nhs, &id, entry) < 0) {
		if (entry->slot)
			slots_put(&e->nh_slots, entry->slot);
		free(entry);
		return NULL;
	}
	e->nh_entries[entry->slot] = entry;
	return entry;
}

static bool nh_same(const struct nh *a, const struct nh *b)
{
	return a->kind == b->kind && a->port == b->port && a->mac == b->mac &&
	       a->count == b->count &&
	       !memcmp(a->members, b->members, a->count * sizeof(a->members[0]));
}

int nh_set(struct engine *e, const struct dp_nh *rec, struct err *err)
{
	struct vnode *node = hash_map_find(e->node_map, &rec->node);
	struct nh_entry *entry = node ? nh_find(node, rec->id) : NULL;
	int rc = nh_check(rec, node, entry, err);
	struct nh *nh = rc ? NULL : nh_build(e, rec, node, &rc, err);

	if (!nh)
		return rc;
	if (entry && nh_same(entry->nh, nh)) {
		free(nh);
	} else {
		if (!entry)
			entry = nh_create(e, node, rec->id);
		if (!entry) {
			free(nh);
			return err_set(err, -ENOMEM, "next hop %u: no room for another", rec->id);
		}
		nh_members_ref(e, nh, 1);
		nh_members_ref(e, entry->nh, -1u);
		nh_publish(e, entry, nh);
	}
	entry->epoch = node->sync_epoch;
	return 0;
}

int nh_del(struct engine *e, uint32_t node_id, uint32_t id, struct err *err)
{
	struct vnode *node = hash_map_find(e->node_map, &node_id);
	struct nh_entry *entry = node ? nh_find(node, id) : NULL;

	if (!entry)
		return err_set(err, -ENOENT, "node %u has no next hop %u", node_id, id);
	if (entry->refs)
		return err_set(err, -EBUSY, "next hop %u is used by %u routes and groups", id,
			       entry->refs);
	nh_destroy(e, node, entry);
	return 0;
}

void nh_unref(struct engine *e, uint32_t slot)
{
	e->nh_entries[slot]->refs--;
}

void nh_sweep(struct engine *e, struct vnode *node)
{
	void *value;

	/* Groups first: they hold the others. */
	for (int groups = 1; groups >= 0; groups--) {
		for (size_t i = 0; hash_map_next(node->nhs, &i, NULL, &value);) {
			struct nh_entry *entry = value;

			if (entry->epoch != node->sync_epoch && !entry->refs &&
			    (entry->nh->kind == DP_NH_GROUP) == groups)
				nh_destroy(e, node, entry);
		}
	}
}

void nh_clear(struct engine *e, struct vnode *node)
{
	void *value;

	for (int groups = 1; groups >= 0; groups--)
		for (size_t i = 0; hash_map_next(node->nhs, &i, NULL, &value);)
			if ((((struct nh_entry *)value)->nh->kind == DP_NH_GROUP) == groups)
				nh_destroy(e, node, value);
}

void nh_lose_port(struct engine *e, const struct port *port)
{
	void *value;

	for (size_t i = 0; hash_map_next(port->node->nhs, &i, NULL, &value);) {
		struct nh_entry *entry = value;
		struct nh *nh;

		if (entry->nh->port != port)
			continue;
		nh = malloc(sizeof(*nh));
		if (nh) {
			*nh = *entry->nh;
			nh->port = NULL;
			nh_publish(e, entry, nh);
		} else {
			WR(entry->nh->port, NULL); /* as good, but for a reader in the midst */
			WR(e->adjs[entry->slot + 1], 0);
		}
	}
}
