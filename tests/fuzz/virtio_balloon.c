/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/fuzz/virtio_program.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	program_run(LAB_BALLOON, data, size);
	return 0;
}
