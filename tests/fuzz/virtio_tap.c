/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/fuzz/virtio_program.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static int alone = -1;

	if (alone < 0)
		alone = lab_alone();
	if (alone)
		program_run(LAB_TAP, data, size);
	return 0;
}
