/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CONTROL_API_H
#define CONTROL_API_H

/* The HTTP/JSON API of docs/api.md on a Unix socket. */

#include "control/weftd.h"

struct api;

int api_create(struct weftd *d, const char *socket, struct api **out, struct err *err);
void api_destroy(struct api *a); /* NULL allowed */

#endif
