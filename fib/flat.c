/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A flat root is an array by the first 16 bits, as they lie in memory, instead of nodes of levels 0
 * and 1. For IPv6, where all that is routed is in a few of its places, these have pages by the next
 * 8 bits, instead of nodes of level 2. Both are the table's own and are written in place: what a
 * word refers to is there before the word is, and goes after it.
 */
#include "fib/publish_priv.h"

#include <string.h>

/* Routes of a family from which, and below which, FIB_ROOT_AUTO changes its mind. */
enum { FLAT_FROM = 32768, FLAT_UNTIL = 16384 };

bool flat_has_pages(const struct changes *c)
{
	return c->flat && c->table == &c->fib->tables[1];
}

static uint32_t *array_at(const struct changes *c, uint32_t word)
{
	return (uint32_t *)(c->fib->arena->blocks.base + (word & NODE_MASK));
}

/* Where the flat root has a level-2 node's word. */
static uint32_t *flat_at(const struct changes *c, const struct rib_node *n)
{
	return &array_at(c, c->flat)[n->slot << 8 | n->parent->slot];
}

static void show_top(const struct changes *c, const struct rib_node *n)
{
	uint32_t *flat = array_at(c, c->flat), colors[SLOTS];
	unsigned kid = 0;

	rib_paint(n, colors);
	for (unsigned slot = 0; slot < SLOTS; slot++) {
		if (kid < n->kid_count && n->kids[kid].slot == slot) {
			kid++;
			continue;
		}
		for (unsigned i = 0; i < SLOTS; i++)
			word_show(&flat[i << 8 | slot], leaf_of(colors[slot]));
	}
}

static void show_second(const struct changes *c, const struct rib_node *n)
{
	uint32_t *flat = array_at(c, c->flat), slots[SLOTS];

	slots_of(n, slots);
	for (unsigned i = 0; i < SLOTS; i++)
		word_show(&flat[i << 8 | n->slot], slots[i]);
}

static void show_page(struct changes *c, const struct rib_node *n)
{
	uint32_t *page = array_at(c, *word_of(c, n)), slots[SLOTS];

	slots_of(n, slots);
	for (unsigned i = 0; i < SLOTS; i++)
		word_show(&page[i], slots[i]);
}

/* What is reached by a word is there before the word is. */
void flat_show(struct changes *c)
{
	if (flat_has_pages(c)) {
		for (struct rib_node *n = c->changed[PAGE_LEVEL]; n; n = n->next)
			if (n->changed & (CHANGED_ROUTES | CHANGED_WORD))
				show_page(c, n);
		for (struct rib_node *n = c->changed[PAGE_LEVEL + 1]; n; n = n->next)
			if (n->changed & CHANGED_WORD)
				word_show(&array_at(c, rib_kid_find(n->parent->parent,
								n->parent->slot)->word)[n->slot],
				      *word_of(c, n));
	}
	for (struct rib_node *n = c->changed[PAGE_LEVEL]; n; n = n->next)
		if (n->changed & CHANGED_WORD)
			word_show(flat_at(c, n), *word_of(c, n));
	for (struct rib_node *n = c->changed[1]; n; n = n->next)
		if (n->changed & CHANGED_ROUTES)
			show_second(c, n);
	for (struct rib_node *n = c->changed[0]; n; n = n->next)
		if (n->changed & CHANGED_ROUTES)
			show_top(c, n);
}

static bool wants_flat(const struct changes *c)
{
	switch (c->fib->root_kind) {
	case FIB_ROOT_SHARED:
		return false;
	case FIB_ROOT_FLAT:
		return c->table->routes > 0;
	default:
		return c->table->routes >= (c->table->flat ? FLAT_UNTIL : FLAT_FROM);
	}
}

/* All that can be flat is to be made, or shown. */
static void note_top(struct changes *c, struct rib_node *n)
{
	changes_note(c, n, CHANGED_ROUTES);
	for (unsigned i = 0; i < n->kid_count && n->level < PAGE_LEVEL; i++)
		note_top(c, n->kids[i].node);
}

/* Level 1 has no nodes under a flat array. */
static void drop_second(struct changes *c)
{
	for (unsigned i = 0; i < c->table->rib->kid_count; i++) {
		struct rib_kid *kid = &c->table->rib->kids[i];

		c->table->charged -= word_charge(kid->word);
		intern_unref(c->fib->arena, kid->word);
		kid->word = leaf_of(COLOR_MISS);
	}
}

/* A flat array came or went: what it stands for instead of, or what stands instead of it. */
void flat_settle(struct changes *c, uint32_t was, uint32_t root_was)
{
	struct table *t = c->table;

	if (was) {
		block_retire(&c->fib->arena->blocks, was, block_class(FLAT_BYTES));
		t->charged -= FLAT_BYTES;
	} else {
		t->charged += FLAT_BYTES - word_charge(root_was);
		intern_unref(c->fib->arena, root_was);
		drop_second(c);
	}
}

int flat_make_page(struct changes *c, struct rib_node *n)
{
	uint32_t offset;
	int r;

	rib_place_find(n);
	if (*word_of(c, n) & FLAT)
		return 0;
	r = block_take(&c->fib->arena->blocks, block_class(forms.bytes[DIRECT32]), &offset);
	if (r)
		return r;
	word_change(c, n, offset | FLAT | DIRECT32);
	return 0;
}

int flat_prepare(struct changes *c)
{
	struct blocks *b = &c->fib->arena->blocks;
	bool wanted = wants_flat(c);
	int r;

	c->flat = wanted ? c->table->flat : 0;
	if (wanted == !!c->table->flat)
		return 0;
	note_top(c, c->table->rib);
	if (!wanted)
		return 0;
	r = block_take(b, block_class(FLAT_BYTES), &c->flat);
	if (r)
		return c->fib->root_kind == FIB_ROOT_AUTO ? 0 : r;
	memset(b->base + c->flat, 0, FLAT_BYTES);
	return 0;
}

void flat_drop_page(struct changes *c, struct rib_node *n)
{
	uint32_t page = rib_kid_find(n->parent, n->slot)->word;

	if (is_leaf(page)) /* it was not made, the change having failed */
		return;
	word_show(flat_at(c, n), leaf_of(n->inherited));
	c->table->charged -= word_charge(page);
	word_drop(c->fib->arena, page);
}
