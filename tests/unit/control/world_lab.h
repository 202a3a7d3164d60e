/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TESTS_UNIT_CONTROL_WORLD_LAB_H
#define TESTS_UNIT_CONTROL_WORLD_LAB_H

/*
 * Vnets of hosts over the API, with real namespaces and without an engine, in this process. What a
 * weftd that is killed leaves is made by letting go of everything halfway. Needs root.
 */
#include "control/store.h"
#include "control/vnet.h"
#include "tests/unit/test.h"

struct world {
	struct weftd d;
	struct api *api;
	char dir[64], db[96], socket[96], dp[96], name[24];
	char said[65536]; /* the last answer */
};

void world_start(struct world *w);
void world_stop(struct world *w); /* as a weftd does that is told to end */

int world_dial(struct world *w, const char *method, const char *path, const char *body);
/* Reads to the end, or until `until` has come; the HTTP status. */
int world_hear(struct world *w, int fd, const char *until);
int world_call(struct world *w, const char *method, const char *path, const char *body);
int world_vnet(struct world *w, const char *method, const char *rest, const char *body);

ino_t world_ns(struct world *w, const char *host); /* the inode of its namespace; 0: there is none */
/* Asks for the vnet until it says so; programs run in its hosts, and have to have their turn. */
void world_await(struct world *w, const char *text);
void world_await_ready(struct world *w);
void world_restore(void *arg, const struct store_vnet *s); /* for store_vnet_each() */

int world_setup(void **state);
int world_teardown(void **state);

#endif
