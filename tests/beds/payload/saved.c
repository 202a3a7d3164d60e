/* SPDX-License-Identifier: Apache-2.0 */
/* Uses the rng device, waits to hear a byte on the serial line (in which time it is saved and goes
 * on as another machine), and uses it again as it is. Says whether there is a NIC. */
#include "payload.h"

static uint8_t bytes[64];

static void use(struct virtio *v, const char *what)
{
	uint32_t sum = 0, len = 0;

	for (unsigned i = 0; i < 5; i++) {
		uint32_t before = interrupts[1];

		virtio_offer(v, bytes, sizeof(bytes));
		while (interrupts[1] == before || !virtio_used(v, &len))
			__asm__ volatile("pause");
		sum += len;
	}
	check(sum == 5 * sizeof(bytes), what);
}

static void say_nic(void)
{
	struct virtio nic = { 0 };

	say(virtio_find(&nic, 0x1041) ? "a NIC\n" : "no NIC\n");
}

void payload_main(uint64_t info)
{
	struct virtio v = { 0 };

	interrupts_init();
	check(virtio_find(&v, 0x1044), "rng found");
	virtio_start(&v, 0x41);
	use(&v, "rng before");
	say_nic();
	say("ready\n");
	while (!(in8(0x3f8 + 5) & 1))
		__asm__ volatile("pause");
	in8(0x3f8);
	use(&v, "rng after");
	check(REG8(v.common + 20) == 15, "its driver as it was");
	check(bytes[0] | bytes[1] | bytes[2] | bytes[3], "random bytes");
	say_nic();
}
