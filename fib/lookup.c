/* SPDX-License-Identifier: Apache-2.0 */
#include "fib/fib_priv.h"

enum { BURST = 64 };

/*
 * Level by level over the burst, not packet by packet: the loads of one level depend on nothing
 * but the level above, so their cache misses overlap. `live` lists the packets that have not met
 * a leaf; it shrinks without a branch, so there is nothing to mispredict.
 */
static inline void lookup_burst(const struct fib *const *fibs, const uint8_t *dst,
				unsigned addr_len, uint32_t root, uint32_t *values, unsigned n)
{
	const struct node *base[BURST];
	uint8_t live[BURST];
	unsigned lives = 0;

	for (unsigned i = 0; i < n; i++) {
		base[i] = fibs[i]->nodes.base;
		values[i] = slot_load(&base[i][root].slots[addr_index(dst + i * addr_len, 0)]);
		live[lives] = (uint8_t)i;
		lives += slot_is_child(values[i]);
	}
	for (unsigned level = 1; lives; level++) {
		unsigned before = lives;

		lives = 0;
		for (unsigned k = 0; k < before; k++) {
			unsigned i = live[k];
			unsigned index = addr_index(dst + i * addr_len, level);

			values[i] = slot_load(&base[i][values[i] & ~SLOT_CHILD].slots[index]);
			live[lives] = (uint8_t)i;
			lives += slot_is_child(values[i]);
		}
	}
}

void fib_lookup4_bulk(const struct fib *const *fibs, const uint32_t *dst, uint32_t *values,
		      unsigned n)
{
	for (unsigned i = 0; i < n; i += BURST)
		lookup_burst(fibs + i, (const uint8_t *)(dst + i), 4, ROOT4, values + i,
			     n - i < BURST ? n - i : BURST);
}

void fib_lookup6_bulk(const struct fib *const *fibs, const uint8_t (*dst)[16], uint32_t *values,
		      unsigned n)
{
	for (unsigned i = 0; i < n; i += BURST)
		lookup_burst(fibs + i, dst[i], 16, ROOT6, values + i,
			     n - i < BURST ? n - i : BURST);
}
