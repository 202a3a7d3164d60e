/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TESTS_UNIT_FIB_CHECK_H
#define TESTS_UNIT_FIB_CHECK_H

/*
 * Inside the library: what its counters say must be what a walk over all tables of an arena finds.
 * The only tests that know how it is made; whoever changes that changes this.
 */

#include "fib/fib_priv.h"
#include "tests/unit/fib/fixture.h"

struct check {
	const struct fib_arena *arena;
	uint32_t *refs; /* by offset >> BLOCK_SHIFT */
	uint64_t used;  /* bytes of blocks */
};

static inline uint64_t check_block(uint64_t bytes)
{
	return 1ull << (BLOCK_SHIFT + block_class(bytes));
}

/* One who holds the word. */
static inline void check_held(struct check *c, uint32_t word)
{
	if (is_leaf(word))
		return;
	if (word & FLAT)
		c->used += check_block(forms.bytes[word & CODE_MASK]);
	else
		c->refs[word >> BLOCK_SHIFT]++;
}

/* It is where a search for it begins or behind, and is the node that its slots make. */
static inline void check_node(struct check *c, uint32_t place)
{
	const struct fib_arena *a = c->arena;
	uint32_t word = a->table[place], slots[SLOTS], mask = a->cap - 1;
	enum code code = word & CODE_MASK;
	uint8_t node[NODE_BYTES_MAX];

	for (uint32_t at = word_note(a, word)->hash & mask; at != place; at = (at + 1) & mask)
		assert_int_not_equal(a->table[at], 0);
	node_decode(code, word_node(a, word), slots);
	if (node_encode(slots, true, node) != code)
		assert_int_equal(node_encode(slots, false, node), code);
	assert_memory_equal(node, word_node(a, word), forms.bytes[code]);
	for (unsigned i = 0; i < SLOTS; i++) /* who has the node has those below */
		assert_true(is_leaf(slots[i]) || word_note(a, slots[i])->refs);
	c->used += check_block(forms.bytes[code]);
}

struct check_rib {
	uint64_t bytes, charged;
	uint32_t routes, *colors; /* uses of each */
};

static inline void check_rib(struct check *c, struct check_rib *rib, const struct rib_node *n)
{
	rib->bytes += rib_node_bytes(n);
	rib->routes += n->route_count;
	assert_int_equal(n->changed, 0);
	assert_true(!n->parent || n->route_count || n->kid_count);
	for (unsigned i = 0; i < n->route_count; i++) {
		assert_true(!i || n->positions[i] > n->positions[i - 1]);
		rib->colors[n->colors[i] & ~RIB_MARKED]++;
	}
	for (unsigned i = 0; i < n->kid_count; i++) {
		const struct rib_kid *kid = &n->kids[i];

		assert_ptr_equal(kid->node->parent, n);
		assert_int_equal(kid->node->slot, kid->slot);
		assert_int_equal(kid->node->level, n->level + 1);
		assert_int_equal(kid->node->inherited, rib_slot_color(n, kid->slot));
		check_held(c, kid->word);
		rib->charged += is_leaf(kid->word) ? 0 : forms.bytes[kid->word & CODE_MASK];
		check_rib(c, rib, kid->node);
	}
}

static inline void check_palette(struct check *c, const struct palette *p, const uint32_t *colors)
{
	uint32_t used = 1 + p->waiting_count;

	c->used += check_block(p->cap * sizeof(uint32_t));
	for (uint32_t color = 1; color < p->cap; color++) {
		uint32_t value = palette_value(p, &c->arena->blocks, color);

		assert_int_equal(p->refs[color], colors[color]);
		used += colors[color] > 0;
		if (colors[color])
			assert_int_equal(palette_color(p, &c->arena->blocks, value), color);
	}
	assert_int_equal(p->count, used);
}

static inline void check_table(struct check *c, const struct fib *fib)
{
	enum { FLAT_SIZE = 4 << 16 };
	struct check_rib rib = { .colors = calloc(fib->palette.cap, sizeof(uint32_t)) };
	uint64_t bytes = 0;

	assert_non_null(rib.colors);
	for (unsigned i = 0; i < 2; i++) {
		const struct table *t = &fib->tables[i];
		uint32_t root = fib->root[i];

		rib.charged = rib.routes = 0;
		if (t->flat) {
			assert_int_equal(root, t->flat | FLAT);
			rib.charged = FLAT_SIZE;
			c->used += FLAT_SIZE;
		} else {
			check_held(c, root);
			rib.charged = is_leaf(root) ? 0 : forms.bytes[root & CODE_MASK];
		}
		check_rib(c, &rib, t->rib);
		assert_int_equal(rib.routes, t->routes);
		assert_int_equal(rib.charged, t->charged);
		bytes = rib.bytes;
	}
	assert_int_equal(bytes, fib->bytes_rib);
	check_palette(c, &fib->palette, rib.colors);
	free(rib.colors);
}

/* Every byte that was ever handed out is used, waits, or is free. */
static inline void check_blocks(const struct blocks *b)
{
	uint64_t free_bytes = 0, first = 1024, waiting = 0;

	for (unsigned class = 0; class < BLOCK_CLASSES; class++)
		for (uint32_t at = b->free[class]; at; memcpy(&at, b->base + at, sizeof(at)))
			free_bytes += 1ull << (BLOCK_SHIFT + class);
	for (uint32_t i = 0; i < b->ring_count; i++)
		waiting += 1ull << (BLOCK_SHIFT +
				    b->ring[(b->ring_head + i) & (b->ring_cap - 1)].class);
	assert_int_equal(waiting, b->waiting);
	assert_int_equal(b->used + b->waiting + free_bytes, b->top - first);
	assert_int_equal(b->ring_sealed, 0);
	assert_true(b->taken >= b->ring_count && b->taken <= b->ring_cap);
}

/* fibs: all tables of the arena. */
static inline void check_arena(const struct fib_arena *arena, struct fib *const *fibs, unsigned n)
{
	struct check c = { .arena = arena };
	uint32_t nodes = 0;

	c.refs = calloc(arena->blocks.top >> BLOCK_SHIFT, sizeof(*c.refs));
	assert_non_null(c.refs);
	for (unsigned i = 0; i < n; i++)
		check_table(&c, fibs[i]);
	for (uint32_t at = 0; at < arena->cap; at++)
		if (arena->table[at]) {
			nodes++;
			check_node(&c, at);
		}
	assert_int_equal(nodes, arena->count);
	assert_int_equal(c.used, arena->blocks.used);
	for (uint32_t at = 0; at < arena->cap; at++)
		if (arena->table[at]) {
			uint32_t block = arena->table[at] >> BLOCK_SHIFT;

			assert_int_equal(arena->blocks.notes[block].refs, c.refs[block]);
			c.refs[block] = 0;
		}
	for (uint64_t block = 0; block < arena->blocks.top >> BLOCK_SHIFT; block++)
		assert_int_equal(c.refs[block], 0); /* nobody holds what is not there */
	check_blocks(&arena->blocks);
	free(c.refs);
}

#endif
