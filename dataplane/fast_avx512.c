/* SPDX-License-Identifier: Apache-2.0 */
/* fast_ip4_16() for CPUs with AVX-512: each check once for 16 packets. */
#include "dataplane/fast_priv.h"

#ifdef __x86_64__
#include <immintrin.h>

/* 16 bytes of each of 16 frames, as four columns of words: column c of packet i is in lane i. */
struct columns {
	__m512i word[4];
};

static inline __m512i row(uint8_t *const *data, unsigned at, unsigned k)
{
	__m512i r = _mm512_castsi128_si512(_mm_loadu_si128((const __m128i *)(data[k] + at)));

	r = _mm512_inserti32x4(r, _mm_loadu_si128((const __m128i *)(data[k + 4] + at)), 1);
	r = _mm512_inserti32x4(r, _mm_loadu_si128((const __m128i *)(data[k + 8] + at)), 2);
	return _mm512_inserti32x4(r, _mm_loadu_si128((const __m128i *)(data[k + 12] + at)), 3);
}

static inline struct columns columns(uint8_t *const *data, unsigned at)
{
	__m512i r0 = row(data, at, 0), r1 = row(data, at, 1);
	__m512i r2 = row(data, at, 2), r3 = row(data, at, 3);
	__m512i a = _mm512_unpacklo_epi32(r0, r1), b = _mm512_unpackhi_epi32(r0, r1);
	__m512i c = _mm512_unpacklo_epi32(r2, r3), d = _mm512_unpackhi_epi32(r2, r3);

	return (struct columns){ { _mm512_unpacklo_epi64(a, c), _mm512_unpackhi_epi64(a, c),
				   _mm512_unpacklo_epi64(b, d), _mm512_unpackhi_epi64(b, d) } };
}

static inline __m512i all(uint32_t v)
{
	return _mm512_set1_epi32((int)v);
}

/* Both halves of each word. */
static inline __m512i halves(__m512i v)
{
	return _mm512_add_epi32(_mm512_and_si512(v, all(0xffff)), _mm512_srli_epi32(v, 16));
}

/* As ip4_maybe_special(), of addresses in network order. */
static inline __mmask16 maybe_special(__m512i addr)
{
	__m512i top = _mm512_and_si512(addr, all(0xff));

	return _mm512_cmpge_epu32_mask(_mm512_sub_epi32(top, all(1)), all(223)) |
	       _mm512_cmpeq_epi32_mask(top, all(127)) | _mm512_cmpeq_epi32_mask(top, all(169));
}

/* TTL, protocol and checksum, as ip4_decrement_ttl() leaves them. */
static inline __m512i decremented(__m512i v)
{
	__m512i sum = _mm512_add_epi32(_mm512_srli_epi32(v, 16), all(1));

	sum = _mm512_mask_add_epi32(sum, _mm512_cmpge_epu32_mask(sum, all(0xffff)), sum, all(1));
	v = _mm512_sub_epi32(_mm512_and_si512(v, all(0xffff)), all(1));
	return _mm512_or_si512(v, _mm512_slli_epi32(sum, 16));
}

static inline void put64(__mmask16 ok, const void *from, void *to)
{
	__m512i low = _mm512_loadu_si512(from);
	__m512i high = _mm512_loadu_si512((const uint8_t *)from + 64);

	_mm512_storeu_si512(to, _mm512_maskz_compress_epi64((__mmask8)ok, low));
	_mm512_storeu_si512((uint64_t *)to + __builtin_popcount(ok & 0xff),
			    _mm512_maskz_compress_epi64((__mmask8)(ok >> 8), high));
}

static inline void fill64(const void *pointer, void *to)
{
	__m512i v = _mm512_set1_epi64((long long)(uintptr_t)pointer);

	_mm512_storeu_si512(to, v);
	_mm512_storeu_si512((uint8_t *)to + 64, v);
}

uint32_t fast_ip4_16_avx512(const struct fast_entry *e, const struct fast_rx *rx, unsigned at,
			    struct fast_batch *b, uint32_t *bytes)
{
	uint8_t *const *data = rx->data + at;
	struct columns eth = columns(data, 2), ip = columns(data, 18);
	__m512i len = _mm512_loadu_si512(rx->len + at), total, sum;
	__mmask16 ok;

	/* eth: MAC from its third byte, .., .. and type, version to length. ip: identification and
	 * fragment, TTL to checksum, source, destination. */
	total = _mm512_srli_epi32(eth.word[3], 16);
	total = _mm512_or_si512(_mm512_slli_epi32(_mm512_and_si512(total, all(0xff)), 8),
				_mm512_srli_epi32(total, 8));
	sum = _mm512_add_epi32(halves(eth.word[3]), halves(ip.word[0]));
	sum = _mm512_add_epi32(sum, halves(ip.word[1]));
	sum = _mm512_add_epi32(sum, halves(ip.word[2]));
	sum = halves(halves(_mm512_add_epi32(sum, halves(ip.word[3]))));
	ok = _mm512_cmpeq_epi32_mask(eth.word[0], all((uint32_t)(e->mac >> 16)));
	ok = _mm512_mask_cmpeq_epi32_mask(ok, _mm512_srli_epi32(eth.word[2], 16), all(8));
	ok = _mm512_mask_cmpeq_epi32_mask(ok, _mm512_and_si512(eth.word[3], all(0xff)), all(0x45));
	ok = _mm512_mask_cmpeq_epi32_mask(ok, sum, all(0xffff));
	ok = _mm512_mask_cmpeq_epi32_mask(ok, _mm512_add_epi32(total, all(14)), len);
	ok = _mm512_mask_cmple_epu32_mask(ok, _mm512_sub_epi32(len, all(e->least)), all(e->room));
	ok = _mm512_mask_cmpgt_epu32_mask(ok, _mm512_and_si512(ip.word[1], all(0xff)), all(1));
	ok &= (__mmask16)~(maybe_special(ip.word[2]) | maybe_special(ip.word[3]));
	for (unsigned i = 0; i < 16; i++) /* the MAC's first two bytes */
		if (unlikely(*(const uint16_t *)data[i] != (uint16_t)e->mac))
			ok &= (__mmask16)~(1u << i);
	_mm512_storeu_si512(b->dst.ip4 + b->count, _mm512_maskz_compress_epi32(ok, ip.word[3]));
	_mm512_storeu_si512(b->ttl + b->count,
			    _mm512_maskz_compress_epi32(ok, decremented(ip.word[1])));
	_mm512_storeu_si512(b->len + b->count, _mm512_maskz_compress_epi32(ok, len));
	put64(ok, rx->m + at, b->m + b->count);
	put64(ok, rx->data + at, b->data + b->count);
	fill64(e->in, b->in + b->count);
	fill64(e->fib, b->fib + b->count);
	b->count += (unsigned)__builtin_popcount(ok);
	*bytes += (uint32_t)_mm512_mask_reduce_add_epi32(ok, len);
	return ok;
}
#endif
