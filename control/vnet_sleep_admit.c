/* SPDX-License-Identifier: Apache-2.0 */
/* What a vnet's mode lets be done to it. */
#include "control/admission.h"
#include "control/router.h"
#include "control/vnet_sleep_priv.h"

#include <errno.h>

bool vnet_awake(const struct vnet *v)
{
	return v->mode == STORE_RUNNING && !v->sleep;
}

const char *vnet_sleep_state(const struct vnet *v)
{
	static const char *const doing[] = { [VNET_PAUSE] = "pausing", [VNET_RESUME] = "resuming",
					     [VNET_HIBERNATE] = "hibernating" };

	if (v->sleep)
		return doing[v->sleep->verb];
	return v->mode == STORE_PAUSED ? "paused" : v->mode == STORE_HIBERNATED ? "hibernated" : NULL;
}

int vnet_check_awake(const struct vnet *v, struct err *err)
{
	const char *name = v->topology->name;

	if (v->sleep)
		return err_set(err, -EBUSY, "vnet %s is %s: wait until it is over", name,
			       vnet_sleep_state(v));
	if (v->mode != STORE_RUNNING)
		return err_set(err, -EBUSY, "vnet %s is %s: `weft resume %s` lets it go on", name,
			       vnet_sleep_state(v), name);
	return 0;
}

/* What can be known before a guest stands still. */
static int admit_hibernate(const struct vnet *v, struct err *err)
{
	for (unsigned i = 0; i < v->topology->node_count; i++) {
		const struct node *n = v->nodes[i];
		const char *name = n->spec->name;

		if (n->spec->kind != TOPOLOGY_ROUTER)
			continue;
		if (n->spec->vhost_user)
			return err_set(err, -EINVAL, "%s/%s: a guest that is attached by vhost-user cannot be "
				       "saved; `weft pause %s` works", v->topology->name, name,
				       v->topology->name);
		if (n->spec->intake == TOPOLOGY_INTAKE_FPM)
			return err_set(err, -EINVAL, "%s/%s: a guest without an agent (intake: fpm) cannot be "
				       "saved; `weft pause %s` works", v->topology->name, name,
				       v->topology->name);
		/* One that stands still cannot say so. */
		if (!n->router || !router_runs(n->router) ||
		    (v->mode == STORE_RUNNING && !router_ready(n->router)))
			return err_set(err, -EBUSY, "%s/%s is not ready, and only guests that are can be "
				       "saved; `weft inspect %s` says more", v->topology->name, name,
				       v->topology->name);
	}
	return 0;
}

/* Guests that are to be loaded need what new ones would. */
static int admit_load(struct vnet *v, struct err *err)
{
	for (unsigned i = 0; i < v->topology->node_count; i++) {
		const struct node *n = v->nodes[i];

		if (n->spec->kind != TOPOLOGY_ROUTER)
			continue;
		if (!n->router)
			return err_set(err, -EIO, "%s/%s: %s", v->topology->name, n->spec->name, n->error);
		if (router_runs(n->router))
			return err_set(err, -EBUSY, "%s/%s: its guest is still ending; try again",
				       v->topology->name, n->spec->name);
	}
	return admission_check(v->daemon, v->topology, NULL, err);
}

int vnet_sleep_admit(struct vnet *v, enum vnet_verb verb, struct err *err)
{
	if (v->sleep)
		return vnet_check_awake(v, err);
	if (v->mode == STORE_HIBERNATED && verb == VNET_PAUSE)
		return vnet_check_awake(v, err);
	if (v->mode == STORE_HIBERNATED && verb == VNET_RESUME)
		return admit_load(v, err);
	if (v->mode != STORE_HIBERNATED && verb == VNET_HIBERNATE)
		return admit_hibernate(v, err);
	return 0;
}
