/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One VRF's tables: changes go to the rib one by one, each kept with what it replaced, and then to
 * the readers together. Whatever fails, they go back in reverse.
 */
#include "fib/fib_priv.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

int fib_create(const struct fib_conf *conf, struct fib **out)
{
	struct fib *fib;
	int r;

	if (conf->max_routes < 1 || conf->max_routes > FIB_ROUTES_MAX ||
	    conf->root > FIB_ROOT_FLAT)
		return -EINVAL;
	fib = aligned_alloc(64, (sizeof(*fib) + 63) & ~(size_t)63);
	if (!fib)
		return -ENOMEM;
	*fib = (struct fib){ .root = { leaf_of(COLOR_MISS), leaf_of(COLOR_MISS) },
			     .base = conf->arena->blocks.base,
			     .arena = conf->arena,
			     .max_routes = conf->max_routes,
			     .max_bytes = conf->max_bytes,
			     .root_kind = conf->root };
	r = -ENOMEM;
	for (unsigned i = 0; i < 2; i++) {
		fib->tables[i].rib = rib_node_create(NULL, 0);
		if (!fib->tables[i].rib)
			goto free_fib;
		fib->bytes_rib += rib_node_bytes(fib->tables[i].rib);
	}
	r = palette_init(&fib->palette, &conf->arena->blocks);
	if (r)
		goto free_fib;
	*out = fib;
	return 0;

free_fib:
	rib_node_destroy(fib->tables[1].rib);
	rib_node_destroy(fib->tables[0].rib);
	free(fib);
	return r;
}

void fib_destroy(struct fib *fib)
{
	if (!fib)
		return;
	for (unsigned i = 0; i < 2; i++)
		table_clear(fib, &fib->tables[i]);
	palette_fini(&fib->palette, &fib->arena->blocks);
	blocks_seal(&fib->arena->blocks);
	free(fib);
}

static unsigned table_of(unsigned family)
{
	return family == 4 ? 0 : 1;
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

/* The node in which the prefix ends; NULL: none. */
static struct rib_node *node_find(const struct table *t, const uint8_t *addr, unsigned len)
{
	struct rib_node *n = t->rib;

	for (unsigned level = 0; n && level < rib_level(len); level++) {
		struct rib_kid *kid = rib_kid_find(n, addr[level]);

		n = kid ? kid->node : NULL;
	}
	return n;
}

static struct rib_node *kid_make(struct changes *c, struct rib_node *parent, unsigned slot)
{
	struct rib_node *kid = rib_node_create(parent, slot);
	uint64_t before = rib_node_bytes(parent);

	if (!kid)
		return NULL;
	/* To readers its slot is one leaf so far; a page of a flat array has no word. */
	if (rib_kid_add(parent, kid,
			leaf_of(c->table->flat && !parent->level ? COLOR_MISS : kid->inherited))) {
		rib_node_destroy(kid);
		return NULL;
	}
	c->fib->bytes_rib += rib_node_bytes(kid) + rib_node_bytes(parent) - before;
	/* A shorter route may have changed before, what it colors is shown with its kids. */
	changes_note(c, kid, CHANGED_ROUTES);
	return kid;
}

static struct rib_node *node_make(struct changes *c, const uint8_t *addr, unsigned len)
{
	struct rib_node *n = c->table->rib;

	for (unsigned level = 0; n && level < rib_level(len); level++) {
		struct rib_kid *kid = rib_kid_find(n, addr[level]);

		n = kid ? kid->node : kid_make(c, n, addr[level]);
	}
	return n;
}

static int edit_add(struct changes *c, const struct fib_change *ch, uint32_t color)
{
	struct rib_node *n = node_make(c, ch->addr, ch->len);
	uint64_t before;
	int r;

	if (!n)
		return -ENOMEM;
	before = rib_node_bytes(n);
	r = rib_route_add(n, rib_position(ch->addr, ch->len), color);
	if (r)
		return r;
	c->fib->bytes_rib += rib_node_bytes(n) - before;
	c->table->routes++;
	changes_note(c, n, CHANGED_ROUTES);
	return 0;
}

static void edit_del(struct changes *c, struct rib_node *n, const struct fib_change *ch)
{
	uint64_t before = rib_node_bytes(n);

	rib_route_del(n, rib_position(ch->addr, ch->len));
	c->fib->bytes_rib -= before - rib_node_bytes(n);
	c->table->routes--;
	changes_note(c, n, CHANGED_ROUTES);
}

static uint32_t *route_color(const struct table *t, const uint8_t *addr, unsigned len,
			     struct rib_node **n)
{
	*n = node_find(t, addr, len);
	return *n ? rib_route_find(*n, rib_position(addr, len)) : NULL;
}

/* Changes the rib; ch->old becomes the color that was there, with its mark. */
static int edit(struct changes *c, struct fib_change *ch)
{
	struct fib *fib = c->fib;
	struct rib_node *n;
	uint32_t *place = route_color(c->table, ch->addr, ch->len, &n), color;
	int r;

	ch->old = place ? *place : COLOR_MISS;
	if (ch->value == FIB_MISS) {
		if (place)
			edit_del(c, n, ch);
		return 0;
	}
	if (!place && fib->tables[0].routes + fib->tables[1].routes >= fib->max_routes)
		return -ENOSPC;
	r = palette_get(&fib->palette, &fib->arena->blocks, ch->value, &color);
	if (r)
		return r;
	if (place) {
		*place = color;
		if (color != (ch->old & ~RIB_MARKED))
			changes_note(c, n, CHANGED_ROUTES);
		return 0;
	}
	r = edit_add(c, ch, color);
	if (r)
		palette_put(&fib->palette, &fib->arena->blocks, color);
	return r;
}

static void unedit(struct changes *c, const struct fib_change *ch)
{
	struct rib_node *n;
	uint32_t *place = route_color(c->table, ch->addr, ch->len, &n), color;

	if (!place) {
		/* Deleted, so that there is room for it; or it never was. */
		if (ch->old != COLOR_MISS)
			edit_add(c, ch, ch->old);
		return;
	}
	color = *place;
	if (ch->old == COLOR_MISS)
		edit_del(c, n, ch);
	else
		*place = ch->old;
	palette_put(&c->fib->palette, &c->fib->arena->blocks, color);
}

/* The colors that went are not used any more, and become the values they were. */
static void settle(struct fib *fib, struct fib_change *changes, size_t n)
{
	struct blocks *b = &fib->arena->blocks;

	for (size_t i = 0; i < n; i++) {
		uint32_t color = changes[i].old & ~RIB_MARKED;

		changes[i].old = palette_value(&fib->palette, b, color);
		palette_put(&fib->palette, b, color);
	}
}

/* New values of a batch, each with a use of its own until the batch is done. */
struct fresh {
	uint32_t *values;
	size_t count, cap;
};

static int by_value(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

	return x < y ? -1 : x > y;
}

static void fresh_unique(struct fresh *f)
{
	size_t kept = 0;

	if (!f->count)
		return;
	qsort(f->values, f->count, sizeof(*f->values), by_value);
	for (size_t i = 0; i < f->count; i++)
		if (!i || f->values[i] != f->values[i - 1])
			f->values[kept++] = f->values[i];
	f->count = kept;
}

static int fresh_add(struct fresh *f, uint32_t value)
{
	if (f->count == f->cap)
		fresh_unique(f);
	if (2 * f->count >= f->cap) {
		size_t cap = f->cap ? 2 * f->cap : 1024;
		uint32_t *values = realloc(f->values, cap * sizeof(*values));

		if (!values)
			return -ENOMEM;
		f->values = values;
		f->cap = cap;
	}
	f->values[f->count++] = value;
	return 0;
}

/* Colors for the new values, by value and not by who is first: see palette.c. */
static int fresh_take(struct fresh *f, struct fib *fib, const struct fib_change *changes, size_t n)
{
	struct blocks *b = &fib->arena->blocks;
	uint32_t color;
	int r = 0;

	*f = (struct fresh){ 0 };
	for (size_t i = 0; i < n && !r && n > 1; i++)
		if (changes[i].value <= FIB_VALUE_MAX &&
		    palette_color(&fib->palette, b, changes[i].value) == COLOR_MISS)
			r = fresh_add(f, changes[i].value);
	if (!r)
		fresh_unique(f);
	for (size_t i = 0; i < f->count; i++) {
		if (!r)
			r = palette_get(&fib->palette, b, f->values[i], &color);
		if (r) {
			f->count = i;
			break;
		}
	}
	return r;
}

static void fresh_put(struct fresh *f, struct fib *fib)
{
	struct blocks *b = &fib->arena->blocks;

	for (size_t i = 0; i < f->count; i++)
		palette_put(&fib->palette, b, palette_color(&fib->palette, b, f->values[i]));
	free(f->values);
}

static int prepare(struct changes c[2])
{
	int r = changes_prepare(&c[0]);

	if (r)
		return r;
	r = changes_prepare(&c[1]);
	if (r)
		changes_drop(&c[0]);
	return r;
}

int fib_apply(struct fib *fib, struct fib_change *changes, size_t n, size_t *bad)
{
	struct changes c[2] = { { .fib = fib, .table = &fib->tables[0] },
				{ .fib = fib, .table = &fib->tables[1] } };
	struct fresh fresh;
	size_t done;
	int r = fresh_take(&fresh, fib, changes, n);

	for (done = 0; done < n && !r; done += !r) {
		struct fib_change *ch = &changes[done];

		if (!prefix_ok(ch->family, ch->addr, ch->len) ||
		    (ch->value > FIB_VALUE_MAX && ch->value != FIB_MISS))
			r = -EINVAL;
		else
			r = edit(&c[table_of(ch->family)], ch);
	}
	if (bad)
		*bad = done;
	if (!r)
		r = prepare(c);
	if (r) {
		while (done-- > 0)
			unedit(&c[table_of(changes[done].family)], &changes[done]);
		for (unsigned i = 0; i < 2; i++)
			changes_forget(&c[i]);
	} else {
		for (unsigned i = 0; i < 2; i++)
			changes_show(&c[i]);
		settle(fib, changes, n);
	}
	fresh_put(&fresh, fib);
	blocks_seal(&fib->arena->blocks);
	return r;
}

static int apply_one(struct fib *fib, unsigned family, const uint8_t *addr, unsigned len,
		     uint32_t value, uint32_t *old)
{
	struct fib_change change = { .family = (uint8_t)family, .len = (uint8_t)len,
				     .value = value };
	int r;

	if (!prefix_ok(family, addr, len))
		return -EINVAL;
	memcpy(change.addr, addr, family == 4 ? 4 : 16);
	r = fib_apply(fib, &change, 1, NULL);
	if (!r && old)
		*old = change.old;
	return r;
}

int fib_route_set(struct fib *fib, unsigned family, const uint8_t *addr, unsigned len,
		  uint32_t value, uint32_t *old)
{
	if (value > FIB_VALUE_MAX)
		return -EINVAL;
	return apply_one(fib, family, addr, len, value, old);
}

int fib_route_del(struct fib *fib, unsigned family, const uint8_t *addr, unsigned len,
		  uint32_t *old)
{
	uint32_t value;
	int r = fib_route_find(fib, family, addr, len, &value);

	return r ? r : apply_one(fib, family, addr, len, FIB_MISS, old);
}

int fib_route_find(const struct fib *fib, unsigned family, const uint8_t *addr, unsigned len,
		   uint32_t *value)
{
	struct rib_node *n;
	uint32_t *color;

	if (!prefix_ok(family, addr, len))
		return -EINVAL;
	color = route_color(&fib->tables[table_of(family)], addr, len, &n);
	if (!color)
		return -ENOENT;
	*value = palette_value(&fib->palette, &fib->arena->blocks, *color & ~RIB_MARKED);
	return 0;
}
