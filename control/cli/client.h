/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CONTROL_CLI_CLIENT_H
#define CONTROL_CLI_CLIENT_H

/*
 * HTTP to weftd over its Unix socket (docs/api.md). What comes back is checked like any other
 * input. The functions return 0 or
 *   -ENOTCONN   weftd cannot be reached
 *   -ENOENT     404: no such vnet, node, port
 *   -EBADMSG    the answer is no JSON object, or too large
 *   -EACCES     401 or 403: the token is nobody's, or not enough
 *   -EINVAL     400, -EBUSY 409, -EREMOTEIO any other error of weftd's
 *   -EIO        the connection broke, -ETIMEDOUT no answer in time
 * with a sentence for the user in err.
 */

#include "base/err.h"

#include <jansson.h>
#include <stdbool.h>
#include <sys/types.h>

struct client;

/* Called about every second while a request waits. */
typedef void (*client_tick)(void *arg);

/* With a token it goes to the users' socket, else to the operator's. */
int client_create(const char *run_dir, struct client **out, struct err *err);
/* $WEFT_TOKEN, or NULL. */
const char *client_token(void);
void client_destroy(struct client *c); /* NULL allowed */
void client_on_tick(struct client *c, client_tick tick, void *arg);
const char *client_socket(const struct client *c);

/* body may be NULL (borrowed otherwise); out may be NULL, else gets an object to json_decref().
 * timeout_s 0: none. */
int client_call(struct client *c, const char *method, const char *path, const json_t *body,
		unsigned timeout_s, json_t **out, struct err *err);

/* Calls cb for each line of the answer, which must be a JSON object; cb returns 0 to go on, or an
 * error with its sentence in err, which ends the request. */
typedef int (*client_line)(void *arg, const json_t *line, struct err *err);
int client_stream(struct client *c, const char *method, const char *path, const json_t *body,
		  client_line cb, void *arg, struct err *err);

/* True when weftd does not run (no socket, or nobody listens); false when it answers or when the
 * socket may not be used. */
bool client_absent(const struct client *c);

#endif
