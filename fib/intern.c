/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Each distinct node of the arena exists once, whatever tables it is in, and counts who refers to
 * it: the ribs, and for each word in it the nodes above. Colors, not values, are in nodes, so that
 * tables share them that differ only in what their colors mean.
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

static int grow(struct fib_arena *a)
{
	uint32_t cap = a->cap ? 2 * a->cap : CAP_FIRST;
	struct interned *table;

	if (a->count < a->cap - a->cap / 4)
		return 0;
	table = calloc(cap, sizeof(*table));
	if (!table)
		return -ENOMEM;
	for (uint32_t i = 0; i < a->cap; i++) {
		uint32_t at = a->table[i].hash & (cap - 1);

		if (!a->table[i].refs)
			continue;
		while (table[at].refs)
			at = (at + 1) & (cap - 1);
		table[at] = a->table[i];
	}
	free(a->table);
	a->table = table;
	a->cap = cap;
	return 0;
}

static void each_child(struct fib_arena *a, uint32_t word,
		       void (*fn)(struct fib_arena *a, uint32_t child))
{
	enum code code = word & CODE_MASK;
	const uint8_t *node = word_node(a, word);
	unsigned lines = 1u << (8 - forms.shift[code]), line_bytes = forms.bytes[code] / lines;

	if (forms.width[code] != 2)
		return;
	/* Places without a value are zero, which is no word: HALF8 at no block. */
	for (unsigned line = 0; line < lines; line++)
		for (unsigned at = forms.values[code]; at < line_bytes; at += 4) {
			uint32_t child;

			memcpy(&child, node + line * line_bytes + at, 4);
			if (child && !is_leaf(child))
				fn(a, child);
		}
}

void intern_ref(struct fib_arena *a, uint32_t word)
{
	if (!is_leaf(word))
		intern_find(a, word)->refs++;
}

static int add(struct fib_arena *a, uint32_t hash, enum code code, const uint8_t *node,
	       uint32_t *word)
{
	uint32_t at, offset;
	int r = grow(a);

	if (!r)
		r = block_take(&a->blocks, block_class(forms.bytes[code]), &offset);
	if (r)
		return r;
	memcpy(a->blocks.base + offset, node, forms.bytes[code]);
	*word = offset | code;
	for (at = hash & (a->cap - 1); a->table[at].refs;)
		at = (at + 1) & (a->cap - 1);
	a->table[at] = (struct interned){ .word = *word, .refs = 1, .hash = hash };
	a->count++;
	each_child(a, *word, intern_ref);
	return 0;
}

int intern_slots(struct fib_arena *a, const uint32_t slots[SLOTS], uint32_t *word)
{
	uint8_t node[NODE_BYTES_MAX];
	enum code code = node_encode(slots, node);
	uint32_t hash;

	if (code == LEAF) {
		*word = slots[0];
		return 0;
	}
	hash = hash_of(a, code, node);
	for (uint32_t at = hash & (a->cap - 1); a->cap && a->table[at].refs;
	     at = (at + 1) & (a->cap - 1)) {
		struct interned *n = &a->table[at];

		if (n->hash != hash || (n->word & CODE_MASK) != code ||
		    memcmp(word_node(a, n->word), node, forms.bytes[code]) != 0)
			continue;
		n->refs++;
		*word = n->word;
		return 0;
	}
	return add(a, hash, code, node, word);
}

struct interned *intern_find(const struct fib_arena *a, uint32_t word)
{
	uint32_t at = hash_of(a, word & CODE_MASK, word_node(a, word)) & (a->cap - 1);

	while (a->table[at].word != word)
		at = (at + 1) & (a->cap - 1);
	return &a->table[at];
}

/* Closes the gap: whatever may live in the hole without passing its home moves up. */
static void forget(struct fib_arena *a, struct interned *n)
{
	uint32_t mask = a->cap - 1, hole = (uint32_t)(n - a->table);

	for (uint32_t i = (hole + 1) & mask; a->table[i].refs; i = (i + 1) & mask) {
		if (((i - a->table[i].hash) & mask) < ((i - hole) & mask))
			continue;
		a->table[hole] = a->table[i];
		hole = i;
	}
	a->table[hole] = (struct interned){ 0 };
	a->count--;
}

void intern_unref(struct fib_arena *a, uint32_t word)
{
	struct interned *n;

	if (is_leaf(word))
		return;
	n = intern_find(a, word);
	if (--n->refs)
		return;
	forget(a, n);
	block_retire(&a->blocks, word & NODE_MASK, block_class(forms.bytes[word & CODE_MASK]));
	each_child(a, word, intern_unref);
}
