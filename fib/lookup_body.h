/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The body of the lookups, compiled once for each kind of vectors; the file that includes this has
 * defined before
 *
 *   static uint64_t step(const uint8_t *base, uint32_t *words, const uint32_t *addrs,
 *                        unsigned byte, unsigned count, bool far)
 *     takes each of `count` words that is a node one step, by the byte of its address; the arrays
 *     are padded with leaves to a multiple of 16; returns a bit for each that is a node still;
 *     far: nodes are expected to be in no cache near
 *   static uint32_t step_alone(const uint8_t *base, uint32_t word, unsigned slot)
 *     what a node has for a slot
 *   static uint64_t nodes_among(const uint32_t *words, unsigned count)
 *     a bit for each that is a node
 *   static void values_one(const uint32_t *palette, uint32_t cap, const uint32_t *words,
 *                          uint32_t *values, unsigned count)
 *     what leaves mean
 *
 * A burst goes down the levels together, not packet by packet: the loads of one level depend on
 * nothing but the level above, so their cache misses overlap. All packets take each step, those
 * that have met a leaf too, since skipping them would take a branch that nobody can predict; only
 * when most have, the others are put together, and a few go on alone. IPv4 and IPv6 differ in where
 * the walk may end.
 */
#include "fib/fib_priv.h"

#include <string.h>

/* A burst on its way. addrs are 4 bytes of each address, in memory order: those of the levels
 * 4 i to 4 i + 3. lane[k]: whose word k is, once `packed`. */
struct burst {
	uint32_t words[LANES] __attribute__((aligned(64)));
	uint32_t addrs[LANES] __attribute__((aligned(64)));
	uint32_t found[LANES] __attribute__((aligned(64)));
	uint8_t lane[LANES];
	const uint8_t *base;
	const uint8_t *dst;
	unsigned addr_len;
	unsigned count;
	uint64_t live; /* a bit for each word that is a node */
	bool packed;
	bool far; /* of many tables */
};

static inline uint32_t word_load(const uint32_t *at)
{
	return __atomic_load_n(at, __ATOMIC_ACQUIRE);
}

static inline void load_addrs(struct burst *b, unsigned level)
{
	for (unsigned k = 0; k < b->count; k++)
		memcpy(&b->addrs[k], b->dst + b->lane[k] * b->addr_len + level, 4);
}

static void keep(struct burst *b)
{
	if (!b->packed)
		memcpy(b->found, b->words, sizeof(b->found));
	else
		for (unsigned k = 0; k < b->count; k++)
			b->found[b->lane[k]] = b->words[k];
	b->packed = true;
}

/* Leaves go to where they are looked for in the end, what is left moves together. */
static void pack(struct burst *b)
{
	unsigned to = 0;

	keep(b);
	for (uint64_t live = b->live; live; live &= live - 1, to++) {
		unsigned k = (unsigned)__builtin_ctzll(live);

		b->words[to] = b->words[k];
		b->addrs[to] = b->addrs[k];
		b->lane[to] = b->lane[k];
	}
	b->count = to;
	for (; to % 16; to++)
		b->words[to] = leaf_of(COLOR_MISS);
}

/* A step of a few takes as long as one of 16. */
enum { FEW = 4 };

static void walk_alone(struct burst *b, unsigned level)
{
	for (uint64_t live = b->live; live; live &= live - 1) {
		unsigned k = (unsigned)__builtin_ctzll(live);
		const uint8_t *addr = b->dst + b->lane[k] * b->addr_len + level;
		uint32_t word = b->words[k];

		while (!is_leaf(word))
			word = step_alone(b->base, word, *addr++);
		b->words[k] = word;
	}
	b->live = 0;
}

/* From `level` on until all words are leaves; those of b->found, if packed. */
static void walk(struct burst *b, unsigned level)
{
	for (; b->live; level++) {
		if (__builtin_popcountll(b->live) <= FEW) {
			walk_alone(b, level);
			break;
		}
		if (4 * (unsigned)__builtin_popcountll(b->live) <= b->count)
			pack(b);
		if (level % 4 == 0 && level)
			load_addrs(b, level);
		b->live = step(b->base, b->words, b->addrs, level % 4, b->count, b->far);
	}
	if (b->packed)
		keep(b);
}

static inline const uint32_t *flat_of(const uint8_t *base, uint32_t root)
{
	return (const uint32_t *)(base + (root & NODE_MASK));
}

static inline uint32_t flat_load(const uint32_t *flat, uint32_t addr)
{
	return word_load(&flat[addr & 0xffff]);
}

/* A bit for each in which any of 4 bytes' addresses differ. */
static inline uint32_t differing(const uint32_t *addrs, unsigned count)
{
	uint32_t differs = 0;

	for (unsigned i = 1; i < count; i++)
		differs |= addrs[i] ^ addrs[0];
	return differs;
}

/* From word, which all have reached, down to where their addresses differ: a single walk, as those
 * to one network or of one provider often begin alike. */
static unsigned start_together(struct burst *b, uint32_t word, unsigned level, uint32_t differs)
{
	while (!is_leaf(word) && !(differs >> 8 * (level % 4) & 0xff)) {
		word = step_alone(b->base, word, b->dst[level++]);
		if (level % 4 == 0 && level < b->addr_len) {
			load_addrs(b, level);
			differs = differing(b->addrs, b->count);
		}
	}
	for (unsigned i = 0; i < b->count; i++)
		b->words[i] = word;
	b->live = is_leaf(word) ? 0 : ~0ull >> (LANES - b->count);
	return level;
}

/* After a start: of IPv6, most may end at the root; of IPv4 few, and the first step tells. */
static inline uint64_t live_among(const struct burst *b)
{
	return b->addr_len == 4 ? ~0ull >> (LANES - b->count) : nodes_among(b->words, b->count);
}

/* All of one table: the root is read once. */
static inline unsigned start_one(struct burst *b, uint32_t root)
{
	const uint32_t *flat = flat_of(b->base, root), *addrs = b->addrs;
	uint32_t differs = differing(addrs, b->count), *words = b->words;
	unsigned count = b->count;

	if (!(root & FLAT))
		return start_together(b, root, 0, differs);
	if (!(differs & 0xffff))
		return start_together(b, flat_load(flat, addrs[0]), 2, differs);
#pragma GCC unroll 8
	for (unsigned i = 0; i < count; i++)
		words[i] = flat_load(flat, addrs[i]);
	b->live = live_among(b);
	return 2;
}

/* Those of tables whose root is a node take two steps to where the others begin. */
static unsigned start_mixed(struct burst *b, const struct fib *const *fibs, unsigned table)
{
	uint32_t words[LANES], addrs[LANES];
	unsigned nodes = 0;
	uint8_t lane[LANES];

	for (unsigned i = 0; i < b->count; i++) {
		uint32_t root = word_load(&fibs[i]->root[table]);

		b->words[i] = root & FLAT ? flat_load(flat_of(b->base, root), b->addrs[i]) : root;
		words[nodes] = root;
		addrs[nodes] = b->addrs[i];
		lane[nodes] = (uint8_t)i;
		nodes += !(root & FLAT);
	}
	if (nodes == b->count)
		return 0;
	for (unsigned i = nodes; i % 16; i++)
		words[i] = leaf_of(COLOR_MISS);
	for (unsigned level = 0; level < 2 && nodes; level++)
		step(b->base, words, addrs, level, nodes, true);
	for (unsigned k = 0; k < nodes; k++)
		b->words[lane[k]] = words[k];
	return 2;
}

static bool all_one(const struct fib *const *fibs, unsigned n)
{
	uintptr_t differs = 0;

	for (unsigned i = 1; i < n; i++)
		differs |= (uintptr_t)fibs[i] ^ (uintptr_t)fibs[0];
	return !differs;
}

/* After the words: the palette has all colors of what was published before it was read. */
static const uint32_t *palette_of(const struct fib *fib)
{
	return (const uint32_t *)(fib->base + word_load(&fib->palette.offset));
}

static uint32_t value_load(const uint32_t *palette, uint32_t leaf)
{
	return __atomic_load_n(&palette[color_of(leaf)], __ATOMIC_RELAXED);
}

static inline void burst_init(struct burst *b, const uint8_t *base, const uint8_t *dst,
		       unsigned addr_len, unsigned n)
{
	static const uint8_t lanes[LANES] = {
		0,  1,  2,  3,  4,  5,  6,  7,  8,  9,  10, 11, 12, 13, 14, 15,
		16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 31,
		32, 33, 34, 35, 36, 37, 38, 39, 40, 41, 42, 43, 44, 45, 46, 47,
		48, 49, 50, 51, 52, 53, 54, 55, 56, 57, 58, 59, 60, 61, 62, 63,
	};

	b->base = base;
	b->dst = dst;
	b->addr_len = addr_len;
	b->count = n;
	b->packed = false;
	memcpy(b->lane, lanes, sizeof(lanes));
	for (unsigned i = 0; i < n; i++)
		memcpy(&b->addrs[i], dst + i * addr_len, 4);
	for (unsigned i = n; i < LANES; i++)
		b->words[i] = leaf_of(COLOR_MISS);
}

static inline void lookup_burst(const struct fib *const *fibs, const uint8_t *dst,
				unsigned addr_len, uint32_t *values, unsigned n)
{
	unsigned table = addr_len == 4 ? 0 : 1, level;
	bool one = all_one(fibs, n);
	const uint32_t *found;
	struct burst b;

	burst_init(&b, fibs[0]->base, dst, addr_len, n);
	b.far = !one;
	if (one) {
		level = start_one(&b, word_load(&fibs[0]->root[table]));
	} else {
		level = start_mixed(&b, fibs, table);
		b.live = live_among(&b);
	}
	walk(&b, level);
	found = b.packed ? b.found : b.words;
	if (!one) {
		for (unsigned i = 0; i < n; i++)
			values[i] = value_load(palette_of(fibs[i]), found[i]);
		return;
	}
	values_one(palette_of(fibs[0]), word_load(&fibs[0]->palette.cap), found, values, n);
}

static void lookup4(const struct fib *const *fibs, const uint8_t *dst, uint32_t *values, unsigned n)
{
	lookup_burst(fibs, dst, 4, values, n);
}

static void lookup6(const struct fib *const *fibs, const uint8_t *dst, uint32_t *values, unsigned n)
{
	lookup_burst(fibs, dst, 16, values, n);
}
