/* SPDX-License-Identifier: Apache-2.0 */
/* Starts the second CPU by INIT and SIPI; it says so in memory. */
#include "payload.h"

enum { LAPIC = 0xfee00000, ICR_LOW = 0x300, ICR_HIGH = 0x310, INIT = 0x4500, SIPI = 0x4600, AT = 0x8000 };

void payload_main(uint64_t info)
{
	/* mov word [0x5000], 0xcafe; hlt; jmp -3 */
	static const uint8_t code[] = { 0xc7, 0x06, 0x00, 0x50, 0xfe, 0xca, 0xf4, 0xeb, 0xfd };

	interrupts_init(); /* the LAPIC is on */
	REG16(0x5000) = 0;
	for (unsigned i = 0; i < sizeof(code); i++)
		REG8(AT + i) = code[i];
	REG32(LAPIC + ICR_HIGH) = 1u << 24;
	REG32(LAPIC + ICR_LOW) = INIT;
	for (unsigned i = 0; i < 20000; i++)
		__asm__ volatile("pause");
	REG32(LAPIC + ICR_HIGH) = 1u << 24;
	REG32(LAPIC + ICR_LOW) = SIPI | AT >> 12;
	for (uint64_t i = 0; REG16(0x5000) != 0xcafe && i < 20000000; i++)
		__asm__ volatile("pause");
	check(REG16(0x5000) == 0xcafe, "the second CPU runs");
}
