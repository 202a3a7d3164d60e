/* SPDX-License-Identifier: Apache-2.0 */
/* As lookup_avx512, 8 packets a vector, with masks that are vectors and a popcount of shuffles. */
#include "fib/fib_priv.h"

#include <immintrin.h>

static inline __m256i field(const uint8_t table[CODES], __m256i codes)
{
	return _mm256_shuffle_epi8(
		_mm256_broadcastsi128_si256(_mm_loadu_si128((const __m128i *)table)), codes);
}

static inline __m256i codes_of(__m256i words)
{
	return _mm256_or_si256(_mm256_and_si256(words, _mm256_set1_epi32(CODE_MASK)),
			       _mm256_set1_epi32((int)0x80808000));
}

/* All ones where the word is a leaf. */
static inline __m256i leaves_of(__m256i words)
{
	return _mm256_cmpeq_epi32(_mm256_and_si256(words, _mm256_set1_epi32(CODE_MASK)),
				  _mm256_set1_epi32(LEAF));
}

/* A bit for each word of the code. */
static inline int of_code(__m256i words, enum code code)
{
	return _mm256_movemask_ps(_mm256_castsi256_ps(_mm256_cmpeq_epi32(
		_mm256_and_si256(words, _mm256_set1_epi32(CODE_MASK)), _mm256_set1_epi32(code))));
}

static inline __m256i lines_of(__m256i words, __m256i bytes)
{
	__m256i codes = codes_of(words);
	__m256i in_node = _mm256_sllv_epi32(_mm256_srlv_epi32(bytes, field(forms.shift, codes)),
					    field(forms.stride, codes));
	__m256i node = _mm256_and_si256(words, _mm256_set1_epi32((int)NODE_MASK));

	return _mm256_add_epi32(_mm256_andnot_si256(leaves_of(words), node), in_node);
}

static inline __m256i popcount(__m256i v)
{
	const __m256i nibble = _mm256_setr_epi8(0, 1, 1, 2, 1, 2, 2, 3, 1, 2, 2, 3, 2, 3, 3, 4, 0,
						1, 1, 2, 1, 2, 2, 3, 1, 2, 2, 3, 2, 3, 3, 4);
	const __m256i low = _mm256_set1_epi8(0x0f);
	__m256i bytes = _mm256_add_epi8(
		_mm256_shuffle_epi8(nibble, _mm256_and_si256(v, low)),
		_mm256_shuffle_epi8(nibble, _mm256_and_si256(_mm256_srli_epi32(v, 4), low)));

	return _mm256_madd_epi16(_mm256_maddubs_epi16(bytes, _mm256_set1_epi8(1)),
				 _mm256_set1_epi16(1));
}

static inline __m256i low_bits(__m256i count)
{
	return _mm256_srlv_epi32(_mm256_set1_epi32(-1),
				 _mm256_sub_epi32(_mm256_set1_epi32(32), count));
}

static inline __m256i values_of(__m256i words, __m256i lines, __m256i above)
{
	__m256i codes = codes_of(words), ones = _mm256_set1_epi32(1);
	__m256i starts = field(forms.starts, codes), islands = field(forms.islands, codes);
	__m256i run = popcount(_mm256_and_si256(above, low_bits(starts)));
	__m256i odd = _mm256_sub_epi32(_mm256_setzero_si256(), _mm256_and_si256(run, ones));
	__m256i island = _mm256_and_si256(odd, _mm256_srli_epi32(_mm256_add_epi32(run, ones), 1));

	run = _mm256_blendv_epi8(run, island, _mm256_cmpeq_epi32(islands, ones));
	return _mm256_add_epi32(_mm256_add_epi32(lines, field(forms.values, codes)),
				_mm256_sllv_epi32(run, field(forms.width, codes)));
}

static inline __m256i words_of(__m256i words, __m256i loaded)
{
	__m256i width = field(forms.width, codes_of(words));
	__m256i mask = low_bits(_mm256_sllv_epi32(_mm256_set1_epi32(8), width));
	__m256i leaf = _mm256_or_si256(
		_mm256_slli_epi32(_mm256_and_si256(loaded, mask), WORD_SHIFT),
		_mm256_set1_epi32(LEAF));
	__m256i whole = _mm256_cmpeq_epi32(width, _mm256_set1_epi32(2));

	return _mm256_blendv_epi8(_mm256_blendv_epi8(leaf, loaded, whole), words,
				  leaves_of(words));
}

static inline __m256i bytes_of(const uint32_t *addrs, unsigned byte)
{
	return _mm256_and_si256(_mm256_srl_epi32(_mm256_loadu_si256((const __m256i *)addrs),
						 _mm_cvtsi32_si128((int)(8 * byte))),
				_mm256_set1_epi32(0xff));
}

static uint64_t nodes_among(const uint32_t *words, unsigned count)
{
	uint64_t leaves = ~0ull;

	for (unsigned i = 0; i < count; i += 8)
		leaves ^= (uint64_t)(0xff & ~_mm256_movemask_ps(_mm256_castsi256_ps(leaves_of(
				  _mm256_loadu_si256((const __m256i *)(words + i)))))) << i;
	return ~leaves;
}

static inline uint32_t compare(__m256i starts, uint8_t byte)
{
	__m256i b = _mm256_set1_epi8((char)byte);
	/* No compare of unsigned bytes: what is not at most b is above it. */
	__m256i at_most = _mm256_cmpeq_epi8(_mm256_max_epu8(starts, b), b);

	return ~(uint32_t)_mm256_movemask_epi8(at_most);
}

static uint64_t step(const uint8_t *base, uint32_t *words, const uint32_t *addrs, unsigned byte,
		     unsigned count, bool far)
{
	uint32_t lines[LANES] __attribute__((aligned(32)));
	uint32_t loads[LANES] __attribute__((aligned(32)));
	const uint8_t *bytes = (const uint8_t *)addrs + byte;
	uint64_t bitmaps = 0;

	for (unsigned i = 0; i < count; i += 8) {
		__m256i word = _mm256_loadu_si256((const __m256i *)(words + i));
		__m256i line = lines_of(word, bytes_of(addrs + i, byte));

		bitmaps |= (uint64_t)(unsigned)of_code(word, BITMAP32) << i;

		_mm256_store_si256((__m256i *)(lines + i), line);
		_mm256_store_si256((__m256i *)(loads + i),
				   _mm256_and_si256(line, _mm256_set1_epi32((int)NODE_MASK)));
	}
	for (unsigned i = 0; i < count && far; i++)
		_mm_prefetch((const char *)(base + loads[i]), _MM_HINT_T0);
#pragma GCC unroll 8
	for (unsigned i = 0; i < count; i++)
		loads[i] = compare(*(const __m256i *)(base + loads[i]), bytes[4 * i]);
	for (unsigned i = 0; i < count; i += 8)
		_mm256_store_si256((__m256i *)(loads + i),
				   values_of(_mm256_loadu_si256((const __m256i *)(words + i)),
					     _mm256_load_si256((const __m256i *)(lines + i)),
					     _mm256_load_si256((const __m256i *)(loads + i))));
	for (; bitmaps; bitmaps &= bitmaps - 1) {
		unsigned i = (unsigned)__builtin_ctzll(bitmaps);

		loads[i] += 4 * bitmap_value(base + lines[i], bytes[4 * i]);
	}
#pragma GCC unroll 8
	for (unsigned i = 0; i < count; i++)
		loads[i] = *(const loose_u32 *)(base + loads[i]);
	for (unsigned i = 0; i < count; i += 8) {
		__m256i next = words_of(_mm256_loadu_si256((const __m256i *)(words + i)),
					_mm256_load_si256((const __m256i *)(loads + i)));

		_mm256_storeu_si256((__m256i *)(words + i), next);
	}
	return nodes_among(words, count);
}

static inline uint32_t step_alone(const uint8_t *base, uint32_t word, unsigned slot)
{
	const uint8_t *line = line_of(base, word, slot);
	enum code code = word & CODE_MASK;
	uint32_t above = compare(_mm256_loadu_si256((const __m256i *)line), (uint8_t)slot);

	return line_word(line, code, slot,
			 (unsigned)_mm_popcnt_u32(_bzhi_u32(above, forms.starts[code])));
}

static void values_one(const uint32_t *palette, uint32_t cap, const uint32_t *words,
		       uint32_t *values, unsigned count)
{
	for (unsigned i = 0; i < count; i++)
		values[i] = __atomic_load_n(&palette[color_of(words[i])], __ATOMIC_RELAXED);
}

#include "fib/lookup_body.h"

const struct lookup_body lookup_avx2 = { lookup4, lookup6 };
