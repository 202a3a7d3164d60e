/* SPDX-License-Identifier: Apache-2.0 */
#include "control/base64.h"

#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

char *base64_encode(const void *bytes, size_t len)
{
	const uint8_t *p = bytes;
	char *text = malloc((len + 2) / 3 * 4 + 1), *out = text;

	if (!text)
		return NULL;
	for (; len >= 3; p += 3, len -= 3) {
		uint32_t v = (uint32_t)p[0] << 16 | (uint32_t)p[1] << 8 | p[2];

		for (int shift = 18; shift >= 0; shift -= 6)
			*out++ = alphabet[v >> shift & 63];
	}
	if (len) {
		uint32_t v = (uint32_t)p[0] << 16 | (len > 1 ? (uint32_t)p[1] << 8 : 0);

		*out++ = alphabet[v >> 18];
		*out++ = alphabet[v >> 12 & 63];
		*out++ = len > 1 ? alphabet[v >> 6 & 63] : '=';
		*out++ = '=';
	}
	*out = 0;
	return text;
}

int base64_decode(const char *text, void **bytes, size_t *len)
{
	size_t n = strlen(text), pad = 0;
	uint8_t *out;
	uint32_t v = 0;

	if (n % 4)
		return -EINVAL;
	while (n && pad < 2 && text[n - 1 - pad] == '=')
		pad++;
	out = malloc(n / 4 * 3 + 1);
	if (!out)
		return -ENOMEM;
	*len = 0;
	for (size_t i = 0; i < n; i++) {
		const char *at = i < n - pad ? memchr(alphabet, text[i], 64) : alphabet;

		if (!at) {
			free(out);
			return -EINVAL;
		}
		v = v << 6 | (uint32_t)(at - alphabet);
		if (i % 4 == 3) {
			out[(*len)++] = (uint8_t)(v >> 16);
			out[(*len)++] = (uint8_t)(v >> 8);
			out[(*len)++] = (uint8_t)v;
		}
	}
	*len -= pad;
	*bytes = out;
	return 0;
}
