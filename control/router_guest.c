/* SPDX-License-Identifier: Apache-2.0 */
/* What a router's guest is made of, and the sockets between it and the engine. */
#include "control/router_priv.h"

#include "base/file.h"
#include "base/log.h"
#include "control/netns.h"
#include "control/port.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* After a guest's restart its routers's old routes stay this long after its daemons are up. */
#define ROUTER_HOLD_MS 10000

static struct weftd *daemon_of(const struct router *r)
{
	return r->node->vnet->daemon;
}

static const struct topology_node *spec(const struct router *r)
{
	return r->node->spec;
}

static void relay_path(const struct router *r, unsigned i, char path[160])
{
	snprintf(path, 160, "%s/p/%u", daemon_of(r)->run, r->node->ports[i].id);
}

static void nic_path(const struct router *r, unsigned i, char path[160])
{
	snprintf(path, 160, "%s/nic%u", r->dir, i);
}

static uid_t guest_uid(const struct router *r)
{
	return WEFTD_UID_GUESTS + r->node->id;
}

/* A directory for one vhost-user socket: the engine makes it there, this guest alone gets in. */
static void vhost_dir(const struct router *r, unsigned i, char path[160])
{
	snprintf(path, 160, "%s/v/%u", daemon_of(r)->run, r->node->ports[i].id);
}

static void vhost_path(const struct router *r, unsigned i, char path[160])
{
	snprintf(path, 160, "%s/v/%u/sock", daemon_of(r)->run, r->node->ports[i].id);
}

int router_make_vhost_dirs(const struct router *r, struct err *err)
{
	for (unsigned i = 0; spec(r)->vhost_user && i < spec(r)->port_count; i++) {
		char dir[160];

		vhost_dir(r, i, dir);
		/* The set-group-id bit gives the socket the guest's group. */
		if ((mkdir(dir, 0) < 0 && errno != EEXIST) ||
		    chown(dir, WEFTD_UID_ENGINE, guest_uid(r)) < 0 || chmod(dir, 02750) < 0)
			return err_sys(err, -errno, "%s", dir);
	}
	return 0;
}

void router_engine_died(struct router *r)
{
	char path[160];

	for (unsigned i = 0; spec(r)->vhost_user && i < spec(r)->port_count; i++) {
		vhost_path(r, i, path);
		unlink(path); /* stale: DPDK would refuse it */
	}
}

/* One for each CPU. */
static unsigned vhost_pairs(const struct topology_node *n)
{
	return n->cpus ? n->cpus : 1;
}

void router_send_port(struct router *r, unsigned i)
{
	struct dp_port rec = port_record(&r->node->ports[i], r->node);
	struct router_port *p = &r->ports[i];

	if (r->stopping) /* the engine has been told that the node is gone */
		return;
	if (spec(r)->vhost_user) {
		char path[160];

		rec.backing = DP_BACK_DEV;
		vhost_path(r, i, path);
		snprintf(rec.dev, sizeof(rec.dev), "net_vhost%u,iface=%.90s,queues=%u", r->node->ports[i].id,
			 path, vhost_pairs(spec(r)));
	} else {
		rec.backing = DP_BACK_DGRAM;
		rec.flags |= p->fd >= 0 ? DP_PORT_HAS_FD : 0;
	}
	if (p->known) {
		rec.fib = router_fib(r, p->table);
		rec.flags |= (p->fwd4 ? 0 : DP_PORT_NO_IP4) | (p->fwd6 ? 0 : DP_PORT_NO_IP6) |
			     (p->up ? 0 : DP_PORT_DOWN);
	} else {
		rec.flags |= DP_PORT_KEEP;
	}
	engine_send(daemon_of(r)->engine, DP_PORT_SET, &rec, sizeof(rec), p->fd);
}

bool router_connect_relays(struct router *r)
{
	bool all = true;

	if (spec(r)->vhost_user)
		return true;
	for (unsigned i = 0; i < spec(r)->port_count; i++) {
		char here[160], there[160];
		struct err err;

		if (r->ports[i].fd >= 0)
			continue;
		relay_path(r, i, here);
		nic_path(r, i, there);
		r->ports[i].fd = relay_socket(here, guest_uid(r), there, &err);
		if (r->ports[i].fd >= 0) {
			router_send_port(r, i);
			continue;
		}
		all = false;
		if (r->ports[i].fd != -EAGAIN)
			log_warn("%s: %s", spec(r)->name, err.text);
	}
	return all;
}

void router_close_relays(struct router *r)
{
	for (unsigned i = 0; r->ports && i < spec(r)->port_count; i++) {
		if (r->ports[i].fd >= 0)
			close(r->ports[i].fd);
		r->ports[i].fd = -1;
	}
}

int router_create_guest(struct router *r, vrouter_state_cb on_state, struct err *err)
{
	const struct topology_node *n = spec(r);
	struct hv_nic nics[TOPOLOGY_PORTS_MAX];
	struct image_nic image_nics[TOPOLOGY_PORTS_MAX];
	char local[TOPOLOGY_PORTS_MAX][160], peer[TOPOLOGY_PORTS_MAX][160];
	struct image_file *files = calloc(n->file_count + 1, sizeof(*files));
	char name[2 * TOPOLOGY_NAME_MAX + 2];
	struct vrouter_conf conf = {
		.name = name, .dir = r->dir, .uid = guest_uid(r), .image = &r->image,
		.memory_mib = n->memory_mib ? n->memory_mib : r->image.memory_mib,
		.cpus = n->cpus ? n->cpus : 1,
		.huge_pages = n->huge_pages && n->port_count,
		.guest = { .hostname = n->name, .nic_count = n->port_count, .nics = image_nics,
			   .file_count = n->file_count, .files = files, .env_count = n->env.count,
			   .env = (const char *const *)n->env.items },
		.nics = nics,
		.nh_base = (daemon_of(r)->epoch & 0xfff) << 20,
		.max_routes = n->fib_routes,
		.sink = &router_sink, .sink_arg = r,
		.hold_ms = ROUTER_HOLD_MS,
		.cold = n->cold,
	};
	int code;

	conf.memory_mib += conf.huge_pages && conf.memory_mib % 2; /* whole pages */
	code = store_machine_id(daemon_of(r)->store, r->node->vnet->id, n->name, conf.guest.machine_id,
				    err);

	if (code || !files) {
		free(files);
		return code ? code : err_sys(err, -ENOMEM, "%s", n->name);
	}
	snprintf(name, sizeof(name), "%s/%s", r->node->vnet->topology->name, n->name);
	for (unsigned i = 0; i < n->file_count; i++)
		files[i] = (struct image_file){ .path = n->files[i].target, .mode = n->files[i].mode,
						.bytes = n->files[i].bytes, .len = n->files[i].len };
	for (unsigned i = 0; i < n->port_count; i++) {
		const struct topology_port *p = &n->ports[i];

		if (n->vhost_user)
			vhost_path(r, i, peer[i]);
		else
			relay_path(r, i, peer[i]);
		nic_path(r, i, local[i]);
		nics[i] = (struct hv_nic){ .mtu = p->mtu, .vhost_user = n->vhost_user,
					   .pairs = n->vhost_user ? vhost_pairs(n) : 1,
					   .carrier = vnet_carrier(r->node->vnet, &r->node->ports[i]),
					   .peer = peer[i], .local = local[i] };
		memcpy(nics[i].mac, p->mac, 6);
		image_nics[i] = (struct image_nic){ .mtu = p->mtu, .name = p->name };
		memcpy(image_nics[i].mac, p->mac, 6);
	}
	code = vrouter_create(daemon_of(r)->base, &conf, on_state, r, &r->guest, err);
	free(files);
	return code;
}


void router_remove_sockets(struct router *r)
{
	char path[160];

	for (unsigned i = 0; i < spec(r)->port_count; i++) {
		relay_path(r, i, path);
		unlink(path);
		vhost_dir(r, i, path);
		if (spec(r)->vhost_user)
			file_remove_tree(path, NULL);
	}
}
