/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Next-hop objects (ip-nexthop(8), linux/nexthop.h). Deleting one deletes the routes that use it
 * and takes it out of its groups, whether or not the kernel says so. obj_uses counts who names an
 * id, known or not, so that the changes of an unused object cost nothing.
 */
#include "vrouter/intake_priv.h"

#include <stdlib.h>

struct obj *obj_find(const struct intake *in, uint32_t id)
{
	return hash_map_find(in->objs, &id);
}

void obj_use(struct intake *in, uint32_t id, int by)
{
	uintptr_t n = (uintptr_t)hash_map_find(in->obj_uses, &id) + (uintptr_t)(intptr_t)by;

	if (n)
		(void)hash_map_set(in->obj_uses, &id, (void *)n);
	else
		hash_map_del(in->obj_uses, &id);
}

static void obj_changed(struct intake *in, uint32_t id)
{
	if (!hash_map_find(in->obj_uses, &id))
		return;
	in->epoch++;
	for (unsigned i = 0; i < TABLES_MAX; i++) {
		if (in->tables[i])
			in->tables[i]->all = true;
	}
}

static void obj_members_use(struct intake *in, const struct obj *o, int by)
{
	for (unsigned i = 0; i < o->member_count; i++)
		obj_use(in, o->members[i].id, by);
}

void mirror_obj(struct intake *in, struct obj *o)
{
	struct obj *was = obj_find(in, o->id);

	o->gen = in->gen;
	if ((!was && hash_map_count(in->objs) >= OBJS_MAX) ||
	    hash_map_set(in->objs, &o->id, o) < 0) {
		in->stats.refused++;
		free(o);
		return;
	}
	if (was)
		obj_members_use(in, was, -1);
	free(was);
	obj_members_use(in, o, 1);
	obj_changed(in, o->id);
	connected_obj(in, o->id);
}

/* Takes id out of the groups; true when that emptied one, which is then `empty`. */
static bool groups_drop(struct intake *in, uint32_t id, uint32_t *empty)
{
	size_t at = 0;
	void *v;

	while (hash_map_next(in->objs, &at, NULL, &v)) {
		struct obj *o = v;
		unsigned keep = 0;

		if (!o->member_count)
			continue;
		for (unsigned i = 0; i < o->member_count; i++) {
			if (o->members[i].id != id)
				o->members[keep++] = o->members[i];
			else
				obj_use(in, id, -1);
		}
		if (keep == o->member_count)
			continue;
		obj_changed(in, o->id);
		o->member_count = keep;
		if (!keep) {
			*empty = o->id;
			return true;
		}
	}
	return false;
}

/* Groups have no groups as members, so one more round is all there is. */
void mirror_obj_del(struct intake *in, uint32_t id)
{
	struct obj *o = obj_find(in, id);
	uint32_t empty;

	if (!o)
		return;
	obj_members_use(in, o, -1);
	hash_map_del(in->objs, &id);
	free(o);
	if (!hash_map_find(in->obj_uses, &id))
		return;
	obj_changed(in, id);
	while (groups_drop(in, id, &empty)) {
		free(hash_map_del(in->objs, &empty));
		if (hash_map_find(in->obj_uses, &empty))
			flush_note(in, EVENT_OBJECT, empty, 0);
	}
	flush_note(in, EVENT_OBJECT, id, 0);
}

/* Deletes those that `gone` says, one at a time: a deletion may take groups with it. */
static void objs_delete(struct intake *in, bool (*gone)(const struct intake *, const struct obj *,
							 uint32_t), uint32_t arg)
{
	struct vec ids = { 0 };
	size_t at = 0;
	void *v;

	while (hash_map_next(in->objs, &at, NULL, &v)) {
		if (gone(in, v, arg))
			(void)vec_push(&ids, (void *)(uintptr_t)((struct obj *)v)->id);
	}
	for (size_t i = 0; i < ids.n; i++)
		mirror_obj_del(in, (uint32_t)(uintptr_t)ids.v[i]);
	free(ids.v);
}

static bool over_link(const struct intake *in, const struct obj *o, uint32_t ifindex)
{
	return !o->member_count && !o->blackhole && o->path.ifindex == ifindex;
}

static bool stale(const struct intake *in, const struct obj *o, uint32_t arg)
{
	return o->gen != in->gen;
}

void objs_flush_link(struct intake *in, uint32_t ifindex)
{
	objs_delete(in, over_link, ifindex);
}

void objs_sweep(struct intake *in)
{
	objs_delete(in, stale, 0);
}
