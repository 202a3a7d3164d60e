/* SPDX-License-Identifier: Apache-2.0 */
#ifndef VIRTIO_MEM_H
#define VIRTIO_MEM_H

/* A guest's memory as the machine mapped it. The guest writes to it at any time: what is read here
 * is fetched once into a local copy, checked there and used from there. */

#include <stdint.h>

#define GUEST_MEM_RANGES 4

struct guest_range {
	uint64_t gpa, len;
	uint8_t *host;
};

/* Ranges do not overlap. */
struct guest_mem {
	unsigned count;
	struct guest_range range[GUEST_MEM_RANGES];
};

/* The len bytes at gpa, or NULL unless all of them lie in one range. */
void *guest_mem_at(const struct guest_mem *mem, uint64_t gpa, uint64_t len);

#endif
