/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CONTROL_VNET_SLEEP_PRIV_H
#define CONTROL_VNET_SLEEP_PRIV_H

#include "control/vnet_sleep.h"

struct event;

enum step { STOP, SAVE, END, LOAD, GO, UNDO, UNLOAD };

struct vnet_sleep {
	struct vnet *vnet;
	enum vnet_verb verb;
	enum step step;
	int code; /* of the first failure; err says what */
	struct err err;
	struct event *turn; /* all have answered, or the time is over */
	vnet_slept_cb done;
	void *arg;
	struct timespec since;
	struct vnet_slept said;
};

/* vnet_sleep_admit.c: -EBUSY, -EINVAL or -EIO and why not; nothing has been done then. */
int vnet_sleep_admit(struct vnet *v, enum vnet_verb verb, struct err *err);

#endif
