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
 * flat.c has what is different under a flat root.
 */
#include "fib/publish_priv.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

uint64_t word_charge(uint32_t word)
{
	return is_leaf(word) ? 0 : forms.bytes[word & CODE_MASK];
}

/* The first level of nodes: above is what is flat. */
static unsigned first_level(const struct changes *c)
{
	return flat_has_pages(c) ? PAGE_LEVEL + 1 : c->flat ? PAGE_LEVEL : 0;
}

void word_drop(struct fib_arena *a, uint32_t word)
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
void slots_of(const struct rib_node *n, uint32_t slots[SLOTS])
{
	rib_paint(n, slots);
	for (unsigned i = 0; i < SLOTS; i++)
		slots[i] = leaf_of(slots[i]);
	for (unsigned i = 0; i < n->kid_count; i++)
		slots[n->kids[i].slot] = n->kids[i].word;
}

/* Where the word for a node is kept, from encode_one() on. */
uint32_t *word_of(struct changes *c, const struct rib_node *n)
{
	return n->parent ? &n->parent->kids[n->place].word : &c->root;
}

void rib_place_find(struct rib_node *n)
{
	if (n->parent)
		n->place = (uint16_t)(rib_kid_find(n->parent, n->slot) - n->parent->kids);
}

void word_change(struct changes *c, struct rib_node *n, uint32_t word)
{
	uint32_t *at = word_of(c, n);

	n->before = *at;
	n->changed |= CHANGED_WORD;
	*at = word;
	c->table->charged += word_charge(word) - word_charge(n->before);
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
	/* Small IPv4 tables are smaller for it; lookups in IPv6 ones pass such nodes often, and are
	 * slower for the second line. */
	return intern_slots(c->fib->arena, slots, c->table == &c->fib->tables[0], word);
}

static int encode_one(struct changes *c, struct rib_node *n)
{
	uint32_t word;
	int r;

	rib_place_find(n);
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

static int encode(struct changes *c)
{
	unsigned first = first_level(c);
	int r = 0;

	for (unsigned level = LEVELS; level-- > first;)
		for (struct rib_node *n = c->changed[level]; n && !r; n = n->next)
			r = encode_one(c, n);
	if (flat_has_pages(c))
		for (struct rib_node *n = c->changed[PAGE_LEVEL]; n && !r; n = n->next)
			r = flat_make_page(c, n);
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
				c->table->charged += word_charge(n->before) - word_charge(*at);
				*at = n->before;
			}
			n->changed &= (uint8_t)~CHANGED_WORD;
			word_drop(a, word);
		}
}

static void prune(struct changes *c)
{
	for (unsigned level = LEVELS; level-- > 1;)
		for (struct rib_node *n = c->changed[level], *next; n; n = next) {
			struct rib_node *parent = n->parent;

			next = n->next;
			n->changed = 0;
			rib_node_trim(n);
			if (n->route_count || n->kid_count)
				continue;
			/* Its word is a leaf by now; a page is one all over. */
			if (level == PAGE_LEVEL && flat_has_pages(c))
				flat_drop_page(c, n);
			c->fib->bytes_rib -= rib_node_bytes(n) + rib_node_bytes(parent);
			rib_kid_del(parent, n->slot);
			rib_node_destroy(n);
			c->fib->bytes_rib += rib_node_bytes(parent);
			changes_note(c, parent, CHANGED_MANY);
		}
	if (c->changed[0])
		c->changed[0]->changed = 0;
	memset(c->changed, 0, sizeof(c->changed));
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
	r = flat_prepare(c);
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
		flat_show(c);
	word_show(root, c->flat ? c->flat | FLAT : c->root);
	c->table->flat = c->flat;
	if (was != c->flat)
		flat_settle(c, was, root_was);
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
