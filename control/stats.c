/* SPDX-License-Identifier: Apache-2.0 */
#include "control/stats.h"

const char *const stats_drops[DP_DROP_COUNT] = {
#define DROP_NAME(id, name, what) [DP_DROP_##id] = name,
	DP_DROPS(DROP_NAME)
#undef DROP_NAME
};

const char *const stats_punts[DP_PUNT_COUNT] = {
#define PUNT_NAME(id, name, what) [DP_PUNT_##id] = name,
	DP_PUNTS(PUNT_NAME)
#undef PUNT_NAME
};

void stats_ask(struct engine *e, enum stats_scope scope, engine_results_cb cb, void *arg)
{
	const struct dp_id all = { .id = 0 };
	const struct engine_question questions[] = {
		{ DP_PORT_GET, sizeof(all), &all },
		{ DP_VNET_GET, sizeof(all), &all },
		{ DP_FIB_GET, sizeof(all), &all },
		{ DP_WORKER_GET, sizeof(all.rec), &all },
		{ DP_MEMORY_GET, sizeof(all.rec), &all },
	};

	engine_ask(e, questions, scope == STATS_ALL ? 5 : 3, cb, arg);
}

bool stats_next(struct rd *r, uint16_t op, uint32_t id, void *rec, size_t len)
{
	struct {
		struct dp_record rec;
		uint32_t id;
	} head;

	while (r->left >= sizeof(head.rec)) {
		struct rd peek = *r, body;

		rd_copy(&peek, &head, sizeof(head));
		if (head.rec.len < sizeof(head.rec))
			return false;
		body = rd_sub(r, head.rec.len);
		if (head.rec.op == op && (!id || head.id == id)) {
			rd_copy(&body, rec, len);
			return !body.bad;
		}
	}
	return false;
}
