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

/* The offset of the value, from the compare's bits. */
static inline __m512i values_of(__m512i words, __m512i lines, __m512i above)
{
	__m512i codes = codes_of(words), ones = _mm512_set1_epi32(1);
	__m512i starts = field(forms.starts, codes), islands = field(forms.islands, codes);
	__m512i mask = _mm512_srlv_epi32(_mm512_set1_epi32(-1),
					 _mm512_sub_epi32(_mm512_set1_epi32(32), starts));
	__m512i run = _mm512_popcnt_epi32(_mm512_and_si512(above, mask));
	__m512i island = _mm512_maskz_srli_epi32(_mm512_test_epi32_mask(run, ones),
						 _mm512_add_epi32(run, ones), 1);

	run = _mm512_mask_mov_epi32(run, _mm512_test_epi32_mask(islands, islands), island);
	return _mm512_add_epi32(_mm512_add_epi32(lines, field(forms.values, codes)),
				_mm512_sllv_epi32(run, field(forms.width, codes)));
}

/* The words from what was loaded; leaves stay. */
static inline __m512i words_of(__m512i words, __m512i loaded)
{
	__m512i codes = codes_of(words), width = field(forms.width, codes);
	__m512i bits = _mm512_sllv_epi32(_mm512_set1_epi32(8), width);
	__m512i mask = _mm512_srlv_epi32(_mm512_set1_epi32(-1),
					 _mm512_sub_epi32(_mm512_set1_epi32(32), bits));
	__m512i leaf = _mm512_or_si512(
		_mm512_slli_epi32(_mm512_and_si512(loaded, mask), WORD_SHIFT),
		_mm512_set1_epi32(LEAF));
	__mmask16 whole = _mm512_cmpeq_epi32_mask(width, _mm512_set1_epi32(2));

	return _mm512_mask_mov_epi32(words, nodes_of(words),
				     _mm512_mask_mov_epi32(leaf, whole, loaded));
}

static inline __m512i bytes_of(const uint32_t *addrs, unsigned byte)
{
	return _mm512_and_si512(_mm512_srl_epi32(_mm512_loadu_si512(addrs),
						 _mm_cvtsi32_si128((int)(8 * byte))),
				_mm512_set1_epi32(0xff));
}

unsigned step_avx512(const uint8_t *base, uint32_t *words, const uint32_t *addrs, unsigned byte,
		     unsigned count)
{
	uint32_t lines[LANES] __attribute__((aligned(64)));
	uint32_t loads[LANES] __attribute__((aligned(64)));
	const uint8_t *bytes = (const uint8_t *)addrs + byte;
	unsigned live = 0;

	for (unsigned i = 0; i < count; i += 16) {
		__m512i line = lines_of(_mm512_loadu_si512(words + i), bytes_of(addrs + i, byte));

		_mm512_store_si512(lines + i, line);
		_mm512_store_si512(loads + i,
				   _mm512_and_si512(line, _mm512_set1_epi32((int)NODE_MASK)));
	}
#pragma GCC unroll 8
	for (unsigned i = 0; i < count; i++) {
		const __m256i *starts = (const __m256i *)(base + loads[i]);

		loads[i] = _mm256_cmplt_epu8_mask(_mm256_set1_epi8((char)bytes[4 * i]), *starts);
	}
	for (unsigned i = 0; i < count; i += 16)
		_mm512_store_si512(loads + i, values_of(_mm512_loadu_si512(words + i),
							_mm512_load_si512(lines + i),
							_mm512_load_si512(loads + i)));
#pragma GCC unroll 8
	for (unsigned i = 0; i < count; i++)
		loads[i] = *(const uint32_t *)(base + loads[i]);
	for (unsigned i = 0; i < count; i += 16) {
		__m512i next = words_of(_mm512_loadu_si512(words + i),
					_mm512_load_si512(loads + i));

		_mm512_storeu_si512(words + i, next);
		live += (unsigned)__builtin_popcount(nodes_of(next));
	}
	return live;
}
