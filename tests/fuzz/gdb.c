/* SPDX-License-Identifier: Apache-2.0 */
/* What a debugger sends. A zero byte in the input is a moment for the machine to go on. */
#include "tests/unit/gdb/machine.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct machine m;
	struct buf out = { 0 };
	struct gdb *g;
	bool more = true;

	machine_init(&m);
	g = gdb_create(&machine_ops, &m, MACHINE_CPUS);
	for (size_t i = 0; i < size && more; i++) {
		if (data[i])
			more = gdb_input(g, data + i, 1, &out);
		else
			machine_run(&m, g, &out);
	}
	gdb_destroy(g);
	buf_free(&out);
	if (m.point_count)
		abort();
	return 0;
}
