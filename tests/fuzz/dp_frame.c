/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Wires and guests send anything. Input: one byte that says where it arrives (and whether the
 * guest sleeps, and whether an ICMPv6 checksum is put right), then the frame. Whatever happens, no
 * packet of vnet 1 leaves by vnet 2, and none is lost or leaked; a guest that sleeps gets none.
 */
#include "tests/unit/dataplane/lab.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void build(struct engine *e)
{
	lab_build(e);
	lab_local(e, 1, 4, (uint8_t[]){ 10, 9, 0, 254 });
	lab_local(e, 1, 6, (uint8_t[16]){ 0xfd, 9, [15] = 0xfe });
	lab_local(e, 1, 6, (uint8_t[16]){ 0xfe, 0x80, [7] = 103, [15] = 5 });
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static uint8_t out[FRAME_MAX], frame[FRAME_MAX];
	static bool built;
	struct engine *e = lab_engine();
	bool asleep;
	uint32_t port;

	if (!built)
		build(e);
	built = true;
	if (size < 2 || size > FRAME_MAX)
		return 0;
	port = 101 + data[0] % 10;
	asleep = data[0] & 0x40;
	lab_node_flags(e, 1, asleep ? DP_NODE_ASLEEP : 0);
	memcpy(frame, data + 1, size - 1);
	if (data[0] & 0x20 && size - 1 >= 58)
		lab_icmp6_sum(frame, size - 1);
	e->workers[0]->now += e->workers[0]->hz / 100;
	/* Frames shorter than an Ethernet header do not get past a backing or a device. */
	if (data[0] & 0x80 && size > 14)
		lab_wire(e, port, frame, size - 1);
	else
		lab_backing(e, port, frame, size - 1);
	while (lab_take(e, out, sizeof(out), &port))
		if (port / 100 != 1 || (asleep && (port == 103 || port == 104)))
			abort();
	if (rte_mempool_in_use_count(e->small) || rte_mempool_in_use_count(e->jumbo))
		abort();
	return 0;
}
