/* SPDX-License-Identifier: Apache-2.0 */
#include "dataplane/objects_priv.h"

#include "dataplane/bridge_priv.h"
#include "dataplane/capture_priv.h"
#include "dataplane/egress_priv.h"
#include "dataplane/engine_priv.h"
#include "dataplane/link_impair_priv.h"
#include "dataplane/snoop_priv.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static void vnet_free(struct engine *e, void *arg)
{
	struct vnet *vnet = arg;

	for (unsigned i = 0; i < e->worker_count; i++)
		worker_forget(e->workers[i], vnet);
	slots_put(&e->vnet_slots, vnet->slot);
	slab_leave(&e->vnet_slab, vnet);
}

static struct vnet *vnet_create(struct engine *e, uint32_t id)
{
	uint32_t slot = slots_take(&e->vnet_slots);
	struct vnet *vnet;

	if (!slot)
		return NULL;
	vnet = slab_take(&e->vnet_slab, slot);
	vnet->id = id;
	vnet->slot = slot;
	vnet->handle = slot | (uint32_t)++e->vnet_gens[slot] << 16;
	if (!hash_map_set(e->vnet_map, &id, vnet)) {
		WR(e->vnets[slot], vnet);
		return vnet;
	}
	slab_leave(&e->vnet_slab, vnet);
	slots_put(&e->vnet_slots, slot);
	return NULL;
}

int vnet_set(struct engine *e, const struct dp_vnet *rec, struct err *err)
{
	struct vnet *vnet = hash_map_find(e->vnet_map, &rec->id);

	if (!rec->id)
		return err_set(err, -EINVAL, "vnet %s: 0 is no id", rec->name);
	if (rec->weight > DP_WEIGHT_MAX)
		return err_set(err, -EINVAL, "vnet %s: weight %u is over %u", rec->name,
			       rec->weight, DP_WEIGHT_MAX);
	if (rec->guarantee > WORKERS_MAX * 1000)
		return err_set(err, -EINVAL, "vnet %s: no engine has %u/1000 cores", rec->name,
			       rec->guarantee);
	if (!vnet)
		vnet = vnet_create(e, rec->id);
	if (!vnet)
		return err_set(err, -ENOMEM, "vnet %s: no room for another vnet", rec->name);
	vnet->epoch = e->epoch;
	vnet->weight = rec->weight ? rec->weight : DP_WEIGHT_DEFAULT;
	vnet->guarantee = rec->guarantee;
	egress_weigh(e, vnet);
	for (unsigned i = 0; i < e->worker_count; i++)
		worker_share(e->workers[i], vnet);
	memcpy(vnet->name, rec->name, sizeof(vnet->name));
	return 0;
}

static void node_free(struct engine *e, void *arg)
{
	struct vnode *node = arg;

	hash_map_destroy(node->nhs);
	free(node->ports);
	free(node->bridge);
	free(node);
}

static void node_destroy(struct engine *e, struct vnode *node)
{
	void *value;

	for (size_t i = 0; hash_map_next(e->port_map, &i, NULL, &value);)
		if (((struct port *)value)->node == node)
			port_destroy(e, value);
	for (size_t i = 0; hash_map_next(e->fib_map, &i, NULL, &value);)
		if (((struct vfib *)value)->node == node)
			vfib_destroy(e, value);
	nh_clear(e, node);
	snoop_end(e, node);
	hash_map_del(e->node_map, &node->id);
	engine_defer(e, node_free, node);
}

static void vnet_destroy(struct engine *e, struct vnet *vnet)
{
	void *value;

	for (size_t i = 0; hash_map_next(e->link_map, &i, NULL, &value);)
		if (((struct link *)value)->vnet == vnet)
			link_destroy(e, value);
	for (size_t i = 0; hash_map_next(e->node_map, &i, NULL, &value);)
		if (((struct vnode *)value)->vnet == vnet)
			node_destroy(e, value);
	captures_end(e, vnet); /* behind its ports, what waits for these may yet be captured */
	hash_map_del(e->vnet_map, &vnet->id);
	WR(e->vnets[vnet->slot], NULL);
	engine_defer(e, vnet_free, vnet);
}

int vnet_del(struct engine *e, uint32_t id, struct err *err)
{
	struct vnet *vnet = hash_map_find(e->vnet_map, &id);

	if (!vnet)
		return err_set(err, -ENOENT, "no vnet has id %u", id);
	vnet_destroy(e, vnet);
	return 0;
}

static struct vnode *node_create(struct engine *e, const struct dp_node *rec, struct vnet *vnet)
{
	struct vnode *node = calloc(1, sizeof(*node));

	if (!node)
		return NULL;
	node->id = rec->id;
	node->kind = rec->kind;
	node->vnet = vnet;
	node->nhs = hash_map_create(sizeof(uint32_t));
	node->ports = calloc(1, sizeof(*node->ports));
	if (node->kind == DP_NODE_BRIDGE)
		node->bridge = calloc(1, sizeof(*node->bridge));
	if (!node->nhs || !node->ports || (node->kind == DP_NODE_BRIDGE && !node->bridge) ||
	    hash_map_set(e->node_map, &node->id, node) < 0) {
		node_free(e, node);
		return NULL;
	}
	return node;
}

int node_set(struct engine *e, const struct dp_node *rec, struct err *err)
{
	struct vnet *vnet = hash_map_find(e->vnet_map, &rec->vnet);
	struct vnode *node = hash_map_find(e->node_map, &rec->id);
	uint32_t flags = rec->flags & ~DP_NODE_KEEP;
	bool fresh = !node;
	void *value;

	if (!rec->id)
		return err_set(err, -EINVAL, "node %s: 0 is no id", rec->name);
	if (!vnet)
		return err_set(err, -ENOENT, "node %s: no vnet has id %u", rec->name, rec->vnet);
	if (rec->kind < DP_NODE_ROUTER || rec->kind > DP_NODE_PHYSICAL)
		return err_set(err, -EINVAL, "node %s: no kind %u", rec->name, rec->kind);
	if (rec->flags & ~(DP_NODE_PUNT_IP4 | DP_NODE_PUNT_IP6 | DP_NODE_KEEP | DP_NODE_ASLEEP))
		return err_set(err, -EINVAL, "node %s: no flags %#x", rec->name, rec->flags);
	if (node && (node->vnet != vnet || node->kind != rec->kind))
		return err_set(err, -EBUSY, "node %s: neither vnet nor kind of a node change",
			       rec->name);
	if (fresh) {
		node = node_create(e, rec, vnet);
		if (!node)
			return err_set(err, -ENOMEM, "node %s: out of memory", rec->name);
	}
	node->epoch = e->epoch;
	memcpy(node->name, rec->name, sizeof(node->name));
	if (rec->flags & DP_NODE_KEEP && !fresh)
		flags = (flags & DP_NODE_ASLEEP) | (node->flags & ~DP_NODE_ASLEEP);
	if (node->flags == flags)
		return 0;
	node->flags = flags;
	for (size_t i = 0; hash_map_next(e->port_map, &i, NULL, &value);)
		if (((struct port *)value)->node == node)
			port_refresh(value);
	return 0;
}

int node_del(struct engine *e, uint32_t id, struct err *err)
{
	struct vnode *node = hash_map_find(e->node_map, &id);

	if (!node)
		return err_set(err, -ENOENT, "no node has id %u", id);
	node_destroy(e, node);
	return 0;
}

int objects_sync(struct engine *e, bool end, struct err *err)
{
	void *value;

	if (!end) {
		WR(e->epoch, e->epoch + 1);
		WR(e->syncing, true);
		return 0;
	}
	if (!e->syncing)
		return err_set(err, -EINVAL, "the end of a sync that did not begin");
	WR(e->syncing, false);
	link_impair_sweep(e);
	for (size_t i = 0; hash_map_next(e->link_map, &i, NULL, &value);)
		if (((struct link *)value)->epoch != e->epoch)
			link_destroy(e, value);
	for (size_t i = 0; hash_map_next(e->port_map, &i, NULL, &value);)
		if (((struct port *)value)->epoch != e->epoch)
			port_destroy(e, value);
	for (size_t i = 0; hash_map_next(e->node_map, &i, NULL, &value);)
		if (((struct vnode *)value)->epoch != e->epoch)
			node_destroy(e, value);
	for (size_t i = 0; hash_map_next(e->vnet_map, &i, NULL, &value);)
		if (((struct vnet *)value)->epoch != e->epoch)
			vnet_destroy(e, value);
	return 0;
}

void objects_forget_syncs(struct engine *e)
{
	void *value;

	WR(e->syncing, false);
	for (size_t i = 0; hash_map_next(e->node_map, &i, NULL, &value);)
		((struct vnode *)value)->syncing = false;
}

void objects_clear(struct engine *e)
{
	void *value;

	for (size_t i = 0; hash_map_next(e->vnet_map, &i, NULL, &value);)
		vnet_destroy(e, value);
	engine_reclaim(e);
}
