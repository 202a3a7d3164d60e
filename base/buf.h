/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BASE_BUF_H
#define BASE_BUF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * Bytes that grow. All zeroes is an empty buffer. A failed allocation sticks in `bad` and is
 * checked once, when the buffer is used.
 */
struct buf {
	uint8_t *data;
	size_t len, cap;
	bool bad;
};

void buf_put(struct buf *b, const void *bytes, size_t len);
void *buf_reserve(struct buf *b, size_t len); /* len zeroed bytes at the end; NULL on failure */
void buf_u8(struct buf *b, uint8_t v);
void buf_u16(struct buf *b, uint16_t v); /* host byte order */
void buf_u32(struct buf *b, uint32_t v);
void buf_u64(struct buf *b, uint64_t v);
void buf_printf(struct buf *b, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void buf_consume(struct buf *b, size_t len); /* drops len bytes at the front */
void buf_reset(struct buf *b);               /* empties, keeps the memory */
void buf_free(struct buf *b);

#endif
