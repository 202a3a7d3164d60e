/* SPDX-License-Identifier: Apache-2.0 */
#include "payload.h"

void payload_main(uint64_t info)
{
	say("panic\n");
	out8(0x505, 1);
	for (;;)
		;
}
