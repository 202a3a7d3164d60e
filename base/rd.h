/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BASE_RD_H
#define BASE_RD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * A cursor over bytes that nobody vouches for. An error sticks: after the first read past the
 * end, every read returns zeroes and `bad` stays set, so it is checked once after the reads it
 * covers. Nothing is copied; the bytes must outlive the cursor.
 */
struct rd {
	const uint8_t *p;
	size_t left;
	bool bad;
};

struct rd rd_of(const void *bytes, size_t len);
uint8_t rd_u8(struct rd *r);
uint16_t rd_u16(struct rd *r); /* host byte order, any alignment */
uint32_t rd_u32(struct rd *r);
uint64_t rd_u64(struct rd *r);
uint16_t rd_be16(struct rd *r);
uint32_t rd_be32(struct rd *r);
void rd_copy(struct rd *r, void *to, size_t len); /* zeroes `to` when the bytes are missing */
const uint8_t *rd_bytes(struct rd *r, size_t len); /* NULL when missing */
void rd_skip(struct rd *r, size_t len);
struct rd rd_sub(struct rd *r, size_t len); /* the next len bytes as a cursor of their own */

#endif
