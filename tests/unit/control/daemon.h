/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TESTS_UNIT_CONTROL_DAEMON_H
#define TESTS_UNIT_CONTROL_DAEMON_H

/* A weftd in this process, without an engine, in a directory of its own, and a client of its API. */

#include "control/api.h"
#include "control/engine.h"
#include "control/gate.h"
#include "control/store.h"
#include "control/vnet.h"

struct daemon {
	struct weftd d;
	struct api *api;
	char dir[64], db[96], socket[96], inner[96], users[96], dp[96], name[24];
	char said[8 << 20]; /* the last answer */
};

int daemon_setup(void **state); /* for cmocka; the state is a struct daemon */
int daemon_teardown(void **state);

void daemon_start(struct daemon *w);
/* As a weftd does that is told to end. */
void daemon_stop(struct daemon *w);

/* A connection with this request on it. */
int daemon_dial(struct daemon *w, const char *method, const char *path, const char *body);
/* The same of a user, by the gate; token NULL: without one. */
int daemon_dial_as(struct daemon *w, const char *token, const char *method, const char *path,
		   const char *body);
int daemon_call_as(struct daemon *w, const char *token, const char *method, const char *path,
		   const char *body);
/* Reads to the end, or until `until` has come; the HTTP status. */
int daemon_hear(struct daemon *w, int fd, const char *until);
int daemon_call(struct daemon *w, const char *method, const char *path, const char *body);

#endif
