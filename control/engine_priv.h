/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CONTROL_ENGINE_PRIV_H
#define CONTROL_ENGINE_PRIV_H

#include "control/engine.h"

struct event;
struct store;

/* The process weft-dp: control/engine_process.c. */

/* Huge pages (2 MiB each) the engine wants: packet buffers, FIBs. */
#define ENGINE_HUGEPAGES 160

/* Makes sure that ENGINE_HUGEPAGES are free, adding what is missing; false: go without. */
bool engine_hugepages_reserve(struct store *store);
/* Takes back what engine_hugepages_reserve added, also by an earlier weftd. */
void engine_hugepages_release(struct store *store);

/* Starts the program in a session of its own; the new pid or -errno. */
pid_t engine_spawn(const struct engine_conf *conf, bool huge, struct err *err);

#endif
