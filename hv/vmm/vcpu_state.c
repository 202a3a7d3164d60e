/* SPDX-License-Identifier: Apache-2.0 */
/* What a CPU's registers hold when the guest begins. */
#include "hv/vmm/layout_priv.h"
#include "hv/vmm/vcpu_priv.h"

#include <linux/kvm.h>

enum {
	CR0_PE = 1, CR0_ET = 1 << 4, CR4_PAE = 1 << 5,
	EFER_LME = 1 << 8, EFER_LMA = 1 << 10,
	SELECTOR_64 = 0x10, SELECTOR_DATA = 0x18, SELECTOR_32 = 0x20,
	TYPE_CODE = 11, TYPE_DATA = 3, TYPE_TSS = 11,
	MSR_MISC_ENABLE = 0x1a0, MISC_FAST_STRINGS = 1,
	MSR_MTRR_DEFAULT = 0x2ff, MTRR_ENABLED = 1 << 11, WRITE_BACK = 6,
	LVT_LINT0 = 0x350, LVT_LINT1 = 0x360, LVT_EXTINT = 7 << 8, LVT_NMI = 4 << 8,
	RFLAGS_RESERVED = 2,
};
#define CR0_PG 0x80000000u

static void set_segments(struct kvm_sregs *s, bool long_mode)
{
	struct kvm_segment code = { .limit = UINT32_MAX, .type = TYPE_CODE, .present = 1, .s = 1, .g = 1,
				    .selector = long_mode ? SELECTOR_64 : SELECTOR_32,
				    .l = long_mode, .db = !long_mode };
	struct kvm_segment data = { .limit = UINT32_MAX, .type = TYPE_DATA, .present = 1, .s = 1, .g = 1,
				    .selector = SELECTOR_DATA, .db = 1 };

	s->cs = code;
	s->ds = s->es = s->fs = s->gs = s->ss = data;
	s->tr = (struct kvm_segment){ .limit = 0x67, .type = TYPE_TSS, .present = 1 };
	s->gdt = (struct kvm_dtable){ .base = BOOT_GDT, .limit = 5 * 8 - 1 };
	s->idt = (struct kvm_dtable){ 0 };
}

static int set_registers(int fd, const struct load_entry *entry)
{
	struct kvm_regs r = { .rip = entry->rip, .rflags = RFLAGS_RESERVED };
	struct kvm_sregs s;
	int code = kvm_ioctl(fd, KVM_GET_SREGS, &s);

	if (code)
		return code;
	set_segments(&s, entry->long_mode);
	s.cr0 = CR0_PE | CR0_ET;
	if (entry->long_mode) {
		s.cr0 |= CR0_PG;
		s.cr3 = BOOT_TABLES;
		s.cr4 = CR4_PAE;
		s.efer = EFER_LME | EFER_LMA;
		r.rsi = entry->info;
	} else {
		r.rbx = entry->info;
	}
	code = kvm_ioctl(fd, KVM_SET_SREGS, &s);
	return code ? code : kvm_ioctl(fd, KVM_SET_REGS, &r);
}

static int set_msrs(int fd)
{
	struct {
		struct kvm_msrs head;
		struct kvm_msr_entry entry[2];
	} m = { .head.nmsrs = 2,
		.entry = { { .index = MSR_MISC_ENABLE, .data = MISC_FAST_STRINGS },
			   { .index = MSR_MTRR_DEFAULT, .data = MTRR_ENABLED | WRITE_BACK } } };
	int n = kvm_ioctl(fd, KVM_SET_MSRS, &m);

	return n < 0 ? n : 0; /* one that this KVM does not know is left out */
}

/* The 8259s and NMIs reach the first CPU, as firmware leaves it ("virtual wire"). */
static int set_lapic(int fd)
{
	struct kvm_lapic_state l;
	int code = kvm_ioctl(fd, KVM_GET_LAPIC, &l);

	if (code)
		return code;
	*(uint32_t *)(void *)(l.regs + LVT_LINT0) = LVT_EXTINT;
	*(uint32_t *)(void *)(l.regs + LVT_LINT1) = LVT_NMI;
	return kvm_ioctl(fd, KVM_SET_LAPIC, &l);
}

int vcpu_state_set(int fd, bool first, const struct load_entry *entry, struct err *err)
{
	int code = set_msrs(fd);

	if (!code && first)
		code = set_registers(fd, entry);
	if (!code && first)
		code = set_lapic(fd);
	return code ? err_sys(err, code, "a CPU's registers") : 0;
}
