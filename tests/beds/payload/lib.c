/* SPDX-License-Identifier: Apache-2.0 */
#include "payload.h"

enum { SERIAL = 0x3f8, PM_CONTROL = 0x604, S5 = 5 << 10 | 1 << 13, PCI_ADDRESS = 0xcf8, PCI_DATA = 0xcfc };

void say(const char *text)
{
	while (*text)
		out8(SERIAL, (uint8_t)*text++);
}

void say_number(uint64_t n)
{
	char text[17] = "0000000000000000";

	for (int i = 15; i >= 0; i--, n >>= 4)
		text[i] = "0123456789abcdef"[n & 15];
	say(text);
}

void power_off(void)
{
	out16(PM_CONTROL, S5);
	for (;;)
		__asm__ volatile("pause");
}

void check(int ok, const char *what)
{
	say(ok ? "ok " : "FAILED ");
	say(what);
	say("\n");
	if (!ok)
		power_off();
}

uint32_t pci_read(unsigned function, unsigned at)
{
	out32(PCI_ADDRESS, 0x80000000u | function << 8 | at);
	return in32(PCI_DATA);
}

void pci_write(unsigned function, unsigned at, uint32_t value)
{
	out32(PCI_ADDRESS, 0x80000000u | function << 8 | at);
	out32(PCI_DATA, value);
}
