/* SPDX-License-Identifier: Apache-2.0 */
#include "control/cli/base64.h"

#include <errno.h>
#include <string.h>

static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

void base64_encode(const void *bytes, size_t len, struct buf *out)
{
	const uint8_t *p = bytes;
	char *to = buf_reserve(out, (len + 2) / 3 * 4);

	if (!to)
		return;
	for (; len; to += 4) {
		size_t n = len < 3 ? len : 3;
		uint32_t v = (uint32_t)p[0] << 16 | (n > 1 ? (uint32_t)p[1] << 8 : 0) |
			     (n > 2 ? p[2] : 0);

		to[0] = alphabet[v >> 18];
		to[1] = alphabet[v >> 12 & 63];
		to[2] = n > 1 ? alphabet[v >> 6 & 63] : '=';
		to[3] = n > 2 ? alphabet[v & 63] : '=';
		p += n;
		len -= n;
	}
}

static int digit(char c)
{
	if (c >= 'A' && c <= 'Z')
		return c - 'A';
	if (c >= 'a' && c <= 'z')
		return c - 'a' + 26;
	if (c >= '0' && c <= '9')
		return c - '0' + 52;
	return c == '+' ? 62 : c == '/' ? 63 : -1;
}

int base64_decode(const char *text, size_t len, struct buf *out)
{
	if (len % 4)
		return -EBADMSG;
	for (size_t at = 0; at < len; at += 4) {
		const char *q = text + at;
		bool last = at + 4 == len;
		unsigned pad = last && q[3] == '=' ? (q[2] == '=' ? 2 : 1) : 0;
		uint32_t v = 0;
		uint8_t three[3];

		for (unsigned i = 0; i < 4; i++) {
			int d = i >= 4 - pad ? 0 : digit(q[i]);

			if (d < 0)
				return -EBADMSG;
			v = v << 6 | (uint32_t)d;
		}
		three[0] = (uint8_t)(v >> 16);
		three[1] = (uint8_t)(v >> 8);
		three[2] = (uint8_t)v;
		buf_put(out, three, 3 - pad);
	}
	return out->bad ? -ENOMEM : 0;
}
