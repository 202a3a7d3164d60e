/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CONTROL_TEMPLATES_H
#define CONTROL_TEMPLATES_H

/*
 * The templates that routers of this weftd start from, built on demand: one of an image at a
 * time, while the routers that wait for it stay in the start queue.
 */

#include "control/weftd.h"
#include "vrouter/image.h"

struct templates;

int templates_create(struct weftd *d, struct templates **out, struct err *err);
/* Ends what is being built. NULL allowed. */
void templates_destroy(struct templates *t);

/* 0: there is a template of this image. -EAGAIN: it is being built, and the start queue is run
 * again when that is over. Else it cannot be built, and err says why; a later call tries again when
 * some time has passed. */
int templates_want(struct templates *t, const struct image *img, struct err *err);

#endif
