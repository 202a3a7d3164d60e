/* SPDX-License-Identifier: Apache-2.0 */
/* An exception without a table to handle it. */
#include "payload.h"

void payload_main(uint64_t info)
{
	static const struct { uint16_t limit; uint64_t base; } __attribute__((packed)) none;

	say("triple\n");
	__asm__ volatile("lidt %0; ud2" : : "m"(none));
}
