/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HV_VMM_MEMORY_PRIV_H
#define HV_VMM_MEMORY_PRIV_H

/* The guest's memory: a memfd that is sealed in its size, so that no mapping of it can fault, below
 * the hole for devices and above 4 GiB. */

#include "base/err.h"
#include "virtio/mem.h"

#include <stdint.h>

struct memory {
	int fd;
	uint64_t size;
	uint8_t *host; /* all of it, in one piece */
	struct guest_mem ranges;
};

int memory_create(struct memory *m, uint64_t size, struct err *err);
void memory_destroy(struct memory *m);

#endif
