/* SPDX-License-Identifier: Apache-2.0 */
/* For CPUs without the vectors, and the one that others are compared with. */
#include "fib/fib_priv.h"

#include <string.h>

static uint32_t step_one(const uint8_t *base, uint32_t word, unsigned b)
{
	enum code code = word & CODE_MASK;
	const uint8_t *line = base + (word & NODE_MASK) +
			      ((b >> forms.shift[code]) << forms.stride[code]);
	unsigned run = 0;
	uint32_t value;

	for (unsigned i = 0; i < forms.starts[code]; i++)
		run += line[i] > b;
	if (forms.islands[code])
		run = run % 2 ? run / 2 + 1 : 0;
	line += forms.values[code] + (run << forms.width[code]);
	/* A word may be of a page, which is written in place. */
	if (forms.width[code] == 2)
		return __atomic_load_n((const uint32_t *)line, __ATOMIC_ACQUIRE);
	memcpy(&value, line, sizeof(value));
	return leaf_of(value & (forms.width[code] ? 0xffff : 0xff));
}

static uint64_t step(const uint8_t *base, uint32_t *words, const uint32_t *addrs, unsigned byte,
		     unsigned count, bool far)
{
	uint64_t live = 0;

	for (unsigned i = 0; i < count; i++) {
		if (is_leaf(words[i]))
			continue;
		words[i] = step_one(base, words[i], addrs[i] >> 8 * byte & 0xff);
		live |= (uint64_t)!is_leaf(words[i]) << i;
	}
	return live;
}

static uint64_t nodes_among(const uint32_t *words, unsigned count)
{
	uint64_t nodes = 0;

	for (unsigned i = 0; i < count; i++)
		nodes |= (uint64_t)!is_leaf(words[i]) << i;
	return nodes;
}

static void values_one(const uint32_t *palette, uint32_t cap, const uint32_t *words,
		       uint32_t *values, unsigned count)
{
	for (unsigned i = 0; i < count; i++)
		values[i] = __atomic_load_n(&palette[color_of(words[i])], __ATOMIC_RELAXED);
}

#include "fib/lookup_body.h"

const struct lookup_body lookup_scalar = { lookup4, lookup6 };
