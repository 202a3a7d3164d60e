/* SPDX-License-Identifier: Apache-2.0 */
/* The generation ID: a guest that sees another one than before knows that it is a copy, and that
 * its random numbers are those of others. dsdt.asl tells where it is. */
#include "hv/vmm/vmm_priv.h"

#include "hv/vmm/layout_priv.h"

#include <errno.h>
#include <sys/random.h>

int generation_renew(struct vmm *m, struct err *err)
{
	void *id = guest_mem_at(&m->memory.ranges, GENERATION_ID, GENERATION_ID_BYTES);

	if (!id || getrandom(id, GENERATION_ID_BYTES, 0) != GENERATION_ID_BYTES)
		return err_set(err, -EIO, "there are no random numbers for the generation ID");
	return 0;
}

void generation_tell(struct vmm *m)
{
	kvm_line(&m->kvm, IRQ_GENERATION, true);
	kvm_line(&m->kvm, IRQ_GENERATION, false);
}
