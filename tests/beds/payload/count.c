/* SPDX-License-Identifier: Apache-2.0 */
/* Says how often it has said so, without end. Where the count is in memory differs from what it
 * says only while it says it. */
#include "payload.h"

volatile uint64_t count;

void payload_main(uint64_t info)
{
	for (;;) {
		say_number(count++);
		say("\n");
	}
}
