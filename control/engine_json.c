/* SPDX-License-Identifier: Apache-2.0 */
#include "control/engine_json.h"

#include "control/engine.h"
#include "control/stats.h"

static json_t *workers_json(const struct buf *stats)
{
	struct rd r = rd_of(stats->data, stats->len);
	json_t *list = json_array();
	struct dp_worker_stats s;

	while (stats_next(&r, DP_WORKER_GET, 0, &s, sizeof(s)))
		json_array_append_new(
			list, json_pack("{s:I, s:f, s:I, s:b, s:{s:I, s:I, s:I}}", "index",
					(json_int_t)s.index, "busy_s", (double)s.busy_ns / 1e9,
					"packets", (json_int_t)s.packets, "limiting", s.limiting, "rings", "from_relay",
					(json_int_t)s.from_relay, "to_relay", (json_int_t)s.to_relay,
					"to_relay_control", (json_int_t)s.to_relay_control));
	return list;
}

json_t *engine_json(const struct weftd *d, const struct buf *stats)
{
	if (!engine_is_up(d->engine))
		return json_pack("{s:n}", "engine");
	return json_pack("{s:{s:i, s:b, s:o}}", "engine", "pid", engine_pid(d->engine), "hugepages",
			 engine_has_hugepages(d->engine), "workers", workers_json(stats));
}
