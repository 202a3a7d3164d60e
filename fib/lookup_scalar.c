/* SPDX-License-Identifier: Apache-2.0 */
/* For CPUs without the vectors, and the one that others are compared with. */
#include "fib/fib_priv.h"

#include <string.h>

static uint32_t step_alone(const uint8_t *base, uint32_t word, unsigned slot)
{
	const uint8_t *line = line_of(base, word, slot);
	enum code code = word & CODE_MASK;
	unsigned run = 0;

	for (unsigned i = 0; i < forms.starts[code]; i++)
		run += line[i] > slot;
	return line_word(line, code, slot, run);
}

static uint64_t step(const uint8_t *base, uint32_t *words, const uint32_t *addrs, unsigned byte,
		     unsigned count, bool far)
{
	uint64_t live = 0;

	for (unsigned i = 0; i < count; i++) {
		if (is_leaf(words[i]))
			continue;
		words[i] = step_alone(base, words[i], addrs[i] >> 8 * byte & 0xff);
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
