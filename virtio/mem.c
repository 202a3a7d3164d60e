/* SPDX-License-Identifier: Apache-2.0 */
#include "virtio/mem.h"

#include <stddef.h>

void *guest_mem_at(const struct guest_mem *mem, uint64_t gpa, uint64_t len)
{
	for (unsigned i = 0; i < mem->count; i++) {
		const struct guest_range *r = &mem->range[i];

		/* Below: gpa - r->gpa wraps to something larger than any range. */
		if (gpa - r->gpa < r->len && len <= r->len - (gpa - r->gpa))
			return r->host + (gpa - r->gpa);
	}
	return NULL;
}
