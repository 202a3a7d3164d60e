/* SPDX-License-Identifier: Apache-2.0 */
/* A kernel's file of any kind, put into a memory between pages that fault. */
#include "hv/vmm/load_priv.h"
#include "tests/unit/virtio/driver.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const uint8_t initrd[5000];
	static struct ram ram;
	struct load_conf conf = { data, size, initrd, sizeof(initrd), "quiet", 0xe0000 };
	struct load_entry entry;
	struct guest_mem mem;

	if (!ram.host)
		ram_init_size(&ram, 4 << 20);
	mem = ram.mem;
	load_boot(&mem, &conf, &entry, NULL);
	mem.range[0].len = 1 << 20; /* too small */
	load_boot(&mem, &conf, &entry, NULL);
	return 0;
}
