/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One VRF's table: for each family a RIB (what was set) and a trie (what readers walk). Every
 * change first makes sure that it cannot fail, then changes both.
 */
#include "fib/fib_priv.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

int fib_create(const struct fib_conf *conf, struct fib **out)
{
	struct fib *fib;
	int r;

	if (conf->max_routes < 1 || conf->max_routes > FIB_ROUTES_MAX)
		return -EINVAL;
	fib = calloc(1, sizeof(*fib));
	if (!fib)
		return -ENOMEM;
	fib->max_routes = conf->max_routes;
	r = rib_init(&fib->rib[ROOT4], 4);
	if (r == 0)
		r = rib_init(&fib->rib[ROOT6], 16);
	if (r < 0)
		goto free_fib;
	/* Both roots and the longest private path for every route, twice: as many may be retired
	 * and wait for their readers. It is address space, not memory. */
	r = nodes_init(&fib->nodes, 2 + 2 * (LEVELS_MAX - 1) * conf->max_routes, conf->qsbr);
	if (r < 0)
		goto free_fib;
	r = nodes_reserve(&fib->nodes, 2);
	if (r < 0)
		goto fini_nodes;
	nodes_take(&fib->nodes, FIB_MISS, 0); /* ROOT4 */
	nodes_take(&fib->nodes, FIB_MISS, 0); /* ROOT6 */
	*out = fib;
	return 0;

fini_nodes:
	nodes_fini(&fib->nodes);
free_fib:
	free(fib);
	return r;
}

void fib_destroy(struct fib *fib)
{
	if (!fib)
		return;
	nodes_fini(&fib->nodes);
	rib_fini(&fib->rib[ROOT6]);
	rib_fini(&fib->rib[ROOT4]);
	free(fib);
}

static uint32_t root_of(unsigned family)
{
	return family == 4 ? ROOT4 : ROOT6;
}

static bool prefix_ok(unsigned family, const uint8_t *addr, unsigned len)
{
	unsigned bytes = family == 4 ? 4 : 16;

	if ((family != 4 && family != 6) || len > bytes * 8)
		return false;
	if (len % 8 && addr[len / 8] & (0xffu >> len % 8))
		return false;
	for (unsigned i = (len + 7) / 8; i < bytes; i++)
		if (addr[i])
			return false;
	return true;
}

static int add(struct fib *fib, uint32_t root, const uint8_t *addr, unsigned len, uint32_t value)
{
	int r;

	if (fib->rib[ROOT4].count + fib->rib[ROOT6].count >= fib->max_routes)
		return -ENOSPC;
	r = rib_reserve(&fib->rib[root]);
	if (r < 0)
		return r;
	r = nodes_reserve(&fib->nodes, trie_missing(&fib->nodes, root, addr, len));
	if (r < 0)
		return r;
	rib_add(&fib->rib[root], addr, len, value);
	trie_add(&fib->nodes, root, addr, len, value);
	return 0;
}

int fib_route_set(struct fib *fib, unsigned family, const uint8_t *addr, unsigned len,
		  uint32_t value, uint32_t *old)
{
	uint32_t root = root_of(family), was = FIB_MISS;
	struct rib_entry *e;

	if (!prefix_ok(family, addr, len) || value > FIB_VALUE_MAX)
		return -EINVAL;
	e = rib_find(&fib->rib[root], addr, len);
	if (!e) {
		int r = add(fib, root, addr, len, value);

		if (r < 0)
			return r;
	} else {
		was = e->value;
		e->value = value;
		e->marked = false;
		if (value != was)
			trie_change(&fib->nodes, root, addr, len, value);
	}
	if (old)
		*old = was;
	return 0;
}

static void del(struct fib *fib, uint32_t root, struct rib_entry *e)
{
	struct rib *rib = &fib->rib[root];
	unsigned len = e->len;
	uint8_t addr[16];

	memcpy(addr, e->addr, rib->addr_len);
	rib_del(rib, e);
	trie_del(&fib->nodes, root, addr, len, rib_cover(rib, addr, len));
}

int fib_route_del(struct fib *fib, unsigned family, const uint8_t *addr, unsigned len,
		  uint32_t *old)
{
	struct rib_entry *e;

	if (!prefix_ok(family, addr, len))
		return -EINVAL;
	e = rib_find(&fib->rib[root_of(family)], addr, len);
	if (!e)
		return -ENOENT;
	if (old)
		*old = e->value;
	del(fib, root_of(family), e);
	return 0;
}

int fib_route_find(const struct fib *fib, unsigned family, const uint8_t *addr, unsigned len,
		   uint32_t *value)
{
	const struct rib_entry *e;

	if (!prefix_ok(family, addr, len))
		return -EINVAL;
	e = rib_find(&fib->rib[root_of(family)], addr, len);
	if (!e)
		return -ENOENT;
	*value = e->value;
	return 0;
}

static struct fib_route route_of(const struct rib *rib, const struct rib_entry *e)
{
	struct fib_route route = { .family = rib->addr_len == 4 ? 4 : 6,
				   .len = e->len,
				   .value = e->value };

	memcpy(route.addr, e->addr, rib->addr_len);
	return route;
}

void fib_each_route(const struct fib *fib, unsigned family, fib_route_fn *fn, void *arg)
{
	const struct rib *rib = &fib->rib[root_of(family)];

	for (uint32_t i = 0; i < rib->cap; i++) {
		struct fib_route route;

		if (!rib_at(rib, i)->used)
			continue;
		route = route_of(rib, rib_at(rib, i));
		fn(&route, arg);
	}
}

void fib_mark(struct fib *fib)
{
	for (unsigned root = ROOT4; root <= ROOT6; root++)
		for (uint32_t i = 0; i < fib->rib[root].cap; i++)
			rib_at(&fib->rib[root], i)->marked = true;
}

static uint32_t sweep(struct fib *fib, uint32_t root, fib_route_fn *fn, void *arg)
{
	const struct rib *rib = &fib->rib[root];
	uint32_t swept = 0;

	for (uint32_t i = 0; i < rib->cap;) {
		struct rib_entry *e = rib_at(rib, i);
		struct fib_route route;

		if (!e->used || !e->marked) {
			i++;
			continue;
		}
		route = route_of(rib, e);
		del(fib, root, e); /* may move the next one here: look at i again */
		swept++;
		if (fn)
			fn(&route, arg);
	}
	return swept;
}

uint32_t fib_sweep(struct fib *fib, fib_route_fn *fn, void *arg)
{
	return sweep(fib, ROOT4, fn, arg) + sweep(fib, ROOT6, fn, arg);
}

void fib_stats(const struct fib *fib, struct fib_stats *stats)
{
	*stats = (struct fib_stats){ .routes4 = fib->rib[ROOT4].count,
				     .routes6 = fib->rib[ROOT6].count,
				     .bytes = sizeof(*fib) + nodes_bytes(&fib->nodes) };
	for (unsigned root = ROOT4; root <= ROOT6; root++)
		stats->bytes += (uint64_t)fib->rib[root].cap * fib->rib[root].entry_len;
}
