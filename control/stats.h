/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CONTROL_STATS_H
#define CONTROL_STATS_H

/* The engine's statistics, as weftd asks for them and reads them. */

#include "base/rd.h"
#include "control/engine.h"

#include <stdbool.h>
#include <stddef.h>

/* The names of DP_DROPS and DP_PUNTS in JSON and metrics. */
extern const char *const stats_drops[DP_DROP_COUNT];
extern const char *const stats_punts[DP_PUNT_COUNT];

/* Of all ports, vnets and FIBs, or also of the engine itself, its workers and its memory. See
 * engine_ask(). */
enum stats_scope { STATS_OBJECTS, STATS_ALL };
void stats_ask(struct engine *e, enum stats_scope scope, engine_results_cb cb, void *arg);

/* The next record of op, of at least len bytes, with the given id unless that is 0 (those that have
 * one have it first), into rec; false at the end. */
bool stats_next(struct rd *r, uint16_t op, uint32_t id, void *rec, size_t len);

#endif
