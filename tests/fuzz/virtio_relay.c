/* SPDX-License-Identifier: Apache-2.0 */
/* A NIC with several pairs of queues, and so with a control queue and steering. */
#include "tests/fuzz/virtio_program.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	program_run(LAB_RELAY, data, size);
	return 0;
}
