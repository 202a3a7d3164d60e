/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Wires and guests send anything. Input: one byte that says where it arrives, then the frame.
 * Whatever happens, no packet of vnet 1 leaves by vnet 2, and none is lost or leaked.
 */
#include "tests/unit/dataplane/lab.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static uint8_t out[FRAME_MAX];
	static bool built;
	struct engine *e = lab_engine();
	uint32_t port;

	if (!built)
		lab_build(e);
	built = true;
	if (size < 2 || size > FRAME_MAX)
		return 0;
	port = 101 + data[0] % 10;
	e->workers[0]->now += e->workers[0]->hz / 100;
	/* Frames shorter than an Ethernet header do not get past a backing or a device. */
	if (data[0] & 0x80 && size > 14)
		lab_wire(e, port, data + 1, size - 1);
	else
		lab_backing(e, port, data + 1, size - 1);
	while (lab_take(e, out, sizeof(out), &port))
		if (port / 100 != 1)
			abort();
	if (rte_mempool_in_use_count(e->small) || rte_mempool_in_use_count(e->jumbo))
		abort();
	return 0;
}
