/* SPDX-License-Identifier: Apache-2.0 */
/* A guest's page tables, as a core shows its memory by them. */
#include "hv/vmm/core_priv.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { RAM = 65536, AT = 0x10000, MAX = 100 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static uint64_t ram[RAM / 8];
	const struct guest_mem mem = { 1, { { AT, RAM, (uint8_t *)ram } } };
	struct core_run run[MAX];
	unsigned n;

	memset(ram, 0, sizeof(ram));
	memcpy(ram, data, size < RAM ? size : RAM);
	n = core_walk(&mem, AT, run, MAX);
	for (unsigned i = 0; i < n; i++)
		if (run[i].gpa < AT || run[i].len > RAM || run[i].gpa + run[i].len > AT + RAM)
			abort();
	return 0;
}
