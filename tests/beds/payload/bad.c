/* SPDX-License-Identifier: Apache-2.0 */
/* A bad neighbour: does for ever what the first letter of its command line says. */
#include "payload.h"

enum { CMDLINE = 0x228, COMMAND = 4, MEMORY = 2 };

static struct virtio rng;
static uint32_t state = 2463534242;
static uint8_t bytes[4096];

static uint32_t any(void)
{
	state ^= state << 13;
	state ^= state >> 17;
	state ^= state << 5;
	return state;
}

static void flood(void)
{
	static const char text[1024] = { [0 ... 1023] = 'x' };
	const char *from = text;
	uint64_t count = sizeof(text);

	__asm__ volatile("rep outsb" : "+S"(from), "+c"(count) : "d"(0x3f8) : "memory");
}

/* With work for the device, whenever it has none. */
static void kick(void)
{
	uint32_t len;

	virtio_offer(&rng, bytes, sizeof(bytes));
	for (unsigned i = 0; i < 1000 && !virtio_used(&rng, &len); i++)
		REG16(rng.notify) = 0;
}

/* Each device that there is, also as the bus sees it: its registers go away and come back. */
static void reset(void)
{
	static const uint16_t devices[] = { 0x1041, 0x1043, 0x1044 };

	for (unsigned i = 0; i < sizeof(devices) / sizeof(devices[0]); i++) {
		struct virtio v = { 0 };
		uint32_t command;

		if (!virtio_find(&v, devices[i]))
			continue;
		command = pci_read(v.function, COMMAND);
		for (unsigned n = 0; n < 100; n++) {
			virtio_start(&v, 0x41 + n % 2); /* another message each time */
			virtio_offer(&v, bytes, sizeof(bytes));
			pci_write(v.function, COMMAND, command & ~(uint32_t)MEMORY);
			pci_write(v.function, COMMAND, command);
		}
	}
}

static void corrupt(void)
{
	volatile uint8_t *ring = virtio_ring();

	virtio_start(&rng, 0x41);
	for (unsigned i = 0; i < 300; i++) {
		ring[any() % VIRTIO_RING_BYTES] = (uint8_t)any();
		if (any() % 8 == 0)
			REG16(rng.notify) = (uint16_t)any();
	}
}

void payload_main(uint64_t info)
{
	char what = *(const char *)(uintptr_t)REG32(info + CMDLINE);

	interrupts_init();
	check(virtio_find(&rng, 0x1044), "rng found");
	virtio_start(&rng, 0x41);
	for (;;) {
		switch (what) {
		case 'f':
			flood();
			break;
		case 'k':
			kick();
			break;
		case 'r':
			reset();
			break;
		case 'c':
			corrupt();
			break;
		default: /* it loops */
			break;
		}
	}
}
