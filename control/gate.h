/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CONTROL_GATE_H
#define CONTROL_GATE_H

/*
 * The socket that users' programs connect to, which anybody on this machine may. The gate keeps a
 * connection to itself until the head of its first request is there, soon and not too long, and has
 * a user's token. Only then weftd's HTTP server gets to know of it: from there on the gate copies bytes
 * both ways, no faster than they are taken. So who has no token costs a descriptor and some KiB, of
 * which there are few for each uid of the system, and a user costs so many connections. Each request
 * has its token looked at again behind the gate (api.c).
 */

#include "control/weftd.h"

#define GATE_HEAD_MAX 16384u
#define GATE_NOBODY                                                                                          \
	"this socket is for users with a token (WEFT_TOKEN, --token-file), and there was none that is "         \
	"somebody's: ask the operator for one"

struct gate;

/* Serves `socket`; users' connections go on to `inner`. With -errno and a sentence. */
int gate_create(struct weftd *d, const char *socket, const char *inner, struct gate **out,
		struct err *err);
void gate_destroy(struct gate *g); /* NULL allowed */

/* Ends all connections of the user: the token that let them in is none any more. g may be NULL. */
void gate_forget(struct gate *g, uint32_t user);

#endif
