/* SPDX-License-Identifier: Apache-2.0 */
#include "vrouter/intake_priv.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

int intake_create(const struct intake_conf *conf, struct intake **out)
{
	struct intake *in = calloc(1, sizeof(*in));
	struct table *main;

	if (!in)
		return -ENOMEM;
	in->sink = *conf->sink;
	in->arg = conf->arg;
	in->nh_last = conf->nh_base;
	in->max_routes = conf->max_routes;
	in->fpm = conf->fpm;
	in->port_count = conf->port_count;
	in->dirty_limit = 65536;
	in->epoch = 1;
	in->links_dirty = true;
	in->rank_default[0] = true;
	in->ports = calloc(conf->port_count + 1u, sizeof(in->ports[0]));
	in->port_states = calloc(conf->port_count + 1u, sizeof(in->port_states[0]));
	in->rules = calloc(RULES_MAX, sizeof(in->rules[0]));
	in->links = hash_map_create(sizeof(uint32_t));
	in->addrs = hash_map_create(sizeof(struct addr_key));
	in->neighs = hash_map_create(sizeof(struct addr_key));
	in->objs = hash_map_create(sizeof(uint32_t));
	in->obj_uses = hash_map_create(sizeof(uint32_t));
	in->confs = hash_map_create(sizeof(uint64_t));
	in->events = hash_map_create(3 * sizeof(uint32_t));
	in->infos = hash_map_create(sizeof(uint64_t));
	in->table_ids = hash_map_create(sizeof(uint32_t));
	if (nh_init(in) < 0 || connected_init(in) < 0 || !in->ports || !in->port_states || !in->rules || !in->links ||
	    !in->addrs || !in->neighs || !in->objs || !in->obj_uses || !in->confs || !in->infos || !in->events ||
	    !in->table_ids)
		goto fail;
	main = table_get(in, TABLE_MAIN);
	if (!main)
		goto fail;
	main->fib = true;
	if (conf->port_count)
		memcpy(in->ports, conf->ports, conf->port_count * sizeof(in->ports[0]));
	*out = in;
	return 0;
fail:
	intake_destroy(in);
	return -ENOMEM;
}

static void routes_fini(struct intake *in)
{
	struct info *next;
	size_t at = 0;
	void *v;

	for (unsigned i = 0; i < TABLES_MAX; i++) {
		struct table *t = in->tables[i];

		for (unsigned v6 = 0; t && v6 < 2; v6++) {
			for (struct node *n = t->root[v6]; n; n = trie_next(n, NULL)) {
				for (struct alias *a = n->routes, *more; a; a = more) {
					more = a->next;
					free(a);
				}
			}
			trie_free(t->root[v6]);
		}
		free(t);
	}
	while (in->infos && hash_map_next(in->infos, &at, NULL, &v)) {
		for (struct info *i = v; i; i = next) {
			next = i->same;
			free(i);
		}
	}
	hash_map_destroy(in->infos);
	hash_map_destroy(in->events);
	hash_map_destroy(in->table_ids);
}

void intake_destroy(struct intake *in)
{
	if (!in)
		return;
	routes_fini(in);
	nh_fini(in);
	mirror_fini(in);
	connected_fini(in);
	free(in->dirty.v);
	free(in->dead_nhs.v);
	free(in->dirty_nhs.v);
	free(in->rules);
	free(in->port_states);
	free(in->ports);
	free(in);
}

void intake_dump_begin(struct intake *in)
{
	in->gen++;
	in->dumping = true;
	in->rules_full = in->routes_full[0] = in->routes_full[1] = false;
}

void intake_forward(struct intake *in, uint32_t flags)
{
	in->forward = flags;
}

/* The next hops that are always there go first. */
static void send_fixed(struct intake *in)
{
	const struct nh *fixed[] = { in->nh_punt, in->nh_drop, in->nh_local };

	for (unsigned i = 0; i < sizeof(fixed) / sizeof(fixed[0]); i++) {
		struct intake_nh view;

		nh_view(fixed[i], NULL, &view);
		in->sink.nh_set(in->arg, &view);
	}
}

void intake_dump_end(struct intake *in)
{
	bool resync = !in->synced;

	if (!in->dumping)
		return;
	in->dumping = false;
	flush_stale(in);
	objs_sweep(in);
	mirror_sweep(in);
	rules_sweep(in);
	connected_sweep(in);
	if (resync) {
		in->sink.sync_begin(in->arg);
		send_fixed(in);
		in->synced = true;
	}
	resolve_commit(in);
	if (resync)
		in->sink.sync_end(in->arg);
	if (resync || in->any_sent)
		in->sink.flush(in->arg);
	in->any_sent = false;
}

void intake_commit(struct intake *in)
{
	if ((in->dumping && !in->fpm) || !in->synced)
		return;
	resolve_commit(in);
	if (in->any_sent)
		in->sink.flush(in->arg);
	in->any_sent = false;
}

void intake_stats(const struct intake *in, struct intake_stats *out)
{
	*out = in->stats;
	out->links = (uint32_t)hash_map_count(in->links);
	out->addresses = (uint32_t)hash_map_count(in->addrs);
	out->neighbours = (uint32_t)hash_map_count(in->neighs);
	out->nexthops = (uint32_t)hash_map_count(in->objs);
	out->tables = (uint32_t)hash_map_count(in->table_ids);
}

void intake_each_route(const struct intake *in, uint32_t table,
		       void (*cb)(void *arg, uint32_t table, const struct intake_prefix *p,
				  const struct intake_nh *nh),
		       void *arg)
{
	for (unsigned i = 0; i < 2 * TABLES_MAX; i++) {
		const struct table *t = in->tables[i / 2];

		if (!t || (table && t->id != table))
			continue;
		for (struct node *n = t->root[i % 2]; n; n = trie_next(n, NULL)) {
			struct nh_whole nh;
			struct intake_prefix p;

			if (!n->nh)
				continue;
			node_prefix(n, n->nh, &p);
			nh_view_whole(n->nh, &nh);
			cb(arg, t->id, &p, &nh.nh);
		}
	}
}
