/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CONTROL_API_H
#define CONTROL_API_H

/*
 * The HTTP/JSON API of docs/api.md on Unix sockets in the run directory: weftd.sock is the operator's,
 * whoever may open it; users.sock is the gate (gate.h), and behind it, on inner.sock, which nobody else
 * opens, each request has to have a user's token.
 */

#include "control/weftd.h"

struct api;

int api_create(struct weftd *d, struct api **out, struct err *err);
void api_destroy(struct api *a); /* NULL allowed */

#endif
