/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DATAPLANE_SLAB_PRIV_H
#define DATAPLANE_SLAB_PRIV_H

/*
 * Objects of one size by slot, side by side in huge pages where the system has some to give: workers
 * touch a few lines of each of many, and would wait longer for where those are than for what is in
 * them. Address space for all of them, memory for those that have been used.
 */

#include <stddef.h>
#include <stdint.h>

struct slab {
	uint8_t *map, *base;
	size_t bytes, size;
};

/* size: a multiple of a cache line. Slots are 0..count-1. -ENOMEM. */
int slab_init(struct slab *s, size_t size, uint32_t count);
void slab_fini(struct slab *s); /* zeroed: nothing to do */

/* The slot's object, zeroed. */
void *slab_take(struct slab *s, uint32_t slot);

/* Nobody may touch it from here on. */
void slab_leave(struct slab *s, void *object);

#endif
