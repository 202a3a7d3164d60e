/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CONTROL_METRICS_H
#define CONTROL_METRICS_H

/*
 * What this instance of Weft is doing, in Prometheus' text format 0.0.4 (docs/metrics.md has the
 * names). Three steps, so that a thousand nodes do not hold up the daemon's loop: metrics_take()
 * copies what weftd and the engine know, in some milliseconds; metrics_measure() looks at processes,
 * and metrics_text() writes, both a bit at a time, with nothing but the copy.
 */

#include "base/buf.h"
#include "control/weftd.h"

#include <stdbool.h>
#include <stddef.h>

struct metrics;

/* stats: of stats_ask(), STATS_ALL. user: of this one's vnets alone, and nothing of the machine; 0: all.
 * NULL: no memory. */
struct metrics *metrics_take(struct weftd *d, uint32_t user, const struct buf *stats);
void metrics_free(struct metrics *m); /* NULL allowed */

/* Looks at `count` more processes; false when there are no more. */
bool metrics_measure(struct metrics *m, unsigned count);

/* Appends whole lines to out until it has `most` bytes or a bit more; false when that was all. */
bool metrics_text(struct metrics *m, size_t most, struct buf *out);

#endif
