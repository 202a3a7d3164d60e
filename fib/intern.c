/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Each distinct node of the arena exists once, whatever tables it is in, and counts the ribs' words
 * for it. The words in nodes are not counted: a rib that has a node has all below it. Colors, not
 * values, are in nodes, so that tables share them that differ only in what their colors mean.
 */
#include "fib/fib_priv.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum { CAP_FIRST = 256 };

static uint64_t fold(uint64_t a, uint64_t b)
{
	unsigned __int128 p = (unsigned __int128)a * b;

	return (uint64_t)p ^ (uint64_t)(p >> 64);
}

/* Keyed: a guest chooses its routes, but not which nodes collide. */
static uint32_t hash_of(const struct fib_arena *a, enum code code, const uint8_t *node)
{
	uint64_t h[4] = { code, 1, 2, 3 }, w[4];

	for (unsigned at = 0; at < forms.bytes[code]; at += sizeof(w)) {
		memcpy(w, node + at, sizeof(w));
		for (unsigned i = 0; i < 4; i++)
			h[i] = fold(h[i] ^ w[i] ^ a->seed[i], a->seed[3 - i] | 1);
	}
	h[0] = fold(h[0] ^ h[1], a->seed[2] | 1) ^ fold(h[2] ^ h[3], a->seed[0] | 1);
	return (uint32_t)(h[0] ^ h[0] >> 32);
}

static void place(struct fib_arena *a, uint32_t word)
{
	uint32_t at = word_note(a, word)->hash & (a->cap - 1);

	while (a->table[at])
		at = (at + 1) & (a->cap - 1);
	a->table[at] = word;
}

static int grow(struct fib_arena *a)
{
	uint32_t *old = a->table, old_cap = a->cap, cap = old_cap ? 2 * old_cap : CAP_FIRST;
	uint32_t *table;

	if (a->count < old_cap - old_cap / 4)
		return 0;
	table = calloc(cap, sizeof(*table));
	if (!table)
		return -ENOMEM;
	a->table = table;
	a->cap = cap;
	for (uint32_t i = 0; i < old_cap; i++)
		if (old[i])
			place(a, old[i]);
	free(old);
	return 0;
}

static int add(struct fib_arena *a, uint32_t hash, enum code code, const uint8_t *node,
	       uint32_t *word)
{
	uint32_t offset;
	int r = grow(a);

	if (!r)
		r = block_take(&a->blocks, block_class(forms.bytes[code]), &offset);
	if (r)
		return r;
	memcpy(a->blocks.base + offset, node, forms.bytes[code]);
	*word = offset | code;
	*word_note(a, *word) = (struct block_note){ .refs = 1, .hash = hash };
	place(a, *word);
	a->count++;
	return 0;
}

static int intern(struct fib_arena *a, enum code code, const uint8_t *node, uint32_t *word)
{
	uint32_t hash = hash_of(a, code, node);

	for (uint32_t at = hash & (a->cap - 1); a->cap && a->table[at];
	     at = (at + 1) & (a->cap - 1)) {
		uint32_t known = a->table[at];

		if (word_note(a, known)->hash != hash || (known & CODE_MASK) != code ||
		    memcmp(word_node(a, known), node, forms.bytes[code]) != 0)
			continue;
		word_note(a, known)->refs++;
		*word = known;
		return 0;
	}
	return add(a, hash, code, node, word);
}

int intern_slots(struct fib_arena *a, const uint32_t slots[SLOTS], bool bitmaps, uint32_t *word)
{
	uint8_t node[NODE_BYTES_MAX];
	enum code code = node_encode(slots, bitmaps, node);

	if (code != LEAF)
		return intern(a, code, node, word);
	*word = slots[0];
	return 0;
}

int intern_patched(struct fib_arena *a, uint32_t known, unsigned slot, uint32_t slot_word,
		   uint32_t *word)
{
	enum code code = known & CODE_MASK;
	uint8_t node[NODE_BYTES_MAX];

	memcpy(node, word_node(a, known), forms.bytes[code]);
	if (!node_patch(code, node, slot, slot_word))
		return -EAGAIN;
	return intern(a, code, node, word);
}

/* Closes the gap: whatever may live in the hole without passing its home moves up. */
static void forget(struct fib_arena *a, uint32_t word)
{
	uint32_t mask = a->cap - 1, hole = word_note(a, word)->hash & mask;

	while (a->table[hole] != word)
		hole = (hole + 1) & mask;
	for (uint32_t i = (hole + 1) & mask; a->table[i]; i = (i + 1) & mask) {
		uint32_t home = word_note(a, a->table[i])->hash;

		if (((i - home) & mask) < ((i - hole) & mask))
			continue;
		a->table[hole] = a->table[i];
		hole = i;
	}
	a->table[hole] = 0;
	a->count--;
}

void intern_unref(struct fib_arena *a, uint32_t word)
{
	if (is_leaf(word) || --word_note(a, word)->refs)
		return;
	forget(a, word);
	block_retire(&a->blocks, word & NODE_MASK, block_class(forms.bytes[word & CODE_MASK]));
}
