/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Neighbours and a guest say anything. Input: frames, each after a byte with its length, and before that
 * one that says whether the guest has sent it (1), by which of 4 ports (2, 4), that a second passes
 * before it (8), that its ICMPv6 checksum is made right (16). What is told must be consistent: nothing
 * goes that was not there.
 */
#include "vrouter/snooped_priv.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct {
	struct snooped_addr a;
	unsigned port;
	bool own;
} told[SNOOPED_MAX + 4 * SNOOPED_OWN_MAX];
static size_t count;

static size_t find(unsigned port, const struct snooped_addr *a, bool own)
{
	size_t i = 0;

	while (i < count && (told[i].port != port || told[i].own != own ||
			     memcmp(&told[i].a, a, sizeof(*a)) != 0))
		i++;
	return i;
}

static void note(unsigned port, const struct snooped_addr *a, bool own, bool has)
{
	size_t i = find(port, a, own);

	if (!has) {
		if (i == count)
			abort();
		told[i] = told[--count];
	} else if (i == count) {
		if (count == sizeof(told) / sizeof(told[0]))
			abort();
		told[count].a = *a;
		told[count].port = port;
		told[count++].own = own;
	}
}

static void on_neighbour(void *arg, unsigned port, const struct snooped_addr *a, const uint8_t *mac)
{
	if (mac && (mac[0] & 1 || find(port, a, true) < count))
		abort();
	note(port, a, false, mac != NULL);
}

static void on_own(void *arg, unsigned port, const struct snooped_addr *a, bool has)
{
	note(port, a, true, has);
}

/* Else hardly any frame would get by its checksum. */
static void mend(uint8_t *f, size_t len)
{
	uint32_t sum, size = len < 58 ? 0 : (uint32_t)(f[18] << 8 | f[19]);

	if (!size || size > len - 54)
		return;
	f[56] = f[57] = 0;
	sum = size + 58;
	for (uint32_t i = 22; i < 54 + size; i++)
		sum += i % 2 ? f[i] : (uint32_t)f[i] << 8;
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	f[56] = (uint8_t)(~sum >> 8);
	f[57] = (uint8_t)~sum;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct snooped_ops ops = { on_neighbour, on_own };
	static const uint8_t mac[6] = { 2, 0, 0, 0, 0, 1 };
	struct snooped *s;
	uint64_t now = 1;

	count = 0;
	if (snooped_create(&ops, NULL, &s) < 0)
		return 0;
	while (size >= 2) {
		size_t len = data[1] < size - 2 ? data[1] : size - 2;
		uint8_t *frame = malloc(len + 1); /* so that the sanitizer sees the end */

		memcpy(frame, data + 2, len);
		now += data[0] & 8 ? 1000 : 0;
		if (data[0] & 16)
			mend(frame, len);
		snooped_frame(s, data[0] >> 1 & 3, mac, data[0] & 1, frame, len, now);
		free(frame);
		data += 2 + len;
		size -= 2 + len;
	}
	snooped_tell(s);
	snooped_age(s, now + SNOOPED_AGE_MS / 2);
	snooped_port_down(s, 0);
	snooped_missed(s);
	for (size_t i = 0; i < count; i++)
		if (!told[i].own)
			abort();
	snooped_destroy(s);
	return 0;
}
