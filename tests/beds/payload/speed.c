/* SPDX-License-Identifier: Apache-2.0 */
/* For perf/run hv, also in QEMU: measures what it is asked for by a byte on the serial line, and answers
 * with a line of numbers, ticks of the TSC each: 'p' an access to a port, 'm' one to a device's memory,
 * of 1000 each, and 'k' of 200 kicks each the time until the device has answered it. */
#include "payload.h"

enum { ACCESSES = 1000, KICKS = 200, LINE_STATUS = 0x3f8 + 5, STATUS = 20 };

static struct virtio rng;

static uint64_t now(void)
{
	uint32_t low, high;

	__asm__ volatile("rdtsc" : "=a"(low), "=d"(high) : : "memory");
	return (uint64_t)high << 32 | low;
}

static void port_accesses(void)
{
	uint64_t began = now();

	for (unsigned i = 0; i < ACCESSES; i++)
		in8(LINE_STATUS);
	say_number((now() - began) / ACCESSES);
}

static void memory_accesses(void)
{
	uint64_t began = now();

	for (unsigned i = 0; i < ACCESSES; i++)
		(void)REG8(rng.common + STATUS);
	say_number((now() - began) / ACCESSES);
}

/* It looks at the used ring for the answer; an interrupt would come later. */
static void kicks(void)
{
	static uint8_t bytes[64];
	static uint64_t took[KICKS];
	uint32_t len;

	for (unsigned i = 0; i < KICKS; i++) {
		uint64_t began = now();

		virtio_offer(&rng, bytes, sizeof(bytes));
		while (!virtio_used(&rng, &len))
			;
		took[i] = now() - began;
	}
	for (unsigned i = 0; i < KICKS; i++) {
		say_number(took[i]);
		say(" ");
	}
}

void payload_main(uint64_t info)
{
	say("speed\n");
	check(virtio_find(&rng, 0x1044), "rng found");
	virtio_start(&rng, 0x41);
	virtio_quiet();
	for (;;) {
		while (!(in8(LINE_STATUS) & 1))
			__asm__ volatile("pause");
		switch (in8(0x3f8)) {
		case 'p':
			port_accesses();
			break;
		case 'm':
			memory_accesses();
			break;
		default:
			kicks();
			break;
		}
		say("\n");
	}
}
