/* SPDX-License-Identifier: Apache-2.0 */
/* What a router's guest is made of, and the sockets between it and the engine. */
#include "control/router_priv.h"

#include "base/file.h"
#include "base/log.h"

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

uid_t router_uid(const struct router *r)
{
	return WEFTD_UID_GUESTS + r->node->id;
}

/* A directory for one vhost-user socket: the engine makes it there, this guest alone gets in. */
static void vhost_dir(const struct router *r, unsigned i, char path[160])
{
	snprintf(path, 160, "%s/v/%u", daemon_of(r)->run, r->node->ports[i].id);
}

void router_vhost_path(const struct router *r, unsigned i, char path[160])
{
	snprintf(path, 160, "%s/v/%u/sock", daemon_of(r)->run, r->node->ports[i].id);
}

static void relay_dir(const struct router *r, char path[160])
{
	snprintf(path, 160, "%s/p/%u", daemon_of(r)->run, r->node->id);
}

bool router_by_itself(const struct router *r)
{
	return spec(r)->intake == TOPOLOGY_INTAKE_NONE;
}

int router_make_dirs(const struct router *r, struct err *err)
{
	char path[160];
	int code;

	relay_dir(r, path);
	code = file_mkdirs(path, 0755, err);
	if (code)
		return code;
	for (unsigned i = 0; spec(r)->vhost_user && i < spec(r)->port_count; i++) {
		char dir[160];

		vhost_dir(r, i, dir);
		/* The set-group-id bit gives the socket the guest's group. */
		if ((mkdir(dir, 0) < 0 && errno != EEXIST) ||
		    chown(dir, WEFTD_UID_ENGINE, router_uid(r)) < 0 || chmod(dir, 02750) < 0)
			return err_sys(err, -errno, "%s", dir);
	}
	return 0;
}

void router_engine_died(struct router *r)
{
	char path[160];

	r->snooped = 0;
	for (unsigned i = 0; spec(r)->vhost_user && i < spec(r)->port_count; i++) {
		router_vhost_path(r, i, path);
		unlink(path); /* stale: DPDK would refuse it */
	}
}

int router_create_guest(struct router *r, vrouter_state_cb on_state, struct err *err)
{
	const struct topology_node *n = spec(r);
	struct image_file *files = calloc(n->file_count + 1, sizeof(*files));
	char name[2 * TOPOLOGY_NAME_MAX + 2];
	struct vrouter_conf conf = {
		.name = name, .dir = r->dir, .uid = router_uid(r), .image = &r->image,
		.memory_mib = n->memory_mib ? n->memory_mib : r->image.memory_mib,
		.cpus = n->cpus ? n->cpus : 1,
		.huge_pages = n->huge_pages && n->port_count,
		.guest = { .hostname = n->name, .file_count = n->file_count, .files = files,
			   .no_agent = n->intake == TOPOLOGY_INTAKE_FPM,
			   .env_count = n->env.count, .env = (const char *const *)n->env.items },
		.nh_base = (daemon_of(r)->epoch & 0xfff) << 20,
		.max_routes = n->fib_routes,
		.sink = &router_sink, .plugged = router_plugged, .sink_arg = r,
		.hold_ms = ROUTER_HOLD_MS,
		.by_itself = n->intake == TOPOLOGY_INTAKE_NONE,
		.fpm = n->intake == TOPOLOGY_INTAKE_FPM,
		.fpm_is = router_fpm_is,
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
	code = vrouter_create(daemon_of(r)->base, &conf, on_state, r, &r->guest, err);
	free(files);
	return code;
}

void router_remove_sockets(struct router *r)
{
	char path[160];
	struct err err;

	relay_dir(r, path);
	if (file_remove_tree(path, &err) < 0)
		log_warn("%s", err.text);
	for (unsigned i = 0; spec(r)->vhost_user && i < spec(r)->port_count; i++) {
		vhost_dir(r, i, path);
		file_remove_tree(path, NULL);
	}
}
