/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TESTS_UNIT_CONTROL_WORLD_LAB_H
#define TESTS_UNIT_CONTROL_WORLD_LAB_H

/*
 * Vnets of hosts over the API, with real namespaces and without an engine, in this process. What a
 * weftd that is killed leaves is made by letting go of everything halfway. Needs root.
 */
#include "tests/unit/control/daemon.h"
#include "tests/unit/test.h"

int world_vnet(struct daemon *w, const char *method, const char *rest, const char *body);

ino_t world_ns(struct daemon *w, const char *host); /* the inode of its namespace; 0: there is none */
/* Asks for the vnet until it says so; programs run in its hosts, and have to have their turn. */
void world_await(struct daemon *w, const char *text);
/* All are ready and all links have risen; there is no engine, and so it is not running. */
void world_await_ready(struct daemon *w);
void world_restore(void *arg, const struct store_vnet *s); /* for store_vnet_each() */

#endif
