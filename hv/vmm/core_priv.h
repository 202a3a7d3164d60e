/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HV_VMM_CORE_PRIV_H
#define HV_VMM_CORE_PRIV_H

/* Where the guest's kernel sees its memory: what its page tables say, for a core that gdb opens. */

#include "virtio/mem.h"

#include <stddef.h>
#include <stdint.h>

struct core_run {
	uint64_t at, gpa, len; /* at: virtual */
};

/* Up to max runs, in the order of their addresses. The tables (Intel's manual, 4.5) are not
 * trusted: what is not in the memory is left out, and so is what comes after max. */
unsigned core_walk(const struct guest_mem *mem, uint64_t cr3, struct core_run *runs, unsigned max);

#endif
