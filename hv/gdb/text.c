/* SPDX-License-Identifier: Apache-2.0 */
#include "hv/gdb/gdb_priv.h"

#include <string.h>

uint64_t text_number(struct text *t)
{
	uint64_t value = 0;
	unsigned digits = 0;

	for (; t->at < t->end && hex_digit((uint8_t)*t->at) >= 0; t->at++, digits++)
		value = value << 4 | (unsigned)hex_digit((uint8_t)*t->at);
	t->bad |= !digits || digits > 16;
	return value;
}

void text_letter(struct text *t, char c)
{
	if (t->at < t->end && *t->at == c)
		t->at++;
	else
		t->bad = true;
}

bool text_begins(struct text *t, const char *word)
{
	size_t len = strlen(word);

	if ((size_t)(t->end - t->at) < len || memcmp(t->at, word, len) != 0)
		return false;
	t->at += len;
	return true;
}

size_t text_rest(const struct text *t)
{
	return (size_t)(t->end - t->at);
}

void put_result(int code, struct buf *out)
{
	if (code < 0)
		buf_printf(out, "E%02x", -code & 0xff);
	else
		buf_printf(out, "OK");
}
