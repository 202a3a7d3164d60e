/* SPDX-License-Identifier: Apache-2.0 */
#include "dataplane/objects_priv.h"

#include "dataplane/egress_priv.h"
#include "dataplane/engine_priv.h"
#include "dataplane/link_impair_priv.h"
#include "dataplane/relay_priv.h"
#include "dataplane/stats_priv.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static void port_free(struct engine *e, void *arg)
{
	struct port *port = arg;

	link_impair_forget(e, port);
	counters_add_port(&port->vnet->retired, port);
	free(port->captured);
	slots_put(&e->port_slots, port->handle & 0xffff);
	slab_leave(&e->port_slab, port);
}

/* A bridge's ports, with one more or one less. */
static int port_list_change(struct engine *e, struct vnode *node, struct port *add,
			    const struct port *del)
{
	const struct port_list *old = node->ports;
	struct port_list *list;

	list = calloc(1, sizeof(*list) + (old->count + 1) * sizeof(struct port *));
	if (!list)
		return -ENOMEM;
	for (uint32_t i = 0; i < old->count; i++)
		if (old->ports[i] != del)
			list->ports[list->count++] = old->ports[i];
	if (add)
		list->ports[list->count++] = add;
	WR(node->ports, list);
	engine_free_later(e, (void *)(uintptr_t)old);
	return 0;
}

void port_refresh(struct port *port)
{
	uint32_t mode = 0;

	if (port->flags & DP_PORT_DOWN)
		mode |= PORT_DOWN;
	if (port->flags & DP_PORT_NO_IP4 || port->node->flags & DP_NODE_PUNT_IP4)
		mode |= PORT_PUNT4;
	if (port->flags & DP_PORT_NO_IP6 || port->node->flags & DP_NODE_PUNT_IP6)
		mode |= PORT_PUNT6;
	if (port->node->flags & DP_NODE_ASLEEP)
		mode |= PORT_ASLEEP;
	if (port->captured)
		mode |= PORT_CAPTURED;
	WR(port->mode, mode);
	if (port->link)
		link_refresh(port->link);
}

static int port_check_backing(const struct dp_port *rec, const struct vnode *node, int fd,
			      struct err *err)
{
	bool wants_fd = rec->backing == DP_BACK_DGRAM || rec->backing == DP_BACK_TAP;

	if (rec->backing > DP_BACK_DEV)
		return err_set(err, -EINVAL, "port %s: no backing %u", rec->name, rec->backing);
	if (node->kind == DP_NODE_BRIDGE && rec->backing != DP_BACK_NONE)
		return err_set(err, -EINVAL, "port %s: a bridge's port has no backing", rec->name);
	if (fd >= 0 && !wants_fd)
		return err_set(err, -EINVAL, "port %s: its backing takes no descriptor", rec->name);
	if (rec->backing == DP_BACK_DEV && !rec->dev[0])
		return err_set(err, -EINVAL, "port %s: no device is named", rec->name);
	/* Of an interface of the kernel's, by AF_XDP or AF_PACKET: the drivers' buffers hold no more. */
	if (rec->backing == DP_BACK_DEV && !strncmp(rec->dev, "net_af_", 7) && rec->mtu > 1500)
		return err_set(err, -EINVAL, "port %s: mtu %u is over 1500, which %s holds", rec->name, rec->mtu,
			       rec->dev);
	if (rec->vlan > 4094)
		return err_set(err, -EINVAL, "port %s: no VLAN %u", rec->name, rec->vlan);
	return 0;
}

static int port_check(struct engine *e, const struct dp_port *rec, const struct vnode *node,
		      const struct port *port, int fd, struct err *err)
{
	static const uint8_t no_mac[6];
	const struct vfib *fib = hash_map_find(e->fib_map, &rec->fib);

	if (!rec->id)
		return err_set(err, -EINVAL, "port %s: 0 is no id", rec->name);
	if (!node)
		return err_set(err, -ENOENT, "port %s: no node has id %u", rec->name, rec->node);
	if (port && port->node != node)
		return err_set(err, -EBUSY, "port %s: a port's node does not change", rec->name);
	if (rec->flags & ~(DP_PORT_HAS_FD | DP_PORT_NO_IP4 | DP_PORT_NO_IP6 | DP_PORT_DOWN |
			   DP_PORT_KEEP))
		return err_set(err, -EINVAL, "port %s: no flags %#x", rec->name, rec->flags);
	if (rec->mtu < 68 || rec->mtu > 9216)
		return err_set(err, -EINVAL, "port %s: mtu %u is not in 68..9216", rec->name,
			       rec->mtu);
	if (rec->mac[0] & 1 || (node->kind == DP_NODE_ROUTER && !memcmp(rec->mac, no_mac, 6)))
		return err_set(err, -EINVAL, "port %s: no MAC of a station", rec->name);
	if (rec->fib && node->kind != DP_NODE_ROUTER)
		return err_set(err, -EINVAL, "port %s: only routers have FIBs", rec->name);
	if (rec->fib && !fib)
		return err_set(err, -ENOENT, "port %s: no FIB has id %u", rec->name, rec->fib);
	if (fib && fib->node != node)
		return err_set(err, -EXDEV, "port %s: FIB %u is another node's", rec->name,
			       rec->fib);
	return port_check_backing(rec, node, fd, err);
}

static struct port *port_create(struct engine *e, const struct dp_port *rec, struct vnode *node)
{
	uint32_t slot = slots_take(&e->port_slots);
	struct port *port;

	if (!slot)
		return NULL;
	port = slab_take(&e->port_slab, slot);
	port->handle = slot | (uint32_t)++e->port_gens[slot] << 16;
	port->kind = node->kind;
	port->node = node;
	port->vnet = node->vnet;
	port->hash_seed = hash_bytes(&node->id, sizeof(node->id));
	port->id = rec->id;
	if (hash_map_set(e->port_map, &port->id, port) < 0)
		goto port;
	if (node->kind == DP_NODE_BRIDGE && port_list_change(e, node, port, NULL) < 0)
		goto map;
	WR(e->ports[slot], port);
	return port;
map:
	hash_map_del(e->port_map, &port->id);
port:
	slab_leave(&e->port_slab, port);
	slots_put(&e->port_slots, slot);
	return NULL;
}

/* Puts the right thing behind the port. On failure nothing is behind it, but its device when that
 * was there before. */
static int port_set_backing(struct engine *e, struct port *port, const struct dp_port *rec,
			    int *fd, struct err *err)
{
	bool served = rec->backing == DP_BACK_DEV && device_serves(port, rec->dev, rec->vlan);
	int rc = 0;

	if (rec->backing != port->backing || *fd >= 0)
		relay_detach(e, port);
	if (rec->backing != DP_BACK_DEV)
		device_detach(e, port);
	WR(port->backing, rec->backing);
	if (*fd >= 0) {
		rc = relay_attach(e, port, rec->backing, *fd, err);
		if (!rc)
			*fd = -1;
	} else if (rec->backing == DP_BACK_DEV && !served) {
		rc = device_attach(e, port, rec->dev, rec->vlan, err);
	}
	if (!rc && rec->backing == DP_BACK_DEV)
		rc = egress_set(e, port, rec, err);
	if (rc && !served) {
		device_detach(e, port);
		WR(port->backing, DP_BACK_NONE);
	}
	return rc;
}

int port_set(struct engine *e, const struct dp_port *rec, int *fd, struct err *err)
{
	struct vnode *node = hash_map_find(e->node_map, &rec->node);
	struct port *port = hash_map_find(e->port_map, &rec->id);
	struct vfib *fib = hash_map_find(e->fib_map, &rec->fib);
	bool fresh = !port;
	int rc = port_check(e, rec, node, port, *fd, err);

	if (rc)
		return rc;
	if (fresh)
		port = port_create(e, rec, node);
	if (!port)
		return err_set(err, -ENOMEM, "port %s: no room for another port", rec->name);
	memcpy(port->name, rec->name, sizeof(port->name));
	WR(port->mac, mac_load(rec->mac));
	WR(port->mtu, rec->mtu);
	if (fresh || !(rec->flags & DP_PORT_KEEP)) {
		WR(port->fib, fib ? fib->fib : NULL);
		port->fib_id = rec->fib;
		port->flags = rec->flags & ~(DP_PORT_HAS_FD | DP_PORT_KEEP);
	}
	port->epoch = e->epoch;
	port_refresh(port);
	rc = port_set_backing(e, port, rec, fd, err);
	if (rc && fresh)
		port_destroy(e, port);
	return rc;
}

void port_destroy(struct engine *e, struct port *port)
{
	link_lose(e, port);
	WR(e->ports[port->handle & 0xffff], NULL);
	if (port->node->kind == DP_NODE_BRIDGE && port_list_change(e, port->node, NULL, port) < 0) {
		/* No memory for a shorter list: an empty one needs none. Floods stop, loudly not
		 * crash; the next change of the bridge repairs it. */
		WR(port->node->ports->count, 0);
	}
	nh_lose_port(e, port);
	device_detach(e, port);
	relay_detach(e, port);
	hash_map_del(e->port_map, &port->id);
	engine_defer(e, port_free, port);
}

int port_del(struct engine *e, uint32_t id, struct err *err)
{
	struct port *port = hash_map_find(e->port_map, &id);

	if (!port)
		return err_set(err, -ENOENT, "no port has id %u", id);
	port_destroy(e, port);
	return 0;
}
