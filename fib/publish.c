/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From changed routes to what readers see, in four passes:
 *
 *   inherit   top-down: a changed route colors the slots it has, and nodes below inherit that;
 *   encode    bottom-up: each changed node is made anew, and the word for it goes to its parent,
 *             which keeps the old one; it may fail, and then all words are put back;
 *   show      one store for the root, or one for each place of a flat root;
 *   settle    old words are given back, empty rib nodes go.
 *
 * A flat root is an array by the first 16 bits, as they lie in memory, instead of nodes of levels 0
 * and 1. For IPv6, where all that is routed is in a few of its places, these have pages by the next
 * 8 bits, instead of nodes of level 2. Both are written in place.
 */
#include "fib/fib_priv.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* Routes of a family from which, and below which, FIB_ROOT_AUTO changes its mind. */
enum { FLAT_FROM = 32768, FLAT_UNTIL = 16384 };

enum { FLAT_BYTES = (1 << 16) * 4, PAGE_LEVEL = 2 };

static uint64_t charge(uint32_t word)
{
	return is_leaf(word) ? 0 : forms.bytes[word & CODE_MASK];
}

static bool has_pages(const struct changes *c)
{
	return c->flat && c->table == &c->fib->tables[1];
}

/* The first level of nodes: above is what is flat. */
static unsigned first_level(const struct changes *c)
{
	return has_pages(c) ? PAGE_LEVEL + 1 : c->flat ? PAGE_LEVEL : 0;
}

static void word_drop(struct fib_arena *a, uint32_t word)
{
	if (word & FLAT && !is_leaf(word))
		block_retire(&a->blocks, word & NODE_MASK,
			     block_class(forms.bytes[word & CODE_MASK]));
	else
		intern_unref(a, word);
}

void changes_note(struct changes *c, struct rib_node *n, unsigned how)
{
	if (!n->changed) {
		n->next = c->changed[n->level];
		c->changed[n->level] = n;
	}
	n->changed |= (uint8_t)how;
}

static void inherit(struct changes *c)
{
	uint32_t colors[SLOTS];

	for (unsigned level = 0; level < LEVELS; level++)
		for (struct rib_node *n = c->changed[level]; n; n = n->next) {
			if (!n->kid_count || !(n->changed & CHANGED_ROUTES))
				continue;
			rib_paint(n, colors);
			for (unsigned i = 0; i < n->kid_count; i++) {
				struct rib_node *kid = n->kids[i].node;

				if (kid->inherited == colors[kid->slot])
					continue;
				kid->inherited = colors[kid->slot];
				changes_note(c, kid, CHANGED_ROUTES);
			}
		}
}

/* The words of the node's slots: its routes', and those of its kids. */
static void slots_of(const struct rib_node *n, uint32_t slots[SLOTS])
{
	rib_paint(n, slots);
	for (unsigned i = 0; i < SLOTS; i++)
		slots[i] = leaf_of(slots[i]);
	for (unsigned i = 0; i < n->kid_count; i++)
		slots[n->kids[i].slot] = n->kids[i].word;
}

/* Where the word for a node is kept, from encode_one() on. */
static uint32_t *word_of(struct changes *c, const struct rib_node *n)
{
	return n->parent ? &n->parent->kids[n->place].word : &c->root;
}

static void find_place(struct rib_node *n)
{
	if (n->parent)
		n->place = (uint16_t)(rib_kid_find(n->parent, n->slot) - n->parent->kids);
}

static void word_change(struct changes *c, struct rib_node *n, uint32_t word)
{
	uint32_t *at = word_of(c, n);

	n->before = *at;
	n->changed |= CHANGED_WORD;
	*at = word;
	c->table->charged += charge(word) - charge(n->before);
}

/* The node that n's routes and the words below make. */
static int make_node(struct changes *c, struct rib_node *n, uint32_t *word)
{
	uint32_t slots[SLOTS], known = *word_of(c, n);
	int r;

	if (n->changed == CHANGED_BELOW && !is_leaf(known) && !(known & FLAT)) {
		r = intern_patched(c->fib->arena, known, n->below,
				   rib_kid_find(n, n->below)->word, word);
		if (r != -EAGAIN)
			return r;
	}
	slots_of(n, slots);
	return intern_slots(c->fib->arena, slots, word);
}

static int encode_one(struct changes *c, struct rib_node *n)
{
	uint32_t word;
	int r;

	find_place(n);
	r = make_node(c, n, &word);
	if (r)
		return r;
	if (word == *word_of(c, n)) {
		intern_unref(c->fib->arena, word);
		return 0;
	}
	word_change(c, n, word);
	if (n->parent) {
		changes_note(c, n->parent, n->parent->changed & CHANGED_BELOW ? CHANGED_MANY :
									       CHANGED_BELOW);
		n->parent->below = n->slot;
	}
	return 0;
}

static int make_page(struct changes *c, struct rib_node *n)
{
	uint32_t offset;
	int r;

	find_place(n);
	if (*word_of(c, n) & FLAT)
		return 0;
	r = block_take(&c->fib->arena->blocks, block_class(forms.bytes[DIRECT32]), &offset);
	if (r)
		return r;
	word_change(c, n, offset | FLAT | DIRECT32);
	return 0;
}

static int encode(struct changes *c)
{
	unsigned first = first_level(c);
	int r = 0;

	for (unsigned level = LEVELS; level-- > first;)
		for (struct rib_node *n = c->changed[level]; n && !r; n = n->next)
			r = encode_one(c, n);
	if (has_pages(c))
		for (struct rib_node *n = c->changed[PAGE_LEVEL]; n && !r; n = n->next)
			r = make_page(c, n);
	return r;
}

/* Every changed word: put back and the new one given up, or the old one given up. */
static void settle_words(struct changes *c, bool back)
{
	struct fib_arena *a = c->fib->arena;

	for (unsigned level = 0; level < LEVELS; level++)
		for (struct rib_node *n = c->changed[level]; n; n = n->next) {
			uint32_t *at, word;

			if (!(n->changed & CHANGED_WORD))
				continue;
			at = word_of(c, n);
			word = back ? *at : n->before;
			if (back) {
				c->table->charged += charge(n->before) - charge(*at);
				*at = n->before;
			}
			n->changed &= (uint8_t)~CHANGED_WORD;
			word_drop(a, word);
		}
}

static void store(uint32_t *at, uint32_t word)
{
	if (*at != word)
		__atomic_store_n(at, word, __ATOMIC_RELEASE);
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
			store(&flat[i << 8 | slot], leaf_of(colors[slot]));
	}
}

static void show_second(const struct changes *c, const struct rib_node *n)
{
	uint32_t *flat = array_at(c, c->flat), slots[SLOTS];

	slots_of(n, slots);
	for (unsigned i = 0; i < SLOTS; i++)
		store(&flat[i << 8 | n->slot], slots[i]);
}

static void show_page(struct changes *c, const struct rib_node *n)
{
	uint32_t *page = array_at(c, *word_of(c, n)), slots[SLOTS];

	slots_of(n, slots);
	for (unsigned i = 0; i < SLOTS; i++)
		store(&page[i], slots[i]);
}

/* What is reached by a word is there before the word is. */
static void show_flat(struct changes *c)
{
	if (has_pages(c)) {
		for (struct rib_node *n = c->changed[PAGE_LEVEL]; n; n = n->next)
			if (n->changed & (CHANGED_ROUTES | CHANGED_WORD))
				show_page(c, n);
		for (struct rib_node *n = c->changed[PAGE_LEVEL + 1]; n; n = n->next)
			if (n->changed & CHANGED_WORD)
				store(&array_at(c, rib_kid_find(n->parent->parent,
								n->parent->slot)->word)[n->slot],
				      *word_of(c, n));
	}
	for (struct rib_node *n = c->changed[PAGE_LEVEL]; n; n = n->next)
		if (n->changed & CHANGED_WORD)
			store(flat_at(c, n), *word_of(c, n));
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

		c->table->charged -= charge(kid->word);
		intern_unref(c->fib->arena, kid->word);
		kid->word = leaf_of(COLOR_MISS);
	}
}

/* A flat array came or went: what it stands for instead of, or what stands instead of it. */
static void settle_flat(struct changes *c, uint32_t was, uint32_t root_was)
{
	struct table *t = c->table;

	if (was) {
		block_retire(&c->fib->arena->blocks, was, block_class(FLAT_BYTES));
		t->charged -= FLAT_BYTES;
	} else {
		t->charged += FLAT_BYTES - charge(root_was);
		intern_unref(c->fib->arena, root_was);
		drop_second(c);
	}
}

static void drop_page(struct changes *c, struct rib_node *n)
{
	uint32_t page = rib_kid_find(n->parent, n->slot)->word;

	if (is_leaf(page)) /* it was not made, the change having failed */
		return;
	store(flat_at(c, n), leaf_of(n->inherited));
	c->table->charged -= charge(page);
	word_drop(c->fib->arena, page);
}

static void prune(struct changes *c)
{
	for (unsigned level = LEVELS; level-- > 1;)
		for (struct rib_node *n = c->changed[level], *next; n; n = next) {
			struct rib_node *parent = n->parent;

			next = n->next;
			n->changed = 0;
			if (n->route_count || n->kid_count)
				continue;
			/* Its word is a leaf by now; a page is one all over. */
			if (level == PAGE_LEVEL && has_pages(c))
				drop_page(c, n);
			c->fib->bytes_rib -= rib_node_bytes(n);
			rib_kid_del(parent, n->slot);
			rib_node_destroy(n);
			changes_note(c, parent, CHANGED_MANY);
		}
	if (c->changed[0])
		c->changed[0]->changed = 0;
	memset(c->changed, 0, sizeof(c->changed));
}

static int make_flat(struct changes *c)
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

static bool too_big(const struct changes *c)
{
	const struct fib *fib = c->fib;
	uint64_t bytes = fib_bytes(fib);

	if (c->flat && !c->table->flat)
		bytes += FLAT_BYTES;
	return fib->max_bytes && bytes > fib->max_bytes;
}

int changes_prepare(struct changes *c)
{
	uint32_t root = c->fib->root[c->table - c->fib->tables];
	int r;

	inherit(c);
	r = make_flat(c);
	if (r)
		return r;
	c->root = root & FLAT ? leaf_of(COLOR_MISS) : root;
	r = encode(c);
	if (!r && too_big(c))
		r = -ENOSPC;
	if (r)
		changes_drop(c);
	return r;
}

void changes_drop(struct changes *c)
{
	settle_words(c, true);
	if (c->flat && !c->table->flat)
		block_retire(&c->fib->arena->blocks, c->flat, block_class(FLAT_BYTES));
	c->flat = c->table->flat;
}

void changes_show(struct changes *c)
{
	uint32_t *root = &c->fib->root[c->table - c->fib->tables], root_was = *root;
	uint32_t was = c->table->flat;

	if (c->flat)
		show_flat(c);
	store(root, c->flat ? c->flat | FLAT : c->root);
	c->table->flat = c->flat;
	if (was != c->flat)
		settle_flat(c, was, root_was);
	settle_words(c, false);
	prune(c);
}

void changes_forget(struct changes *c)
{
	inherit(c);
	prune(c);
}

static void unref_words(struct fib_arena *a, struct rib_node *n)
{
	for (unsigned i = 0; i < n->kid_count; i++) {
		word_drop(a, n->kids[i].word);
		unref_words(a, n->kids[i].node);
	}
}

void table_clear(struct fib *fib, struct table *t)
{
	struct fib_arena *a = fib->arena;

	if (t->flat)
		block_retire(&a->blocks, t->flat, block_class(FLAT_BYTES));
	else
		intern_unref(a, fib->root[t - fib->tables]);
	unref_words(a, t->rib);
	rib_node_destroy(t->rib);
}
