/* SPDX-License-Identifier: Apache-2.0 */
/* Echoes what it hears on the serial line, and counts in memory meanwhile; never ends. */
#include "payload.h"

volatile uint64_t turns;
const char greeting[] = "loop\n";

void payload_main(uint64_t info)
{
	say(greeting);
	for (;;) {
		turns++;
		if (in8(0x3f8 + 5) & 1)
			out8(0x3f8, in8(0x3f8));
	}
}
