/* SPDX-License-Identifier: Apache-2.0 */
/* What goes over all routes of a table. */
#include "fib/fib_priv.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct each {
	const struct fib *fib;
	void (*fn)(struct each *e, const struct fib_route *route, uint32_t *color);
	struct fib_route route; /* the address of the node that is walked */
	fib_route_fn *user_fn;
	void *user_arg;
	struct fib_change *changes;
	size_t count;
};

static void each_in(struct each *e, struct rib_node *n)
{
	uint8_t *byte = &e->route.addr[n->level];

	for (unsigned i = 0; i < n->route_count; i++) {
		unsigned bits = 31 - (unsigned)__builtin_clz(n->positions[i]);

		*byte = (uint8_t)(n->positions[i] << (8 - bits));
		e->route.len = (uint8_t)(n->level * 8 + bits);
		e->route.value = palette_value(&e->fib->palette, &e->fib->arena->blocks,
					       n->colors[i] & ~RIB_MARKED);
		e->fn(e, &e->route, &n->colors[i]);
	}
	for (unsigned i = 0; i < n->kid_count; i++) {
		*byte = n->kids[i].slot;
		each_in(e, n->kids[i].node);
	}
	*byte = 0;
}

static void each(struct each *e, unsigned table)
{
	e->route.family = table ? 6 : 4;
	each_in(e, e->fib->tables[table].rib);
}

static void tell(struct each *e, const struct fib_route *route, uint32_t *color)
{
	e->user_fn(route, e->user_arg);
}

void fib_each_route(const struct fib *fib, unsigned family, fib_route_fn *fn, void *arg)
{
	struct each e = { .fib = fib, .fn = tell, .user_fn = fn, .user_arg = arg };

	each(&e, family == 4 ? 0 : 1);
}

struct from {
	const struct fib *fib;
	const struct fib_route *after;
	struct fib_route route;
	unsigned left;
	fib_route_fn *fn;
	void *arg;
};

/* Routes of a node come by position, before those of its kids, which come by slot. on_path: `after`
 * is here or below. */
static void next_in(struct from *f, const struct rib_node *n, bool on_path)
{
	unsigned level = on_path ? rib_level(f->after->len) : 0, from = 0;
	uint8_t *byte = &f->route.addr[n->level];
	bool here = on_path && n->level == level, above = on_path && n->level < level;

	if (here)
		from = rib_position(f->after->addr, f->after->len) + 1;
	for (unsigned i = 0; i < n->route_count && f->left && !above; i++) {
		unsigned bits = 31 - (unsigned)__builtin_clz(n->positions[i]);

		if (n->positions[i] < from)
			continue;
		*byte = (uint8_t)(n->positions[i] << (8 - bits));
		f->route.len = (uint8_t)(n->level * 8 + bits);
		f->route.value = palette_value(&f->fib->palette, &f->fib->arena->blocks,
					       n->colors[i] & ~RIB_MARKED);
		f->left--;
		f->fn(&f->route, f->arg);
	}
	for (unsigned i = 0; i < n->kid_count && f->left; i++) {
		uint8_t slot = n->kids[i].slot;

		if (above && slot < f->after->addr[n->level])
			continue;
		*byte = slot;
		next_in(f, n->kids[i].node, above && slot == f->after->addr[n->level]);
	}
	*byte = 0;
}

long fib_next_routes(const struct fib *fib, unsigned family, const struct fib_route *after,
		     unsigned most, fib_route_fn *fn, void *arg)
{
	struct from f = { .fib = fib, .after = after, .left = most, .fn = fn, .arg = arg,
			  .route = { .family = (uint8_t)family } };

	if ((family != 4 && family != 6) ||
	    (after && (after->family != family || after->len > (family == 4 ? 32 : 128))))
		return -EINVAL;
	next_in(&f, fib->tables[family == 4 ? 0 : 1].rib, after != NULL);
	return most - f.left;
}

static void mark(struct each *e, const struct fib_route *route, uint32_t *color)
{
	*color |= RIB_MARKED;
}

void fib_mark(struct fib *fib)
{
	struct each e = { .fib = fib, .fn = mark };

	each(&e, 0);
	each(&e, 1);
}

static void collect(struct each *e, const struct fib_route *route, uint32_t *color)
{
	struct fib_change *ch = &e->changes[e->count];

	if (!(*color & RIB_MARKED))
		return;
	e->count++;
	*ch = (struct fib_change){ .family = route->family, .len = route->len,
				   .value = FIB_MISS };
	memcpy(ch->addr, route->addr, sizeof(ch->addr));
}

int fib_sweep(struct fib *fib, fib_route_fn *fn, void *arg)
{
	size_t most = (size_t)fib->tables[0].routes + fib->tables[1].routes;
	struct each e = { .fib = fib, .fn = collect };
	int r;

	e.changes = malloc((most + 1) * sizeof(*e.changes));
	if (!e.changes)
		return -ENOMEM;
	each(&e, 0);
	each(&e, 1);
	r = fib_apply(fib, e.changes, e.count, NULL);
	for (size_t i = 0; i < e.count && !r && fn; i++) {
		const struct fib_change *ch = &e.changes[i];
		struct fib_route route = { .family = ch->family, .len = ch->len, .value = ch->old };

		memcpy(route.addr, ch->addr, sizeof(route.addr));
		fn(&route, arg);
	}
	free(e.changes);
	return r ? r : (int)e.count;
}

/* Which nodes were met, a bit each; NULL when memory is short: they count each time. */
struct met {
	const struct fib_arena *arena;
	uint64_t *bits;
};

static bool met_before(struct met *met, uint32_t word)
{
	uint32_t i = word >> BLOCK_SHIFT;
	bool before;

	if (!met->bits)
		return false;
	before = met->bits[i / 64] >> i % 64 & 1;
	met->bits[i / 64] |= 1ull << i % 64;
	return before;
}

/* Counts the nodes below a word. */
static void walk(struct met *met, uint32_t word, struct fib_stats *stats)
{
	const struct fib_arena *a = met->arena;
	uint32_t slots[SLOTS], last = 0;

	if (is_leaf(word) || met_before(met, word))
		return;
	stats->bytes_lookup += forms.bytes[word & CODE_MASK];
	if (!(word & FLAT) && word_note(a, word)->refs > 1)
		stats->bytes_shared += forms.bytes[word & CODE_MASK];
	if (forms.width[word & CODE_MASK] != 2)
		return;
	node_decode(word & CODE_MASK, word_node(a, word), slots);
	for (unsigned i = 0; i < SLOTS; last = slots[i++])
		if (slots[i] != last)
			walk(met, slots[i], stats);
}

static void walk_flat(struct met *met, const struct fib *fib, const struct table *t,
		      struct fib_stats *stats)
{
	const uint32_t *flat = (const uint32_t *)(fib->base + t->flat);

	stats->bytes_lookup += (1 << 16) * sizeof(*flat);
	for (unsigned i = 0; i < 1 << 16; i++)
		walk(met, flat[i], stats);
}

void fib_stats(const struct fib *fib, struct fib_stats *stats)
{
	struct met met = { .arena = fib->arena };

	*stats = (struct fib_stats){ .routes4 = fib->tables[0].routes,
				     .routes6 = fib->tables[1].routes,
				     .bytes = fib_bytes(fib),
				     .bytes_rib = sizeof(*fib) + fib->bytes_rib +
						  palette_bytes_rib(&fib->palette),
				     .bytes_lookup = fib->palette.cap * sizeof(uint32_t) };
	met.bits = calloc((fib->arena->blocks.top >> BLOCK_SHIFT) / 64 + 1, sizeof(*met.bits));
	for (unsigned i = 0; i < 2; i++)
		if (fib->tables[i].flat)
			walk_flat(&met, fib, &fib->tables[i], stats);
		else
			walk(&met, fib->root[i], stats);
	free(met.bits);
}
