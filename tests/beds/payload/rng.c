/* SPDX-License-Identifier: Apache-2.0 */
/* Finds the rng device on the PCI bus, sets it up, kicks it (ioeventfd) and is interrupted (MSI by
 * irqfd). */
#include "payload.h"

void payload_main(uint64_t info)
{
	static uint8_t bytes[64];
	struct virtio v = { 0 };
	uint32_t len = 0, sum = 0;

	interrupts_init();
	check(virtio_find(&v, 0x1044), "rng found on the PCI bus");
	virtio_start(&v, 0x41);
	check(REG8(v.common + 20) == 15, "rng accepts its driver");
	for (unsigned i = 0; i < 20; i++) {
		uint32_t before = interrupts[1];

		virtio_offer(&v, bytes, sizeof(bytes));
		while (interrupts[1] == before)
			__asm__ volatile("pause");
		if (!virtio_used(&v, &len) || len != sizeof(bytes))
			check(0, "bytes after an interrupt");
	}
	for (unsigned i = 0; i < sizeof(bytes); i++)
		sum += bytes[i];
	check(sum != 0, "20 kicks, 20 interrupts, random bytes");
	check(interrupts[1] == 20 && !interrupts[0] && !interrupts[2], "no other interrupt");
}
