/* SPDX-License-Identifier: Apache-2.0 */
/* Random rings, while the device reads them, in rounds that each begin with a reset; in the end the
 * device still works. */
#include "payload.h"

enum { ROUNDS = 30, WRITES = 300 };

static uint32_t state = 2463534242;

static uint32_t any(void)
{
	state ^= state << 13;
	state ^= state >> 17;
	state ^= state << 5;
	return state;
}

static void attack(struct virtio *v)
{
	volatile uint8_t *ring = virtio_ring();

	virtio_start(v, 0x41);
	for (unsigned i = 0; i < WRITES; i++) {
		ring[any() % VIRTIO_RING_BYTES] = (uint8_t)any(); /* descriptors, indices */
		if (any() % 8 == 0)
			REG16(v->notify) = (uint16_t)any();
	}
}

void payload_main(uint64_t info)
{
	static uint8_t bytes[64];
	struct virtio v = { 0 };
	uint32_t len = 0;

	say("rings\n");
	interrupts_init();
	check(virtio_find(&v, 0x1044), "rng found");
	for (unsigned i = 0; i < ROUNDS; i++)
		attack(&v);
	virtio_start(&v, 0x42);
	virtio_offer(&v, bytes, sizeof(bytes));
	while (!interrupts[2])
		__asm__ volatile("pause");
	check(virtio_used(&v, &len) && len == sizeof(bytes), "after a reset the device works");
}
