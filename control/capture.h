/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CONTROL_CAPTURE_H
#define CONTROL_CAPTURE_H

/*
 * Captures of clients, on a socket beside the API's, because a descriptor goes with the answer
 * (docs/api.md, "Capture"). A capture lives as long as its client's connection; the packets go from
 * the engine to the client by memory that both have, and past weftd.
 */

#include "control/weftd.h"
#include "dataplane/api.h"

struct captures;

/* Serves both sockets, capture.sock for the operator, and users-capture.sock, where requests have a
 * token in them. With -errno and a sentence. */
int captures_create(struct weftd *d, struct captures **out, struct err *err);
void captures_destroy(struct captures *c); /* NULL allowed, for all of these */

/* All end: the engine begins anew, or knows nothing of them any more. */
void captures_engine_up(struct captures *c);
/* The engine refuses a record; it may be one's. */
void captures_refused(struct captures *c, const struct dp_id *bad, const char *why);
/* Those of the vnet end. */
void captures_vnet_gone(struct captures *c, uint32_t vnet);
/* Those that the user has asked for end. */
void captures_user_gone(struct captures *c, uint32_t user);

#endif
