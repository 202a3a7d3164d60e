/* SPDX-License-Identifier: Apache-2.0 */
/* ports.yml: what is read is as the engine's records hold it. */
#include "control/ports_yml.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct ports_yml yml = { 0 };
	struct err err = { { 0 } };

	if (ports_yml_load("f", (const char *)data, size, &yml, &err)) {
		if (!err.text[0] || yml.ports)
			abort();
		return 0;
	}
	for (unsigned i = 0; i < yml.count; i++) {
		const struct ports_conf *p = &yml.ports[i];

		if (ports_yml_find(&yml, p->name) != p || !p->device[0] == !p->interface[0] ||
		    strpbrk(p->interface, ", ") || (p->driver == PORTS_DPDK) != !!p->device[0])
			abort();
	}
	ports_yml_free(&yml);
	return 0;
}
