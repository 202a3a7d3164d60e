/* SPDX-License-Identifier: Apache-2.0 */
/*
 * 256 slots become the smallest node that can hold them. Full tables have ten to twenty runs of
 * equal slots in a node, and next to no two neighbours that are both children: hence lines with
 * runs of colors, and islands of children in a sea of one leaf. Looking up a line is one compare
 * of its first bytes and one load behind them, all in the same cache line. Small tables have nodes
 * of many children here and there, which fit no lines: a bitmap and the children. The form is a
 * function of the slots and the family alone, so equal slots are equal bytes.
 */
#include "fib/fib_priv.h"

#include <string.h>

#ifdef __SSE2__
#include <emmintrin.h>
#endif

#define FORMS(X)                                      \
	/* bytes shift stride starts values width islands */ \
	X(HALF8,     32, 8, 6, 16, 16, 0, 0) \
	X(HALF16,    32, 8, 6, 10, 12, 1, 0) \
	X(HALF32,    32, 8, 6,  8, 12, 2, 1) \
	X(FULL8,     64, 8, 6, 32, 32, 0, 0) \
	X(FULL8_2,  128, 7, 6, 32, 32, 0, 0) \
	X(FULL16,    64, 8, 6, 20, 22, 1, 0) \
	X(FULL16_2,  128, 7, 6, 20, 22, 1, 0) \
	X(FULL16_4,  256, 6, 6, 20, 22, 1, 0) \
	X(FULL32,    64, 8, 6, 20, 20, 2, 1) \
	X(FULL32_2,  128, 7, 6, 20, 20, 2, 1) \
	X(FULL32_4,  256, 6, 6, 20, 20, 2, 1) \
	X(BITMAP32,  256, 8, 6,  0, 32, 2, 0) \
	X(DIRECT8,  256, 0, 0,  0,  0, 0, 0) \
	X(DIRECT16,  512, 0, 1,  0,  0, 1, 0) \
	X(DIRECT32, 1024, 0, 2,  0,  0, 2, 0) \
	X(LEAF,       0, 8, 6,  0,  0, 2, 0)

#define BYTES(c, by, sh, st, n, v, w, i)   [c] = by,
#define SHIFT(c, by, sh, st, n, v, w, i)   [c] = sh,
#define STRIDE(c, by, sh, st, n, v, w, i)  [c] = st,
#define STARTS(c, by, sh, st, n, v, w, i)  [c] = n,
#define VALUES(c, by, sh, st, n, v, w, i)  [c] = v,
#define WIDTH(c, by, sh, st, n, v, w, i)   [c] = w,
#define ISLANDS(c, by, sh, st, n, v, w, i) [c] = i,

const struct forms forms = {
	.bytes = { FORMS(BYTES) },   .shift = { FORMS(SHIFT) },   .stride = { FORMS(STRIDE) },
	.starts = { FORMS(STARTS) }, .values = { FORMS(VALUES) }, .width = { FORMS(WIDTH) },
	.islands = { FORMS(ISLANDS) },
};

/* That of one code. */
struct form {
	unsigned bytes, shift, stride, starts, values, width;
	bool islands, bitmap;
};

static struct form form_of(enum code c)
{
	return (struct form){ forms.bytes[c],  forms.shift[c], forms.stride[c], forms.starts[c],
			      forms.values[c], forms.width[c], forms.islands[c],
			      c == BITMAP32 };
}

/* Candidates of each width, smallest first; the last holds anything. */
static const enum code by_width[3][6] = {
	{ HALF8, FULL8, FULL8_2, DIRECT8 },
	{ HALF16, FULL16, FULL16_2, FULL16_4, DIRECT16 },
	{ HALF32, FULL32, FULL32_2, FULL32_4, BITMAP32, DIRECT32 },
};

struct runs {
	unsigned count;
	uint8_t first[SLOTS]; /* of each run, from low to high */
	uint32_t word[SLOTS];
};

/* A bit for each of the 16 slots from i on that begins a run. */
static unsigned begins_among(const uint32_t slots[SLOTS], unsigned i)
{
	unsigned begins = 0;

#ifdef __SSE2__
	__m128i same[4];

	for (unsigned k = 0; k < 4; k++) {
		__m128i slot = _mm_loadu_si128((const __m128i *)(slots + i + 4 * k));
		__m128i left = i + k ? _mm_loadu_si128((const __m128i *)(slots + i + 4 * k - 1)) :
				       _mm_slli_si128(slot, 4);

		same[k] = _mm_cmpeq_epi32(slot, left);
	}
	begins = 0xffff & ~(unsigned)_mm_movemask_epi8(
				 _mm_packs_epi16(_mm_packs_epi32(same[0], same[1]),
						 _mm_packs_epi32(same[2], same[3])));
#else
	for (unsigned k = 1; k < 16; k++)
		begins |= (unsigned)(slots[i + k] != slots[i + k - 1]) << k;
	begins |= i && slots[i] != slots[i - 1];
#endif
	return begins | !i;
}

static unsigned find_runs(const uint32_t slots[SLOTS], struct runs *r)
{
	uint32_t all = LEAF, most = 0;

	r->count = 0;
	for (unsigned i = 0; i < SLOTS; i += 16)
		for (unsigned some = begins_among(slots, i); some; some &= some - 1) {
			unsigned first = i + (unsigned)__builtin_ctz(some);

			r->first[r->count] = (uint8_t)first;
			r->word[r->count++] = slots[first];
		}
	for (unsigned i = 0; i < r->count; i++) {
		all &= r->word[i];
		most |= r->word[i];
	}
	if ((all & CODE_MASK) != LEAF)
		return 2;
	return most < leaf_of(0x100) ? 0 : most < leaf_of(0x10000) ? 1 : 2;
}

static unsigned values_max(const struct form *f)
{
	unsigned line = f->bytes >> (8 - f->shift);

	return (line - f->values) >> f->width;
}

/* Does the line of the runs [from, to) fit? */
static bool line_fits(const struct runs *r, unsigned from, unsigned to, const struct form *f)
{
	unsigned islands = 0;

	if (!f->islands)
		return to - from <= values_max(f);
	for (unsigned i = from; i < to; i++)
		islands += r->word[i] != r->word[to - 1];
	return islands < values_max(f);
}

static unsigned runs_until(const struct runs *r, unsigned from, unsigned slot)
{
	while (from < r->count && r->first[from] < slot)
		from++;
	return from;
}

/* The runs of line `line`: [*from, *to). The first may begin before the line. */
static void line_runs(const struct runs *r, const struct form *f, unsigned line, unsigned *from,
		      unsigned *to)
{
	if (r->first[*from] > line << f->shift)
		--*from;
	*to = runs_until(r, *from, (line + 1) << f->shift);
}

static unsigned run_end(const struct runs *r, unsigned i)
{
	return i + 1 < r->count ? r->first[i + 1] : SLOTS;
}

static bool bitmap_fits(const struct runs *r, const struct form *f)
{
	unsigned own = 0;

	for (unsigned i = 0; i < r->count; i++)
		if (r->word[i] != r->word[r->count - 1])
			own += run_end(r, i) - r->first[i];
	return own < values_max(f);
}

static bool form_fits(const struct runs *r, enum code code)
{
	const struct form form = form_of(code), *f = &form;
	unsigned from = 0, to;

	if (code == BITMAP32)
		return bitmap_fits(r, f);
	if (!f->islands && f->shift == 8)
		return r->count <= values_max(f);
	for (unsigned line = 0; line < 1u << (8 - f->shift); line++, from = to) {
		if (from == r->count)
			from--;
		line_runs(r, f, line, &from, &to);
		if (!line_fits(r, from, to, f))
			return false;
	}
	return true;
}

static inline void value_put(uint8_t *at, unsigned width, unsigned i, uint32_t word)
{
	uint32_t color = color_of(word);

	if (width == 0)
		at[i] = (uint8_t)color;
	else if (width == 1)
		memcpy(at + 2 * i, &(uint16_t){ (uint16_t)color }, 2);
	else
		memcpy(at + 4 * i, &word, 4);
}

static void put_line(const struct runs *r, unsigned from, unsigned to, const struct form *f,
		     uint8_t *line)
{
	unsigned starts = 0, islands = 0;
	uint32_t sea = r->word[to - 1];
	bool on_island = false;

	value_put(line + f->values, f->width, 0, sea);
	for (unsigned i = to - 1; i-- > from;) {
		uint8_t above = r->first[i + 1];

		if (!f->islands) {
			line[starts++] = above;
			value_put(line + f->values, f->width, starts, r->word[i]);
			continue;
		}
		line[starts++] = above;
		if (r->word[i] == sea) {
			on_island = false;
			continue;
		}
		if (on_island) /* from one to the next, over no sea */
			line[starts++] = above;
		on_island = true;
		value_put(line + f->values, f->width, ++islands, r->word[i]);
	}
}

static void put_bitmap(const struct runs *r, const struct form *f, uint8_t *node)
{
	uint32_t others = r->word[r->count - 1];
	unsigned own = 0;

	value_put(node + f->values, f->width, 0, others);
	for (unsigned i = 0; i < r->count; i++)
		for (unsigned slot = r->first[i]; slot < run_end(r, i); slot++) {
			if (r->word[i] == others)
				continue;
			node[slot / 8] |= (uint8_t)(1u << slot % 8);
			value_put(node + f->values, f->width, ++own, r->word[i]);
		}
}

/* A loop for each width, for the compiler to vectorise. */
static void put_direct(const uint32_t slots[SLOTS], unsigned width, uint8_t *node)
{
	if (width == 0)
		for (unsigned i = 0; i < SLOTS; i++)
			value_put(node, 0, i, slots[i]);
	else if (width == 1)
		for (unsigned i = 0; i < SLOTS; i++)
			value_put(node, 1, i, slots[i]);
	else
		memcpy(node, slots, SLOTS * sizeof(*slots));
}

enum code node_encode(const uint32_t slots[SLOTS], bool bitmaps, uint8_t *node)
{
	struct runs r;
	unsigned width = find_runs(slots, &r), from = 0, to;
	const enum code *code = by_width[width];
	struct form form;
	const struct form *f = &form;

	if (r.count == 1 && is_leaf(slots[0]))
		return LEAF;
	while (forms.values[*code] && ((*code == BITMAP32 && !bitmaps) || !form_fits(&r, *code)))
		code++;
	form = form_of(*code);
	if (!f->values) {
		put_direct(slots, width, node);
		return *code;
	}
	memset(node, 0, f->bytes);
	if (*code == BITMAP32) {
		put_bitmap(&r, f, node);
		return *code;
	}
	for (unsigned line = 0; line < 1u << (8 - f->shift); line++, from = to) {
		if (from == r.count)
			from--;
		line_runs(&r, f, line, &from, &to);
		put_line(&r, from, to, f, node + (line << f->stride));
	}
	return *code;
}

static uint32_t value_get(const uint8_t *at, unsigned width, unsigned i)
{
	uint16_t color;
	uint32_t word;

	if (width == 0)
		return leaf_of(at[i]);
	if (width == 1) {
		memcpy(&color, at + 2 * i, 2);
		return leaf_of(color);
	}
	memcpy(&word, at + 4 * i, 4);
	return word;
}

/* The word of the run that slot is in, and which value of its line that is. */
static uint32_t word_at(const struct form *f, const uint8_t *node, unsigned slot, unsigned *value)
{
	const uint8_t *line = node + ((slot >> f->shift) << f->stride);
	unsigned run = 0;

	while (run < f->starts && line[run] > slot)
		run++;
	if (f->islands)
		run = run % 2 ? run / 2 + 1 : 0;
	*value = f->bitmap ? bitmap_value(line, slot) : run;
	return value_get(line + f->values, f->width, *value);
}

void node_decode(enum code code, const uint8_t *node, uint32_t slots[SLOTS])
{
	const struct form form = form_of(code);
	unsigned value;

	for (unsigned slot = 0; slot < SLOTS; slot++)
		slots[slot] = word_at(&form, node, slot, &value);
}

bool node_patch(enum code code, uint8_t *node, unsigned slot, uint32_t word)
{
	const struct form form = form_of(code);
	unsigned line = slot >> form.shift, first = line << form.shift;
	unsigned last = first + (1u << form.shift) - 1, value, other;
	uint32_t old = word_at(&form, node, slot, &value);

	/* The last slot of a line is sea; and a leaf may make the last child of a node go. */
	if (!(form.islands || form.bitmap) || slot == last || is_leaf(word) || is_leaf(old))
		return false;
	/* An island of one slot, which is none of its neighbours before and after. */
	for (unsigned next = slot + 1; next <= last && next <= slot + 1; next++) {
		uint32_t beside = word_at(&form, node, next, &other);

		if (beside == old || beside == word)
			return false;
	}
	if (slot > 0) {
		uint32_t beside = word_at(&form, node, slot - 1, &other);

		if (beside == old || beside == word)
			return false;
	}
	/* Nor the sea, of which another line may have none. */
	for (unsigned l = 0; l < 1u << (8 - form.shift); l++)
		if (value_get(node + (l << form.stride) + form.values, form.width, 0) == word)
			return false;
	if (!value)
		return false;
	value_put(node + (line << form.stride) + form.values, form.width, value, word);
	return true;
}
