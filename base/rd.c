/* SPDX-License-Identifier: Apache-2.0 */
#include "base/rd.h"

#include <string.h>

struct rd rd_of(const void *bytes, size_t len)
{
	return (struct rd){ .p = bytes, .left = len };
}

const uint8_t *rd_bytes(struct rd *r, size_t len)
{
	const uint8_t *p = r->p;

	if (r->bad || len > r->left) {
		r->bad = true;
		r->left = 0;
		return NULL;
	}
	r->p += len;
	r->left -= len;
	return p;
}

void rd_copy(struct rd *r, void *to, size_t len)
{
	const uint8_t *p = rd_bytes(r, len);

	if (p)
		memcpy(to, p, len);
	else
		memset(to, 0, len);
}

void rd_skip(struct rd *r, size_t len)
{
	rd_bytes(r, len);
}

struct rd rd_sub(struct rd *r, size_t len)
{
	const uint8_t *p = rd_bytes(r, len);

	return (struct rd){ .p = p, .left = p ? len : 0, .bad = p == NULL };
}

uint8_t rd_u8(struct rd *r)
{
	uint8_t v;

	rd_copy(r, &v, sizeof(v));
	return v;
}

uint16_t rd_u16(struct rd *r)
{
	uint16_t v;

	rd_copy(r, &v, sizeof(v));
	return v;
}

uint32_t rd_u32(struct rd *r)
{
	uint32_t v;

	rd_copy(r, &v, sizeof(v));
	return v;
}

uint64_t rd_u64(struct rd *r)
{
	uint64_t v;

	rd_copy(r, &v, sizeof(v));
	return v;
}

uint16_t rd_be16(struct rd *r)
{
	return __builtin_bswap16(rd_u16(r));
}

uint32_t rd_be32(struct rd *r)
{
	return __builtin_bswap32(rd_u32(r));
}
