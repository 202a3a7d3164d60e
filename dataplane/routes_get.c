/* SPDX-License-Identifier: Apache-2.0 */
#include "dataplane/routes_get_priv.h"

#include "dataplane/objects_priv.h"

#include <errno.h>
#include <string.h>

struct get {
	struct engine *e;
	const struct vfib *fib;
	routes_get_room *room;
	void *arg;
};

/* Unless this answer has it. Members are no groups, so that this goes no deeper than once. */
static void tell_nh(const struct get *g, struct nh_entry *entry)
{
	const struct nh *nh = entry->nh;
	struct dp_nh *out;

	if (entry->told == g->e->answer)
		return;
	entry->told = g->e->answer;
	for (uint32_t i = 0; i < nh->count; i++)
		tell_nh(g, g->e->nh_entries[nh->members[i]]);
	out = g->room(g->arg, DP_NH_SET, (sizeof(*out) + nh->count * sizeof(uint32_t) + 7) & ~(size_t)7);
	out->node = g->fib->node->id;
	out->id = entry->id;
	out->kind = nh->kind;
	out->port = nh->port ? nh->port->id : 0;
	memcpy(out->mac, &nh->mac, sizeof(out->mac));
	out->member_count = (uint16_t)nh->count;
	for (uint32_t i = 0; i < nh->count; i++)
		out->members[i] = g->e->nh_entries[nh->members[i]]->id;
}

static void tell_route(const struct fib_route *route, void *arg)
{
	const struct get *g = arg;
	struct nh_entry *entry = g->e->nh_entries[route->value];
	struct dp_route *out;

	tell_nh(g, entry);
	out = g->room(g->arg, DP_ROUTE_SET, sizeof(*out));
	out->fib = g->fib->id;
	out->nh = entry->id;
	out->family = route->family;
	out->len = route->len;
	memcpy(out->addr, route->addr, sizeof(out->addr));
}

int routes_get(struct engine *e, const struct dp_route_get *rec, routes_get_room *room, void *arg,
	       struct err *err)
{
	struct fib_route after = { .family = rec->family, .len = rec->len };
	struct get g = { .e = e, .fib = hash_map_find(e->fib_map, &rec->fib), .room = room, .arg = arg };

	memcpy(after.addr, rec->addr, sizeof(after.addr));
	if (!rec->most || rec->most > DP_ROUTES_GET_MAX)
		return err_set(err, -EINVAL, "routes of FIB %u: %u at a time", rec->fib, rec->most);
	if (!g.fib)
		return 0;
	if (!++e->answer)
		e->answer = 1; /* 0 is that of no next hop's */
	if (fib_next_routes(g.fib->fib, rec->family, rec->after ? &after : NULL, rec->most, tell_route,
			    &g) < 0)
		return err_set(err, -EINVAL, "routes of FIB %u: %u bits of family %u", rec->fib, rec->len,
			       rec->family);
	return 0;
}
