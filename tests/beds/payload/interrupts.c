/* SPDX-License-Identifier: Apache-2.0 */
#include "payload.h"

enum { VECTOR = 0x40, LAPIC = 0xfee00000, EOI = 0xb0, SPURIOUS = 0xf0, ENABLED = 0x100, CODE = 0x10,
       GATE = 0x8e00 };

volatile uint32_t interrupts[4];

struct frame;

#define HANDLER(n)                                                                                 \
	static __attribute__((interrupt)) void handler##n(struct frame *f)                         \
	{                                                                                          \
		interrupts[n]++;                                                                   \
		REG32(LAPIC + EOI) = 0;                                                            \
	}

HANDLER(0)
HANDLER(1)
HANDLER(2)
HANDLER(3)

static struct gate {
	uint16_t low, selector, type, middle;
	uint32_t high, zero;
} idt[256] __attribute__((aligned(16)));

void interrupts_init(void)
{
	void (*const handlers[])(struct frame *) = { handler0, handler1, handler2, handler3 };
	struct { uint16_t limit; uint64_t base; } __attribute__((packed)) table = { sizeof(idt) - 1,
										   (uintptr_t)idt };

	for (unsigned i = 0; i < 4; i++) {
		uint64_t at = (uintptr_t)handlers[i];

		idt[VECTOR + i] = (struct gate){ (uint16_t)at, CODE, GATE, (uint16_t)(at >> 16),
						 (uint32_t)(at >> 32), 0 };
	}
	out8(0x21, 0xff); /* the 8259s keep quiet */
	out8(0xa1, 0xff);
	REG32(LAPIC + SPURIOUS) = ENABLED | 0xff;
	__asm__ volatile("lidt %0; sti" : : "m"(table));
}
