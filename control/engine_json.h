/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CONTROL_ENGINE_JSON_H
#define CONTROL_ENGINE_JSON_H

#include "base/buf.h"
#include "control/weftd.h"

#include <jansson.h>

/* {"engine": ENGINE} of docs/api.md. stats: of stats_ask(), STATS_ALL. */
json_t *engine_json(const struct weftd *d, const struct buf *stats);

#endif
