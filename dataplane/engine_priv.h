/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DATAPLANE_ENGINE_PRIV_H
#define DATAPLANE_ENGINE_PRIV_H

#include "dataplane/dp_priv.h"

enum { ENGINE_BUFFERS = 32768 }; /* frames in rings, queues and devices: 78 MB */

/* Pools, tables, workers (not started) of an engine without objects. After rte_eal_init(). buffers
 * is how many frames of up to 2 KiB there may be at a time; ENGINE_BUFFERS are enough but for
 * devices that keep many. */
int engine_create(unsigned workers, unsigned buffers, struct engine **out, struct err *err);
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
