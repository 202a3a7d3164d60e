/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Everything again, for an engine that has lost it. Next hops that wait for their deletion go too:
 * the next commit may take them up again, or deletes them.
 */
#include "vrouter/intake_priv.h"

static void replay_nh(const struct intake *in, const struct nh *nh)
{
	uint32_t ids[MEMBERS_MAX];
	struct intake_nh view;

	nh_view(nh, ids, &view);
	in->sink.nh_set(in->arg, &view);
}

/* Groups last: they name the others. */
static void replay_nhs(const struct intake *in)
{
	size_t at = 0;
	void *v;

	replay_nh(in, in->nh_punt);
	replay_nh(in, in->nh_drop);
	replay_nh(in, in->nh_local);
	while (hash_map_next(in->vias, &at, NULL, &v))
		replay_nh(in, v);
	for (at = 0; hash_map_next(in->groups, &at, NULL, &v);)
		for (const struct nh *g = v; g; g = g->same)
			replay_nh(in, g);
}

static void replay_route(void *arg, uint32_t table, const struct intake_prefix *p,
			 const struct intake_nh *nh)
{
	const struct intake *in = arg;

	in->sink.route_set(in->arg, table, p, nh->id);
}

void intake_replay(const struct intake *in)
{
	if (!in->synced)
		return;
	in->sink.sync_begin(in->arg);
	for (unsigned i = 0; i < TABLES_MAX; i++)
		if (in->tables[i] && in->tables[i]->fib_sent)
			in->sink.fib_set(in->arg, in->tables[i]->id);
	replay_nhs(in);
	intake_each_route(in, 0, replay_route, (void *)in);
	in->sink.sync_end(in->arg);
	in->sink.flush(in->arg);
}
