/* SPDX-License-Identifier: Apache-2.0 */
/* KVM's chips as a saved machine keeps them, in KVM's own structs. */
#include "hv/vmm/kvm_priv.h"

#include <errno.h>
#include <linux/kvm.h>

/* Interrupts that messages make have no state here: each is sent anew by who sent it. */
int kvm_save(struct kvm *k, uint64_t clock, struct buf *out)
{
	struct kvm_pit_state2 pit = { 0 };
	int code = kvm_ioctl(k->vm, KVM_GET_PIT2, &pit);

	for (unsigned i = 0; i < KVM_NR_IRQCHIPS && !code; i++) {
		struct kvm_irqchip chip = { .chip_id = i };

		code = kvm_ioctl(k->vm, KVM_GET_IRQCHIP, &chip);
		buf_put(out, &chip, sizeof(chip));
	}
	buf_put(out, &pit, sizeof(pit));
	buf_u64(out, clock);
	return code ? code : out->bad ? -ENOMEM : 0;
}

int kvm_load(struct kvm *k, uint64_t *clock, struct rd *in, struct err *err)
{
	struct kvm_pit_state2 pit;
	int code = 0;

	for (unsigned i = 0; i < KVM_NR_IRQCHIPS && !code; i++) {
		struct kvm_irqchip chip;

		rd_copy(in, &chip, sizeof(chip));
		code = in->bad || chip.chip_id != i ? -EBADMSG :
			kvm_ioctl(k->vm, KVM_SET_IRQCHIP, &chip);
	}
	rd_copy(in, &pit, sizeof(pit));
	*clock = rd_u64(in);
	if (!code)
		code = in->bad ? -EBADMSG : kvm_ioctl(k->vm, KVM_SET_PIT2, &pit);
	return code ? err_sys(err, code, "its interrupt controllers cannot be set") : 0;
}
