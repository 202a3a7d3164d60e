/* SPDX-License-Identifier: Apache-2.0 */
#include "payload.h"

void payload_main(uint64_t info)
{
	say("reset\n");
	out8(0xcf9, 6);
	for (;;)
		;
}
