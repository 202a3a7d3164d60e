/* SPDX-License-Identifier: Apache-2.0 */
/* The way of a whole device's frames into the batches for CPUs with AVX-512: each check once for
 * 16 packets. */
#include "dataplane/fast_priv.h"

#ifdef __x86_64__
#include <immintrin.h>

/* Bytes 2 to 33 of 16 frames, as columns of words: a word of packet i is in lane i. */
struct columns {
	__m512i mac, type, first;  /* MAC from its third byte; source's end and type; to length */
	__m512i id, ttl, src, dst; /* identification and fragment; TTL to checksum; addresses */
};

/* Of two frames. */
static inline __m512i rows(uint8_t *const *data, unsigned a, unsigned b)
{
	__m256i low = _mm256_loadu_si256((const __m256i *)(data[a] + 2));
	__m256i high = _mm256_loadu_si256((const __m256i *)(data[b] + 2));

	return _mm512_inserti64x4(_mm512_castsi256_si512(low), high, 1);
}

/* Of eight frames: quarters of word[c] are word c of 0 to 3, their word 4 + c, and of 4 to 7. */
static inline void half_columns(uint8_t *const *data, __m512i word[4])
{
	__m512i r0 = rows(data, 0, 4), r1 = rows(data, 1, 5);
	__m512i r2 = rows(data, 2, 6), r3 = rows(data, 3, 7);
	__m512i a = _mm512_unpacklo_epi32(r0, r1), b = _mm512_unpackhi_epi32(r0, r1);
	__m512i c = _mm512_unpacklo_epi32(r2, r3), d = _mm512_unpackhi_epi32(r2, r3);

	word[0] = _mm512_unpacklo_epi64(a, c);
	word[1] = _mm512_unpackhi_epi64(a, c);
	word[2] = _mm512_unpacklo_epi64(b, d);
	word[3] = _mm512_unpackhi_epi64(b, d);
}

static inline struct columns columns(uint8_t *const *data)
{
	__m512i w[4], v[4];

	half_columns(data, w);
	half_columns(data + 8, v);
	return (struct columns){
		.mac = _mm512_shuffle_i64x2(w[0], v[0], 0x88),
		.type = _mm512_shuffle_i64x2(w[2], v[2], 0x88),
		.first = _mm512_shuffle_i64x2(w[3], v[3], 0x88),
		.id = _mm512_shuffle_i64x2(w[0], v[0], 0xdd),
		.ttl = _mm512_shuffle_i64x2(w[1], v[1], 0xdd),
		.src = _mm512_shuffle_i64x2(w[2], v[2], 0xdd),
		.dst = _mm512_shuffle_i64x2(w[3], v[3], 0xdd),
	};
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

	if (unlikely(ok != 0xffff)) {
		low = _mm512_maskz_compress_epi64((__mmask8)ok, low);
		high = _mm512_maskz_compress_epi64((__mmask8)(ok >> 8), high);
	}
	_mm512_storeu_si512(to, low);
	_mm512_storeu_si512((uint64_t *)to + __builtin_popcount(ok & 0xff), high);
}

static inline void put32(__mmask16 ok, __m512i v, void *to)
{
	if (unlikely(ok != 0xffff))
		v = _mm512_maskz_compress_epi32(ok, v);
	_mm512_storeu_si512(to, v);
}

static inline void fill64(const void *pointer, void *to)
{
	__m512i v = _mm512_set1_epi64((long long)(uintptr_t)pointer);

	_mm512_storeu_si512(to, v);
	_mm512_storeu_si512((uint8_t *)to + 64, v);
}

/* Those whose MAC begins otherwise. The columns are without these two bytes. */
static inline uint32_t strangers(uint8_t *const *data, uint16_t top)
{
	uint32_t any = 0, which = 0;

	for (unsigned i = 0; i < 16; i++)
		any |= *(const uint16_t *)data[i] ^ top;
	if (likely(!any))
		return 0;
	for (unsigned i = 0; i < 16; i++)
		which |= (uint32_t)(*(const uint16_t *)data[i] != top) << i;
	return which;
}

/* A word's lower half in host order. */
static inline __m512i swapped(__m512i v)
{
	return _mm512_or_si512(_mm512_slli_epi32(_mm512_and_si512(v, all(0xff)), 8),
			       _mm512_and_si512(_mm512_srli_epi32(v, 8), all(0xff)));
}

/* To the port's MAC, and of a length that may pass. */
static inline __mmask16 welcome(const struct fast_entry *e, uint8_t *const *data,
				const struct columns *c, __m512i len)
{
	__mmask16 ok = _mm512_cmpeq_epi32_mask(c->mac, all((uint32_t)(e->mac >> 16)));

	ok = _mm512_mask_cmple_epu32_mask(ok, _mm512_sub_epi32(len, all(e->least)), all(e->room));
	return ok & (__mmask16)~strangers(data, (uint16_t)e->mac);
}

/* As fast_ip4_checks(); and that it is IPv4, without options, and may go on. */
static inline __mmask16 plain4(__mmask16 ok, const struct columns *c, __m512i len)
{
	__m512i total = swapped(_mm512_srli_epi32(c->first, 16)), sum;

	sum = _mm512_add_epi32(halves(c->first), halves(c->id));
	sum = _mm512_add_epi32(sum, halves(c->ttl));
	sum = _mm512_add_epi32(sum, halves(c->src));
	sum = halves(halves(_mm512_add_epi32(sum, halves(c->dst))));
	ok = _mm512_mask_cmpeq_epi32_mask(ok, _mm512_srli_epi32(c->type, 16), all(8));
	ok = _mm512_mask_cmpeq_epi32_mask(ok, _mm512_and_si512(c->first, all(0xff)), all(0x45));
	ok = _mm512_mask_cmpeq_epi32_mask(ok, sum, all(0xffff));
	ok = _mm512_mask_cmpeq_epi32_mask(ok, _mm512_add_epi32(total, all(14)), len);
	ok = _mm512_mask_cmpgt_epu32_mask(ok, _mm512_and_si512(c->ttl, all(0xff)), all(1));
	return ok & (__mmask16)~(maybe_special(c->src) | maybe_special(c->dst));
}

/* As fast_ip6_checks(), but for the destination; and that it is IPv6, and may go on. c->id is the
 * header's second word, c->ttl the source's first. */
static inline __mmask16 plain6(__mmask16 ok, const struct columns *c, __m512i len)
{
	__m512i src = _mm512_and_si512(_mm512_sub_epi32(c->ttl, all(1)), all(0xff));

	ok = _mm512_mask_cmpeq_epi32_mask(ok, _mm512_srli_epi32(c->type, 16), all(0xdd86));
	ok = _mm512_mask_cmpeq_epi32_mask(ok, _mm512_and_si512(c->first, all(0xf0)), all(0x60));
	ok = _mm512_mask_cmpeq_epi32_mask(ok, _mm512_add_epi32(swapped(c->id), all(54)), len);
	ok = _mm512_mask_test_epi32_mask(ok, c->id, all(0xff0000)); /* IPPROTO_HOPOPTS is 0 */
	ok = _mm512_mask_cmpgt_epu32_mask(ok, _mm512_srli_epi32(c->id, 24), all(1));
	return _mm512_mask_cmplt_epu32_mask(ok, src, all(0xfd));
}

/* The same of them for either family. */
static inline void put(__mmask16 ok, const struct fast_entry *e, const struct fast_rx *rx,
		       unsigned at, __m512i len, struct fast_batch *b)
{
	put32(ok, len, b->len + b->count);
	put64(ok, rx->m + at, b->m + b->count);
	put64(ok, rx->data + at, b->data + b->count);
	fill64(e->in, b->in + b->count);
	fill64(e->fib, b->fib + b->count);
	b->count += (unsigned)__builtin_popcount(ok);
}

static inline __m512i four_dsts(uint8_t *const *data)
{
	__m512i v = _mm512_castsi128_si512(_mm_loadu_si128((const __m128i *)(data[0] + 38)));

	v = _mm512_inserti32x4(v, _mm_loadu_si128((const __m128i *)(data[1] + 38)), 1);
	v = _mm512_inserti32x4(v, _mm_loadu_si128((const __m128i *)(data[2] + 38)), 2);
	return _mm512_inserti32x4(v, _mm_loadu_si128((const __m128i *)(data[3] + 38)), 3);
}

/* Those of ok whose destinations a router may forward to; with these. */
static inline __mmask16 put_dsts(__mmask16 ok, uint8_t *const *data, uint8_t (*to)[16])
{
	const __mmask64 tops = 0x0001000100010001;
	uint8_t (*next)[16] = to;
	__mmask16 good = 0;

	for (unsigned i = 0; i < 16; i += 4) {
		__m512i v = four_dsts(data + i);
		__mmask64 fine = _mm512_mask_cmplt_epu8_mask(
			tops, _mm512_sub_epi8(v, _mm512_set1_epi8(1)), _mm512_set1_epi8((char)0xfd));

		good |= (__mmask16)(_pext_u64(fine, tops) << i);
		_mm512_storeu_si512(to + i, v);
	}
	good &= ok;
	if (likely(good == 0xffff))
		return good;
	for (uint32_t left = good; left; left &= left - 1)
		memcpy(next++, data[__builtin_ctz(left)] + 38, 16);
	return good;
}

uint32_t fast_16_avx512(const struct fast_entry *e, const struct fast_rx *rx, unsigned at,
			struct fast_batch *ip4, struct fast_batch *ip6, uint32_t *bytes)
{
	uint8_t *const *data = rx->data + at;
	struct columns c = columns(data);
	__m512i len = _mm512_loadu_si512(rx->len + at);
	__mmask16 ok = welcome(e, data, &c, len);
	__mmask16 is4 = e->mode & PORT_PUNT4 ? 0 : plain4(ok, &c, len);
	__mmask16 is6 = is4 == ok || e->mode & PORT_PUNT6 ? 0 : plain6(ok, &c, len);

	if (is4) {
		put32(is4, c.dst, ip4->dst.ip4 + ip4->count);
		put32(is4, decremented(c.ttl), ip4->ttl + ip4->count);
		put(is4, e, rx, at, len, ip4);
	}
	if (is6) {
		is6 = put_dsts(is6, data, ip6->dst.ip6 + ip6->count);
		put(is6, e, rx, at, len, ip6);
	}
	*bytes += (uint32_t)_mm512_mask_reduce_add_epi32(is4 | is6, len);
	return is4 | is6;
}

bool fast_alike_avx512(const struct fast_batch *b, uint32_t *longest, uint64_t *bytes)
{
	const __m512i slot = _mm512_set1_epi64(0xffff);
	const __m512i in = _mm512_set1_epi64((long long)(uintptr_t)b->in[0]);
	const __m512i adj = _mm512_set1_epi64((long long)b->adj[0]);
	__m512i differs = _mm512_setzero_si512(), most = differs, sum = differs;

	for (unsigned i = 0; i < b->count; i += 8) {
		__mmask8 some = (__mmask8)_bzhi_u32(0xff, b->count - i);
		__m512i d = _mm512_xor_si512(_mm512_loadu_si512(b->adj + i), adj);

		d = _mm512_or_si512(_mm512_and_si512(d, slot),
				    _mm512_xor_si512(_mm512_loadu_si512(b->in + i), in));
		differs = _mm512_mask_or_epi64(differs, some, differs, d);
	}
	for (unsigned i = 0; i < b->count; i += 16) {
		__mmask16 some = (__mmask16)_bzhi_u32(0xffff, b->count - i);
		__m512i len = _mm512_maskz_loadu_epi32(some, b->len + i);

		most = _mm512_max_epu32(most, len);
		sum = _mm512_add_epi32(sum, len);
	}
	*longest = _mm512_reduce_max_epu32(most);
	*bytes = (uint32_t)_mm512_reduce_add_epi32(sum);
	return !_mm512_test_epi64_mask(differs, differs);
}
#endif
