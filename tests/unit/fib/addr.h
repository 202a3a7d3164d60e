/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TESTS_UNIT_FIB_ADDR_H
#define TESTS_UNIT_FIB_ADDR_H

/* Addresses as 16 bytes in network order; of IPv4 the first 4 count, the others are zero. */

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

static inline unsigned addr_bits(unsigned family)
{
	return family == 4 ? 32 : 128;
}

static inline bool addr_bit(const uint8_t *addr, unsigned bit)
{
	return addr[bit / 8] & 0x80u >> bit % 8;
}

static inline void addr_flip(uint8_t *addr, unsigned bit)
{
	addr[bit / 8] ^= (uint8_t)(0x80u >> bit % 8);
}

/* Clears what is behind the first len bits, in all 16 bytes. */
static inline void addr_mask(uint8_t addr[16], unsigned len)
{
	for (unsigned i = len / 8 + (len % 8 > 0); i < 16; i++)
		addr[i] = 0;
	if (len % 8)
		addr[len / 8] &= (uint8_t)~(0xffu >> len % 8);
}

/* The last address of a prefix. */
static inline void addr_last(uint8_t addr[16], unsigned family, unsigned len)
{
	for (unsigned bit = len; bit < addr_bits(family); bit++)
		addr[bit / 8] |= (uint8_t)(0x80u >> bit % 8);
}

/* One address on (up) or back; past the ends it wraps. */
static inline void addr_step(uint8_t addr[16], unsigned family, bool up)
{
	for (unsigned i = addr_bits(family) / 8; i-- > 0;) {
		addr[i] = (uint8_t)(up ? addr[i] + 1 : addr[i] - 1);
		if (addr[i] != (up ? 0 : 0xff))
			break;
	}
}

static inline bool addr_covers(const uint8_t *prefix, unsigned len, const uint8_t *addr)
{
	for (unsigned bit = 0; bit < len; bit++)
		if (addr_bit(prefix, bit) != addr_bit(addr, bit))
			return false;
	return true;
}

/* For messages: hexadecimal digits, in a buffer that the next call takes. */
static inline const char *addr_name(const uint8_t *addr, unsigned family)
{
	static char text[33];

	for (unsigned i = 0; i < addr_bits(family) / 8; i++)
		snprintf(text + 2 * i, sizeof(text) - 2 * i, "%02x", addr[i]);
	return text;
}

#endif
