/* SPDX-License-Identifier: Apache-2.0 */
/* A router whose guest stands still, or is saved in STATE/asleep/NODE-ID. */
#include "control/router_priv.h"

#include "base/file.h"
#include "base/log.h"
#include "control/vnet_sleep.h"

#include <limits.h>
#include <stdio.h>

static void saved_dir(const struct router *r, char path[PATH_MAX])
{
	snprintf(path, PATH_MAX, "%s/asleep/%u", r->node->vnet->daemon->state, r->node->id);
}

static void on_sleep(struct vrouter *guest, enum vrouter_sleep what, const char *why, void *arg)
{
	struct router *r = arg;

	if (!r->stopping)
		vnet_router_slept(r->node, what, why);
}

void router_begin_sleep(struct router *r, bool adopted)
{
	enum store_mode mode = r->node->vnet->mode;

	vrouter_on_sleep(r->guest, on_sleep, r);
	r->stands = mode != STORE_RUNNING;
	r->asleep = mode == STORE_HIBERNATED;
	if (!adopted)
		return;
	/* The weftd before this one may have been killed in the middle of it. */
	if (mode == STORE_HIBERNATED)
		vrouter_stop(r->guest);
	else if (mode == STORE_PAUSED)
		vrouter_pause(r->guest);
	else
		vrouter_resume(r->guest);
}

bool router_runs(const struct router *r)
{
	struct vrouter_info info;

	vrouter_info(r->guest, &info);
	return info.pid != 0;
}

int router_pause(struct router *r)
{
	return vrouter_pause(r->guest);
}

void router_stand(struct router *r)
{
	r->stands = true;
	router_send_node(r);
}

int router_resume(struct router *r)
{
	/* Its relays first: it may speak at once. Links may have changed since it was saved. */
	if (r->asleep) {
		router_connect_relays(r);
		router_send_carriers(r);
	}
	r->asleep = r->stands = false;
	router_send_node(r);
	return vrouter_resume(r->guest);
}

int64_t router_instant(const struct router *r)
{
	return vrouter_instant(r->guest);
}

int router_save(struct router *r, struct err *err)
{
	char path[PATH_MAX];

	saved_dir(r, path);
	return vrouter_save(r->guest, path, err);
}

void router_hibernate(struct router *r)
{
	char path[PATH_MAX];

	saved_dir(r, path);
	router_exec_keep(r, path);
	r->asleep = true;
	vrouter_stop(r->guest);
}

int router_load(struct router *r, struct err *err)
{
	char path[PATH_MAX];
	int code;

	saved_dir(r, path);
	code = vrouter_load(r->guest, path, err);
	if (!code)
		router_exec_kept(r, path);
	return code;
}

void router_unload(struct router *r)
{
	vrouter_stop(r->guest);
}

uint64_t router_saved_bytes(const struct router *r)
{
	char path[PATH_MAX];

	saved_dir(r, path);
	return file_disk_bytes(path, true); /* the template's memory is shared */
}

void router_remove_saved(struct router *r)
{
	char path[PATH_MAX];
	struct err err;

	saved_dir(r, path);
	if (file_remove_tree(path, &err) < 0)
		log_warn("%s", err.text);
}
