/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DATAPLANE_API_PRIV_H
#define DATAPLANE_API_PRIV_H

#include "dataplane/dp_priv.h"

struct event_base;
struct api;

/* Binds the socket, mode 0600; a stale one is replaced, a living engine's is not. */
int api_bind(const char *path, int *fd, struct err *err);

/* Serves it: one client at a time, a new one replaces the old. Takes fd on success. Control. */
int api_create(struct engine *e, struct event_base *base, int fd, struct api **out,
	       struct err *err);
void api_destroy(struct api *api); /* NULL allowed */

#endif
