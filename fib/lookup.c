/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A burst goes down the levels together, not packet by packet: the loads of one level depend on
 * nothing but the level above, so their cache misses overlap. All packets take each step, those
 * that have met a leaf too, since skipping them would take a branch that nobody can predict; only
 * when most have, the others are put together. IPv4 and IPv6 differ in where the walk may end.
 */
#include "fib/fib_priv.h"

#include <errno.h>
#include <string.h>

/* A burst on its way. addrs are 4 bytes of each address, in memory order: those of the levels
 * 4 i to 4 i + 3. lane[k]: whose word k is, once `packed`. */
struct burst {
	const uint8_t *base;
	const uint8_t *dst;
	unsigned addr_len;
	unsigned count, live;
	bool packed;
	uint32_t words[LANES], addrs[LANES], found[LANES];
	uint8_t lane[LANES];
};

static fib_step_fn *const steps[FIB_ISA_COUNT] = {
	[FIB_ISA_SCALAR] = step_scalar,
#ifdef __x86_64__
	[FIB_ISA_AVX2] = step_avx2,
	[FIB_ISA_AVX512] = step_avx512,
#endif
};

static enum fib_isa in_use = FIB_ISA_COUNT;

static bool has(enum fib_isa isa)
{
#ifdef __x86_64__
	switch (isa) {
	case FIB_ISA_AVX512:
		return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
		       __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512dq") &&
		       __builtin_cpu_supports("avx512vpopcntdq");
	case FIB_ISA_AVX2:
		return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("bmi2");
	default:
		break;
	}
#endif
	return isa == FIB_ISA_SCALAR;
}

enum fib_isa fib_isa(void)
{
	if (in_use == FIB_ISA_COUNT) {
		enum fib_isa best = FIB_ISA_AVX512;

		while (!has(best))
			best--;
		in_use = best; /* the same, whoever comes first */
	}
	return in_use;
}

int fib_isa_use(enum fib_isa isa)
{
	if (isa >= FIB_ISA_COUNT || !has(isa))
		return -ENOTSUP;
	in_use = isa;
	return 0;
}

const char *fib_isa_name(enum fib_isa isa)
{
	static const char *const names[FIB_ISA_COUNT] = { "scalar", "avx2", "avx512" };

	return isa < FIB_ISA_COUNT ? names[isa] : "none";
}

static inline uint32_t word_load(const uint32_t *at)
{
	return __atomic_load_n(at, __ATOMIC_ACQUIRE);
}

static inline uint32_t flat_load(const uint8_t *base, uint32_t root, uint32_t addr)
{
	const uint32_t *flat = (const uint32_t *)(base + (root & NODE_MASK));

	return word_load(&flat[addr & 0xffff]);
}

static unsigned count_live(const uint32_t words[LANES])
{
	unsigned live = 0;

	for (unsigned i = 0; i < LANES; i++)
		live += !is_leaf(words[i]);
	return live;
}

static void load_addrs(struct burst *b, unsigned level)
{
	for (unsigned k = 0; k < b->count; k++)
		memcpy(&b->addrs[k], b->dst + b->lane[k] * b->addr_len + level, 4);
}

static void keep(struct burst *b)
{
	for (unsigned k = 0; k < b->count; k++)
		b->found[b->lane[k]] = b->words[k];
}

/* Leaves go to where they are looked for in the end, what is left moves together. */
static void pack(struct burst *b)
{
	unsigned to = 0;

	keep(b);
	for (unsigned k = 0; k < b->count; k++) {
		b->words[to] = b->words[k];
		b->addrs[to] = b->addrs[k];
		b->lane[to] = b->lane[k];
		to += !is_leaf(b->words[to]);
	}
	b->count = to;
	for (; to % 16; to++)
		b->words[to] = leaf_of(COLOR_MISS);
	b->packed = true;
}

/* From `level` on until all words are leaves; those of b->found, if packed. */
static void walk(struct burst *b, unsigned level)
{
	fib_step_fn *step = steps[in_use];

	for (; b->live; level++) {
		if (2 * b->live <= b->count)
			pack(b);
		if (level % 4 == 0)
			load_addrs(b, level);
		b->live = step(b->base, b->words, b->addrs, level % 4, b->count);
	}
	if (b->packed)
		keep(b);
}

/* All of one table: the root is read once. */
static unsigned start_one(struct burst *b, uint32_t root)
{
	if (!(root & FLAT)) {
		for (unsigned i = 0; i < b->count; i++)
			b->words[i] = root;
		return 0;
	}
	for (unsigned i = 0; i < b->count; i++)
		b->words[i] = flat_load(b->base, root, b->addrs[i]);
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

		b->words[i] = root & FLAT ? flat_load(b->base, root, b->addrs[i]) : root;
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
		steps[in_use](b->base, words, addrs, level, nodes);
	for (unsigned k = 0; k < nodes; k++)
		b->words[lane[k]] = words[k];
	return 2;
}

static inline void lookup_burst(const struct fib *const *fibs, const uint8_t *dst,
				unsigned addr_len, uint32_t *values, unsigned n)
{
	static const uint8_t lanes[LANES] = {
		0,  1,  2,  3,  4,  5,  6,  7,  8,  9,  10, 11, 12, 13, 14, 15,
		16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 31,
		32, 33, 34, 35, 36, 37, 38, 39, 40, 41, 42, 43, 44, 45, 46, 47,
		48, 49, 50, 51, 52, 53, 54, 55, 56, 57, 58, 59, 60, 61, 62, 63,
	};
	unsigned table = addr_len == 4 ? 0 : 1, level;
	struct burst b;
	const uint32_t *found;
	bool one = true;

	b.base = fibs[0]->base;
	b.dst = dst;
	b.addr_len = addr_len;
	b.count = n;
	b.packed = false;
	memcpy(b.lane, lanes, sizeof(lanes));
	for (unsigned i = 0; i < n; i++) {
		one &= fibs[i] == fibs[0];
		memcpy(&b.addrs[i], dst + i * addr_len, 4);
	}
	for (unsigned i = n; i < LANES; i++)
		b.words[i] = leaf_of(COLOR_MISS);
	level = one ? start_one(&b, word_load(&fibs[0]->root[table])) :
		      start_mixed(&b, fibs, table);
	b.live = addr_len == 4 ? n : count_live(b.words);
	walk(&b, level);
	found = b.packed ? b.found : b.words;
	for (unsigned i = 0; i < n; i++) {
		/* The palette after the word: it has all colors of what was published before. */
		const struct fib *fib = one ? fibs[0] : fibs[i];
		const uint32_t *palette =
			(const uint32_t *)(b.base + word_load(&fib->palette.offset));

		values[i] = __atomic_load_n(&palette[color_of(found[i])], __ATOMIC_RELAXED);
	}
}

void fib_lookup4_bulk(const struct fib *const *fibs, const uint32_t *dst, uint32_t *values,
		      unsigned n)
{
	fib_isa();
	for (unsigned i = 0; i < n; i += LANES)
		lookup_burst(fibs + i, (const uint8_t *)(dst + i), 4, values + i,
			     n - i < LANES ? n - i : LANES);
}

void fib_lookup6_bulk(const struct fib *const *fibs, const uint8_t (*dst)[16], uint32_t *values,
		      unsigned n)
{
	fib_isa();
	for (unsigned i = 0; i < n; i += LANES)
		lookup_burst(fibs + i, dst[i], 16, values + i, n - i < LANES ? n - i : LANES);
}
