/* SPDX-License-Identifier: Apache-2.0 */
#include "dataplane/routes_priv.h"

#include "dataplane/objects_priv.h"

#include <errno.h>
#include <string.h>

static_assert(ROUTES_MAX * sizeof(struct dp_route) + sizeof(struct dp_request) <= DP_DATAGRAM_MAX,
	      "a datagram full of routes has room for its header");

void routes_init(struct routes *r)
{
	r->fib = NULL;
	r->nh = NULL;
	r->count = 0;
}

bool routes_take(const struct routes *r, const struct dp_route *rec)
{
	return !r->fib || (r->fib->id == rec->fib && r->count < ROUTES_MAX);
}

/* The FIB and the next hop are nearly always those of the record before. */
static int routes_find(struct engine *e, struct routes *r, const struct dp_route *rec,
		       struct err *err)
{
	struct vfib *fib = r->fib ? r->fib : hash_map_find(e->fib_map, &rec->fib);
	struct nh_entry *nh = r->nh;

	if (!fib)
		return err_set(err, -ENOENT, "route: no FIB has id %u", rec->fib);
	if (rec->family != 4 && rec->family != 6)
		return err_set(err, -EINVAL, "route: no family %u", rec->family);
	if (rec->rec.op == DP_ROUTE_SET && (!nh || nh->id != rec->nh))
		nh = nh_find(fib->node, rec->nh);
	if (rec->rec.op == DP_ROUTE_SET && !nh)
		return err_set(err, -ENOENT, "route: node %s has no next hop %u", fib->node->name,
			       rec->nh);
	r->fib = fib;
	r->nh = nh;
	return 0;
}

int routes_add(struct engine *e, struct routes *r, const struct dp_route *rec, struct err *err)
{
	struct fib_change *ch = &r->changes[r->count];
	int rc = routes_find(e, r, rec, err);

	if (rc)
		return rc;
	ch->family = rec->family;
	ch->len = rec->len;
	ch->value = rec->rec.op == DP_ROUTE_SET ? r->nh->slot : FIB_MISS;
	memcpy(ch->addr, rec->addr, sizeof(ch->addr));
	r->count++;
	return 0;
}

/* A next hop counts the routes that lead to it. */
static void routes_count(struct engine *e, const struct fib_change *ch, unsigned n)
{
	for (unsigned i = 0; i < n; i++) {
		if (ch[i].value != FIB_MISS)
			e->nh_entries[ch[i].value]->refs++;
		if (ch[i].old != FIB_MISS)
			nh_unref(e, ch[i].old);
	}
}

/* The changes in order until one fails; how many did not. */
static unsigned routes_each(struct fib *fib, struct fib_change *ch, unsigned n, int *rc)
{
	for (unsigned i = 0; i < n; i++) {
		*rc = fib_apply(fib, &ch[i], 1, NULL);
		if (*rc)
			return i;
	}
	return n;
}

int routes_apply(struct engine *e, struct routes *r, unsigned *done, struct err *err)
{
	struct vfib *fib = r->fib;
	unsigned n = r->count;
	int rc = n ? fib_apply(fib->fib, r->changes, n, NULL) : 0;

	/* All or none: none. Those before the one that fails are to stay. */
	*done = rc ? routes_each(fib->fib, r->changes, n, &rc) : n;
	routes_count(e, r->changes, *done);
	routes_init(r);
	if (rc == -ENOSPC)
		return err_set(err, rc, "route of FIB %u of %s: it is full", fib->id,
			       fib->node->name);
	return rc ? err_sys(err, rc, "route of FIB %u of %s", fib->id, fib->node->name) : 0;
}
