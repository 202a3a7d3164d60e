/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HV_VMM_MEMORY_PRIV_H
#define HV_VMM_MEMORY_PRIV_H

/* The guest's memory, below the hole for devices and above 4 GiB. It is this process's own, in pages
 * of 2 MiB where the host has them; or, if others are to map it, a memfd that is sealed in its size,
 * so that no mapping of it can fault, in pages of 4 KiB, or of those of 2 MiB that the host has set
 * aside (/proc/sys/vm/nr_hugepages). That of a machine that goes on from a saved
 * one is the saved memory, which is sealed against all change and mapped private: a page is copied
 * when it is written. */

#include "base/err.h"
#include "virtio/mem.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct memory {
	int fd;	   /* -1: it is no file */
	bool copy; /* private; fd is what was saved */
	bool huge; /* of the host's huge pages */
	uint64_t size;
	uint8_t *host; /* all of it, in one piece */
	struct guest_mem ranges;
};

enum memory_kind { MEMORY_OWN, MEMORY_SHARED, MEMORY_SHARED_HUGE };

/* With MEMORY_SHARED_HUGE: -ENOMEM if not so many huge pages are free; else they are kept for it. */
int memory_create(struct memory *m, uint64_t size, enum memory_kind kind, struct err *err);
/* On top of ram, of `size` bytes, which stays the caller's: as it is if it is sealed, else
 * a copy. */
int memory_create_from(struct memory *m, uint64_t size, int ram, struct err *err);
/* The guest has no use for what is in these bytes: whole pages go back to the host. What it finds
 * there later are zeroes, or what the machine went on from. Huge pages stay: nobody kept one for the guest's
 * return. */
void memory_give_back(struct memory *m, void *at, size_t len);
void memory_destroy(struct memory *m);

/* Others can map it. */
static inline bool memory_is_shared(const struct memory *m)
{
	return m->fd >= 0 && !m->copy;
}

#endif
