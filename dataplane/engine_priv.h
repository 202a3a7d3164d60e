/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DATAPLANE_ENGINE_PRIV_H
#define DATAPLANE_ENGINE_PRIV_H

#include "dataplane/dp_priv.h"

/* Pools, tables, workers (not started) of an engine without objects. After rte_eal_init(). */
int engine_create(unsigned workers, struct engine **out, struct err *err);
void engine_destroy(struct engine *e); /* stopped; NULL allowed */
int engine_start(struct engine *e, struct err *err); /* workers and the relay thread */
void engine_stop(struct engine *e);

/* Calls fn(e, arg) once no reader can hold what was unpublished before this call. Control. */
void engine_defer(struct engine *e, void (*fn)(struct engine *e, void *arg), void *arg);
void engine_free_later(struct engine *e, void *memory); /* free() */

/* Waits for the readers (some tens of microseconds) and runs what was deferred. Control. */
void engine_reclaim(struct engine *e);

uint32_t slots_take(struct slots *s); /* from 1; 0: all in use or out of memory */
void slots_put(struct slots *s, uint32_t slot);

#endif
