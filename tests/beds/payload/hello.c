/* SPDX-License-Identifier: Apache-2.0 */
/* The ports: serial, clock, ACPI; memory that is not there; switches itself off. */
#include "payload.h"

void payload_main(uint64_t info)
{
	say("hello\n");
	check(info != 0, "the loader's information");
	check(in8(0x3f8 + 5) == 0x60, "serial line status");
	check(in8(0x80) == 0xff && in16(0x3000) == 0xffff && in32(0x3000) == 0xffffffff, "no such port");
	check(REG32(0xd0000000) == 0xffffffff && REG8(0xcfffffff) == 0xff, "no such memory");
	REG32(0xd0000000) = 1;
	out8(0x70, 0x0d);
	check(in8(0x71) == 0x80, "clock");
	check(in16(0x604) & 1, "ACPI is on");
	check(in8(0x505) == 1, "pvpanic is there");
	check(pci_read(0, 0) == 0x00081b36, "host bridge");
	check(pci_read(31 << 3, 0) == 0xffffffff, "no such function");
	say("bye\n");
}
