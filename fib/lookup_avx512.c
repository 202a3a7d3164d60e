/* SPDX-License-Identifier: Apache-2.0 */
/*
 * 16 packets a vector, but for what loads: a gather costs more than the loads that it makes, so
 * each line is compared, and each value loaded, by an instruction of its own.
 */
#include "fib/fib_priv.h"

#include <immintrin.h>

/* The field of each lane's code: codes index a table of 16 bytes, the other bytes become 0. */
static inline __m512i field(const uint8_t table[CODES], __m512i codes)
{
	return _mm512_shuffle_epi8(
		_mm512_broadcast_i32x4(_mm_loadu_si128((const __m128i *)table)), codes);
}

static inline __m512i codes_of(__m512i words)
{
	return _mm512_ternarylogic_epi32(words, _mm512_set1_epi32(CODE_MASK),
					 _mm512_set1_epi32((int)0x80808000), 0xea); /* a & b | c */
}

static inline __mmask16 nodes_of(__m512i words)
{
	return _mm512_cmpneq_epi32_mask(
		_mm512_and_si512(words, _mm512_set1_epi32(CODE_MASK)), _mm512_set1_epi32(LEAF));
}

/* The offset of the line that the byte is in; leaves: 0, where nothing is. */
static inline __m512i lines_of(__m512i words, __m512i bytes)
{
	__m512i codes = codes_of(words);
	__m512i in_node = _mm512_sllv_epi32(_mm512_srlv_epi32(bytes, field(forms.shift, codes)),
					    field(forms.stride, codes));
	__m512i node = _mm512_maskz_and_epi32(nodes_of(words), words,
					      _mm512_set1_epi32((int)NODE_MASK));

	return _mm512_add_epi32(node, in_node);
}

static uint64_t nodes_among(const uint32_t *words, unsigned count)
{
	uint64_t nodes = 0;

	for (unsigned i = 0; i < count; i += 16)
		nodes |= (uint64_t)nodes_of(_mm512_loadu_si512(words + i)) << i;
	return nodes;
}

static inline __m512i low_bits(__m512i count)
{
	return _mm512_srlv_epi32(_mm512_set1_epi32(-1),
				 _mm512_sub_epi32(_mm512_set1_epi32(32), count));
}

/* The offset of the value, from the compare's bits. narrow: all forms are of 8-bit colors. */
static inline __m512i values_of(__m512i words, __m512i lines, __m512i above, bool narrow)
{
	__m512i codes = codes_of(words), ones = _mm512_set1_epi32(1), islands, island;
	__m512i mask = low_bits(field(forms.starts, codes));
	__m512i run = _mm512_popcnt_epi32(_mm512_and_si512(above, mask));

	lines = _mm512_add_epi32(lines, field(forms.values, codes));
	if (narrow)
		return _mm512_add_epi32(lines, run);
	islands = field(forms.islands, codes);
	island = _mm512_maskz_srli_epi32(_mm512_test_epi32_mask(run, ones),
					 _mm512_add_epi32(run, ones), 1);
	run = _mm512_mask_mov_epi32(run, _mm512_test_epi32_mask(islands, islands), island);
	return _mm512_add_epi32(lines, _mm512_sllv_epi32(run, field(forms.width, codes)));
}

static inline __m512i leaves_with(__m512i colors)
{
	return _mm512_or_si512(_mm512_slli_epi32(colors, WORD_SHIFT), _mm512_set1_epi32(LEAF));
}

/* The words from what was loaded; leaves stay. */
static inline __m512i words_of(__m512i words, __m512i loaded, bool narrow)
{
	__m512i width, leaf;
	__mmask16 whole;

	if (narrow)
		return _mm512_mask_mov_epi32(
			words, nodes_of(words),
			leaves_with(_mm512_and_si512(loaded, _mm512_set1_epi32(0xff))));
	width = field(forms.width, codes_of(words));
	leaf = leaves_with(_mm512_and_si512(
		loaded, low_bits(_mm512_sllv_epi32(_mm512_set1_epi32(8), width))));
	whole = _mm512_cmpeq_epi32_mask(width, _mm512_set1_epi32(2));
	return _mm512_mask_mov_epi32(words, nodes_of(words),
				     _mm512_mask_mov_epi32(leaf, whole, loaded));
}

/* What a burst has of forms, that its step can be spared the rest. */
struct burst_forms {
	bool wide;  /* other than 8-bit colors */
	bool lines; /* other than a value for each slot */
};

static inline struct burst_forms begin(const uint32_t *words, const uint32_t *addrs, unsigned byte,
				       unsigned count, uint32_t *lines, uint32_t *keys,
				       uint32_t *loads)
{
	const __m512i replicate = _mm512_add_epi32(
		_mm512_broadcast_i32x4(_mm_setr_epi32(0, 0x04040404, 0x08080808, 0x0c0c0c0c)),
		_mm512_set1_epi32((int)(0x01010101 * byte)));
	__mmask16 wide = 0, have_lines = 0;

	for (unsigned i = 0; i < count; i += 16) {
		__m512i word = _mm512_loadu_si512(words + i), codes = codes_of(word);
		__m512i key = _mm512_shuffle_epi8(_mm512_loadu_si512(addrs + i), replicate);
		__m512i b = _mm512_and_si512(key, _mm512_set1_epi32(0xff));
		__m512i line = lines_of(word, b);
		__m512i width = field(forms.width, codes), starts = field(forms.starts, codes);

		wide |= _mm512_mask_test_epi32_mask(nodes_of(word), width, width);
		have_lines |= _mm512_test_epi32_mask(starts, starts);
		_mm512_store_si512(keys + i, key);
		_mm512_store_si512(lines + i, line);
		_mm512_store_si512(loads + i,
				   _mm512_and_si512(line, _mm512_set1_epi32((int)NODE_MASK)));
	}
	return (struct burst_forms){ .wide = wide, .lines = have_lines };
}

static inline void compare(const uint8_t *base, const uint32_t *keys, uint32_t *loads,
			   unsigned count)
{
#pragma GCC unroll 8
	for (unsigned i = 0; i < count; i++) {
		const __m256i *starts = (const __m256i *)(base + loads[i]);

		loads[i] = _mm256_cmplt_epu8_mask(_mm256_set1_epi32((int)keys[i]), *starts);
	}
}

static inline __mmask16 bitmaps_of(__m512i words)
{
	return _mm512_cmpeq_epi32_mask(
		_mm512_and_si512(words, _mm512_set1_epi32(CODE_MASK)), _mm512_set1_epi32(BITMAP32));
}

static inline uint64_t finish(const uint8_t *base, uint32_t *words, const uint32_t *keys,
			      const uint32_t *lines, uint32_t *loads, unsigned count, bool narrow)
{
	uint64_t live = 0, bitmaps = 0;

	for (unsigned i = 0; i < count; i += 16) {
		__m512i word = _mm512_loadu_si512(words + i);

		_mm512_store_si512(loads + i, values_of(word, _mm512_load_si512(lines + i),
							_mm512_load_si512(loads + i), narrow));
		if (!narrow)
			bitmaps |= (uint64_t)bitmaps_of(word) << i;
	}
	for (; bitmaps; bitmaps &= bitmaps - 1) {
		unsigned i = (unsigned)__builtin_ctzll(bitmaps);

		loads[i] += 4 * bitmap_value(base + lines[i], keys[i] & 0xff);
	}
#pragma GCC unroll 8
	for (unsigned i = 0; i < count; i++)
		loads[i] = *(const loose_u32 *)(base + loads[i]);
	for (unsigned i = 0; i < count; i += 16) {
		__m512i next = words_of(_mm512_loadu_si512(words + i),
					_mm512_load_si512(loads + i), narrow);

		_mm512_storeu_si512(words + i, next);
		if (!narrow)
			live |= (uint64_t)nodes_of(next) << i;
	}
	return live;
}

static uint64_t step(const uint8_t *base, uint32_t *words, const uint32_t *addrs, unsigned byte,
		     unsigned count, bool far)
{
	uint32_t lines[LANES] __attribute__((aligned(64)));
	uint32_t keys[LANES] __attribute__((aligned(64)));
	uint32_t loads[LANES] __attribute__((aligned(64)));
	struct burst_forms have = begin(words, addrs, byte, count, lines, keys, loads);

	for (unsigned i = 0; i < count && far; i++)
		_mm_prefetch((const char *)(base + loads[i]), _MM_HINT_T0);
	if (have.lines)
		compare(base, keys, loads, count);
	return have.wide ? finish(base, words, keys, lines, loads, count, false) :
			   finish(base, words, keys, lines, loads, count, true);
}

static inline uint32_t step_alone(const uint8_t *base, uint32_t word, unsigned slot)
{
	const uint8_t *line = line_of(base, word, slot);
	enum code code = word & CODE_MASK;
	uint32_t above = _mm256_cmplt_epu8_mask(_mm256_set1_epi8((char)slot),
						_mm256_loadu_si256((const __m256i *)line));

	return line_word(line, code, slot,
			 (unsigned)_mm_popcnt_u32(_bzhi_u32(above, forms.starts[code])));
}

/* Few values are looked up in registers. */
static void values_one(const uint32_t *palette, uint32_t cap, const uint32_t *words,
		       uint32_t *values, unsigned count)
{
	__m512i few[4];

	if (cap > PALETTE_SMALL) {
		for (unsigned i = 0; i < count; i++)
			values[i] = __atomic_load_n(&palette[color_of(words[i])], __ATOMIC_RELAXED);
		return;
	}
	for (unsigned i = 0; i < 4; i++)
		few[i] = _mm512_loadu_si512(palette + 16 * i);
	for (unsigned i = 0; i < count; i += 16) {
		__m512i color = _mm512_srli_epi32(_mm512_loadu_si512(words + i), WORD_SHIFT);
		__m512i low = _mm512_permutex2var_epi32(few[0], color, few[1]);
		__m512i high = _mm512_permutex2var_epi32(few[2], color, few[3]);
		__mmask16 is_high = _mm512_test_epi32_mask(color, _mm512_set1_epi32(32));

		_mm512_mask_storeu_epi32(values + i,
					 count - i < 16 ? (__mmask16)((1u << (count - i)) - 1) :
							  (__mmask16)0xffff,
					 _mm512_mask_mov_epi32(low, is_high, high));
	}
}

#include "fib/lookup_body.h"

const struct lookup_body lookup_avx512 = { lookup4, lookup6 };
