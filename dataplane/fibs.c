/* SPDX-License-Identifier: Apache-2.0 */
#include "dataplane/objects_priv.h"

#include "dataplane/engine_priv.h"

#include <errno.h>
#include <stdlib.h>

int vfib_set(struct engine *e, const struct dp_fib *rec, struct err *err)
{
	struct vnode *node = hash_map_find(e->node_map, &rec->node);
	struct vfib *fib = hash_map_find(e->fib_map, &rec->id);
	struct fib_conf conf = { .arena = e->fibs, .max_routes = rec->max_routes };
	int rc;

	if (!rec->id)
		return err_set(err, -EINVAL, "FIB: 0 is no id");
	if (!node)
		return err_set(err, -ENOENT, "FIB %u: no node has id %u", rec->id, rec->node);
	if (node->kind != DP_NODE_ROUTER)
		return err_set(err, -EINVAL, "FIB %u: node %s is no router", rec->id, node->name);
	if (fib && fib->node != node)
		return err_set(err, -EBUSY, "FIB %u: a FIB's node does not change", rec->id);
	if (fib) {
		fib->table = rec->table;
		return 0;
	}
	if (node->fib_count == NODE_FIBS_MAX)
		return err_set(err, -ENOSPC, "node %s: more than %d FIBs", node->name,
			       NODE_FIBS_MAX);
	if (!conf.max_routes)
		conf.max_routes = FIB_ROUTES_DEFAULT;
	fib = calloc(1, sizeof(*fib));
	if (!fib)
		return err_set(err, -ENOMEM, "FIB %u: out of memory", rec->id);
	*fib = (struct vfib){ .id = rec->id, .table = rec->table, .node = node };
	rc = fib_create(&conf, &fib->fib);
	if (!rc && hash_map_set(e->fib_map, &rec->id, fib) < 0) {
		fib_destroy(fib->fib);
		rc = -ENOMEM;
	}
	if (rc) {
		free(fib);
		return err_sys(err, rc, "FIB %u for %u routes", rec->id, conf.max_routes);
	}
	node->fib_count++;
	return 0;
}

static void route_gone(const struct fib_route *route, void *arg)
{
	nh_unref(arg, route->value);
}

static int fib_error(struct err *err, int rc, const char *what, const struct vfib *fib)
{
	if (rc == -ENOSPC)
		return err_set(err, rc, "%s FIB %u of %s: it is full", what, fib->id,
			       fib->node->name);
	return err_sys(err, rc, "%s FIB %u of %s", what, fib->id, fib->node->name);
}

static void vfib_free(struct engine *e, void *arg)
{
	fib_destroy(arg);
}

void vfib_destroy(struct engine *e, struct vfib *fib)
{
	void *value;

	for (size_t i = 0; hash_map_next(e->port_map, &i, NULL, &value);) {
		struct port *port = value;

		if (port->fib != fib->fib)
			continue;
		WR(port->fib, NULL);
		port->fib_id = 0;
	}
	fib_each_route(fib->fib, 4, route_gone, e);
	fib_each_route(fib->fib, 6, route_gone, e);
	fib->node->fib_count--;
	hash_map_del(e->fib_map, &fib->id);
	engine_defer(e, vfib_free, fib->fib);
	free(fib);
}

int vfib_del(struct engine *e, uint32_t id, struct err *err)
{
	struct vfib *fib = hash_map_find(e->fib_map, &id);

	if (!fib)
		return err_set(err, -ENOENT, "no FIB has id %u", id);
	vfib_destroy(e, fib);
	return 0;
}

int vfib_sync(struct engine *e, uint32_t node_id, bool end, struct err *err)
{
	struct vnode *node = hash_map_find(e->node_map, &node_id);
	void *value;
	int rc;

	if (!node)
		return err_set(err, -ENOENT, "FIB sync: no node has id %u", node_id);
	if (end && !node->syncing)
		return err_set(err, -EINVAL, "node %s: the end of a FIB sync that did not begin",
			       node->name);
	for (size_t i = 0; hash_map_next(e->fib_map, &i, NULL, &value);) {
		struct vfib *fib = value;

		if (fib->node != node)
			continue;
		if (!end) {
			fib_mark(fib->fib);
			continue;
		}
		rc = fib_sweep(fib->fib, route_gone, e);
		if (rc < 0) /* what is left is still marked: the end can be said again */
			return fib_error(err, rc, "stale routes of", fib);
	}
	node->syncing = !end;
	if (!end)
		node->sync_epoch++;
	if (end)
		nh_sweep(e, node);
	return 0;
}
