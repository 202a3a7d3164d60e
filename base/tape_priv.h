/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BASE_TAPE_PRIV_H
#define BASE_TAPE_PRIV_H

#include "base/tape.h"

#include <assert.h>

enum { TAPE_PAGE = 4096 };

#define TAPE_MAGIC 0x3145504154544657u
#define TAPE_PAD   UINT64_MAX /* in place of a stamp: the rest of the block is empty */

/* At the begin of the memory. */
struct tape_label {
	uint64_t magic;
	struct tape_shape shape;
};

/* Of a track: positions, counted on and on. Bytes before `ended` are written; those up to `begun`
 * are being overwritten with what is a ring's size ahead of them. The counts follow. */
struct tape_head {
	uint64_t begun __attribute__((aligned(64)));
	uint64_t ended;
} __attribute__((aligned(64)));

static_assert(sizeof(struct tape_label) <= TAPE_PAGE, "one page");
static_assert(sizeof(struct tape_record) % 8 == 0, "records are aligned");
static_assert(sizeof(struct tape_record) + TAPE_KEPT_MAX < TAPE_BLOCK / 2, "they fit well");

static inline size_t tape_head_bytes(const struct tape_shape *s)
{
	size_t bytes = sizeof(struct tape_head) + s->channels * sizeof(uint64_t);

	return (bytes + TAPE_PAGE - 1) & ~(size_t)(TAPE_PAGE - 1);
}

/* Of a record with its bytes. */
static inline uint64_t tape_room(uint32_t size)
{
	return (sizeof(struct tape_record) + size + 7u) & ~(uint64_t)7;
}

/* Where the parts of track i are. */
static inline void tape_find(const struct tape_shape *s, uint8_t *memory, unsigned i,
			     struct tape_head **head, uint64_t **counts, uint8_t **data)
{
	uint8_t *at = memory + TAPE_PAGE;

	for (unsigned k = 0; k < i; k++)
		at += tape_head_bytes(s) + (size_t)s->blocks[k] * TAPE_BLOCK;
	*head = (struct tape_head *)at;
	*counts = (uint64_t *)(*head + 1);
	*data = at + tape_head_bytes(s);
}

#endif
