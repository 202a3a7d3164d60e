/* SPDX-License-Identifier: Apache-2.0 */
#ifndef VIRTIO_VHOST_USER_H
#define VIRTIO_VHOST_USER_H

/*
 * The front end of vhost-user: a device's queues are served by another process, the back end, which
 * maps the guest's memory, is kicked by KVM and interrupts the guest by KVM. Nothing of that passes
 * through this process; it connects, says what is where, and does so again when the back end was
 * restarted.
 *
 * Under the machine's lock; create and destroy on the loop.
 */

#include "base/err.h"
#include "virtio/device.h"

enum { VHOST_USER_RINGS_MAX = 16 };

struct vhost_user;

struct vhost_user_conf {
	struct virtio_device *dev; /* its first `rings` queues are direct */
	const char *path;	   /* a socket that the back end listens on */
	const struct guest_mem *mem;
	int mem_fd; /* maps as mem: its first range is at the start, and others as they lie behind it */
	unsigned rings;
	uint16_t mtu;
	uint64_t passed;   /* features that are the back end's, if the driver has them */
	uint64_t optional; /* of these: those that are offered because a back end has them */
	/* The back end serves the device, or is ready to; or not any more. */
	void (*attached)(void *arg, bool attached);
	/* It was left because of what it said or did not say. */
	void (*refused)(void *arg);
	void *arg;
};

int vhost_user_create(const struct vhost_user_conf *conf, struct event_base *base,
		      struct vhost_user **out, struct err *err);
void vhost_user_destroy(struct vhost_user *v); /* NULL allowed */

/* The device starts and stops; after a stop it is `stopping` until the back end has let go of the
 * guest's rings. */
void vhost_user_start(struct vhost_user *v);
void vhost_user_stop(struct vhost_user *v);
/* The first so many rings are enabled. */
void vhost_user_enable(struct vhost_user *v, unsigned rings);

#endif
