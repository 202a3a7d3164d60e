/* SPDX-License-Identifier: Apache-2.0 */
/* Finds the rng device on the PCI bus, sets it up, kicks it and is interrupted; and once more, after it
 * has moved the device's registers. */
#include "payload.h"

enum { BAR = 0x10 };

static uint8_t bytes[64];

static void use(struct virtio *v)
{
	uint32_t len = 0, first = interrupts[1];

	virtio_start(v, 0x41);
	for (unsigned i = 0; i < 20; i++) {
		uint32_t before = interrupts[1];

		virtio_offer(v, bytes, sizeof(bytes));
		while (interrupts[1] == before)
			__asm__ volatile("pause");
		if (!virtio_used(v, &len) || len != sizeof(bytes))
			check(0, "bytes after an interrupt");
	}
	check(interrupts[1] - first == 20 && !interrupts[0] && !interrupts[2],
	      "20 kicks, 20 interrupts, no other");
}

void payload_main(uint64_t info)
{
	struct virtio v = { 0 };
	uint32_t sum = 0;

	interrupts_init();
	check(virtio_find(&v, 0x1044), "rng found on the PCI bus");
	virtio_start(&v, 0x41);
	check(REG8(v.common + 20) == 15, "rng accepts its driver");
	use(&v);
	for (unsigned i = 0; i < sizeof(bytes); i++)
		sum += bytes[i];
	check(sum != 0, "random bytes");
	pci_write(v.function, BAR, 0xd0000000);
	v = (struct virtio){ 0 };
	check(virtio_find(&v, 0x1044) && v.common >= 0xd0000000, "its registers moved");
	use(&v);
}
