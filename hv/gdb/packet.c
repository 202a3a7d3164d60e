/* SPDX-License-Identifier: Apache-2.0 */
#include "hv/gdb/gdb_priv.h"

enum { INTERRUPT = 3, ESCAPE = '}', ESCAPE_BIT = 0x20 };

int hex_digit(uint8_t c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c |= 0x20;
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

bool hex_bytes(const char *hex, void *bytes, size_t len)
{
	uint8_t *to = bytes;

	for (size_t i = 0; i < len; i++) {
		int high = hex_digit((uint8_t)hex[2 * i]);
		int low = high < 0 ? -1 : hex_digit((uint8_t)hex[2 * i + 1]);

		if (low < 0)
			return false;
		to[i] = (uint8_t)(high << 4 | low);
	}
	return true;
}

void hex_put(struct buf *out, const void *bytes, size_t len)
{
	static const char digits[] = "0123456789abcdef";

	for (size_t i = 0; i < len; i++) {
		uint8_t byte = ((const uint8_t *)bytes)[i];

		buf_u8(out, (uint8_t)digits[byte >> 4]);
		buf_u8(out, (uint8_t)digits[byte & 15]);
	}
}

static void data_byte(struct packet *p, uint8_t byte)
{
	if (p->len < PACKET_MAX)
		p->data[p->len++] = byte;
	else
		p->too_long = true;
}

static enum packet_event idle(struct packet *p, uint8_t byte)
{
	if (byte == INTERRUPT)
		return PACKET_INTERRUPT;
	if (byte != '$') /* + and -, or noise: there is nothing that would be sent again */
		return PACKET_NONE;
	p->state = PACKET_DATA;
	p->len = 0;
	p->sum = 0;
	p->too_long = false;
	return PACKET_NONE;
}

static enum packet_event whole(struct packet *p, int low)
{
	p->state = PACKET_IDLE;
	p->data[p->len] = 0;
	if (low < 0 || p->too_long || p->sent == UINT8_MAX || (p->sent << 4 | low) != p->sum)
		return PACKET_BROKEN;
	return PACKET_WHOLE;
}

enum packet_event packet_byte(struct packet *p, uint8_t byte)
{
	switch (p->state) {
	case PACKET_IDLE:
		return idle(p, byte);
	case PACKET_DATA:
		if (byte == '#') {
			p->state = PACKET_SUM;
			return PACKET_NONE;
		}
		p->sum = (uint8_t)(p->sum + byte);
		if (byte == ESCAPE)
			p->state = PACKET_ESCAPED;
		else
			data_byte(p, byte);
		return PACKET_NONE;
	case PACKET_ESCAPED:
		p->sum = (uint8_t)(p->sum + byte);
		p->state = PACKET_DATA;
		data_byte(p, byte ^ ESCAPE_BIT);
		return PACKET_NONE;
	case PACKET_SUM:
		p->sent = (uint8_t)hex_digit(byte); /* -1 is UINT8_MAX */
		p->state = PACKET_SUM_LOW;
		return PACKET_NONE;
	case PACKET_SUM_LOW:
		return whole(p, hex_digit(byte));
	}
	return PACKET_NONE;
}

void packet_put(struct buf *out, const void *data, size_t len)
{
	uint8_t sum = 0;

	buf_u8(out, '$');
	for (size_t i = 0; i < len; i++) {
		uint8_t byte = ((const uint8_t *)data)[i];

		if (byte == '$' || byte == '#' || byte == ESCAPE || byte == '*') {
			sum = (uint8_t)(sum + ESCAPE);
			buf_u8(out, ESCAPE);
			byte ^= ESCAPE_BIT;
		}
		sum = (uint8_t)(sum + byte);
		buf_u8(out, byte);
	}
	buf_u8(out, '#');
	hex_put(out, &sum, 1);
}
