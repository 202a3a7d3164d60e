/* SPDX-License-Identifier: Apache-2.0 */
/* A CPU as a saved machine keeps it: what KVM tells of it, in KVM's own structs. KVM checks what it
 * is given back; that there is enough of it is checked here. */
#include "hv/vmm/vcpu_priv.h"

#include <assert.h>
#include <errno.h>
#include <linux/kvm.h>
#include <string.h>
#include <sys/ioctl.h>

enum { MSRS_MAX = 512, XSAVE_MIN = 4096 };

/* In the order in which they are set: the LAPIC before its timer, which is an MSR; events last. */
static const struct part {
	unsigned long get, set;
	uint32_t size;
	int needs; /* capability; 0: always there */
} parts[] = {
	{ KVM_GET_REGS, KVM_SET_REGS, sizeof(struct kvm_regs), 0 },
	{ KVM_GET_SREGS, KVM_SET_SREGS, sizeof(struct kvm_sregs), 0 },
	{ KVM_GET_XCRS, KVM_SET_XCRS, sizeof(struct kvm_xcrs), KVM_CAP_XCRS },
	{ KVM_GET_DEBUGREGS, KVM_SET_DEBUGREGS, sizeof(struct kvm_debugregs), KVM_CAP_DEBUGREGS },
	{ KVM_GET_LAPIC, KVM_SET_LAPIC, sizeof(struct kvm_lapic_state), 0 },
};

struct one_msr {
	struct kvm_msrs head;
	struct kvm_msr_entry entry;
};

enum { PARTS = sizeof(parts) / sizeof(parts[0]), PART_MAX = sizeof(struct kvm_lapic_state) };

static_assert(sizeof(struct kvm_sregs) <= PART_MAX && sizeof(struct kvm_xcrs) <= PART_MAX,
	      "PART_MAX");

static bool has(struct kvm *kvm, const struct part *p)
{
	return !p->needs || kvm_has(kvm, p->needs);
}

static void save_msrs(struct kvm *kvm, int fd, struct buf *out)
{
	struct {
		struct kvm_msr_list head;
		uint32_t index[MSRS_MAX];
	} list = { .head.nmsrs = MSRS_MAX };
	size_t at = out->len;
	uint32_t count = 0;

	buf_u32(out, 0);
	buf_u32(out, 0);
	if (kvm_ioctl(kvm->sys, KVM_GET_MSR_INDEX_LIST, &list) < 0)
		list.head.nmsrs = 0;
	for (unsigned i = 0; i < list.head.nmsrs; i++) {
		struct one_msr m = { { .nmsrs = 1 }, { .index = list.index[i] } };

		if (kvm_ioctl(fd, KVM_GET_MSRS, &m) != 1) /* it lists some that this CPU has not */
			continue;
		buf_put(out, &m.entry, sizeof(m.entry));
		count++;
	}
	if (!out->bad)
		memcpy(out->data + at, &count, sizeof(count));
}

static int load_msrs(int fd, struct rd *in, struct err *err)
{
	uint32_t count = rd_u32(in);

	rd_u32(in);
	for (uint32_t i = 0; i < count && !in->bad; i++) {
		struct one_msr m = { { .nmsrs = 1 }, { 0 } };

		rd_copy(in, &m.entry, sizeof(m.entry));
		if (!in->bad && kvm_ioctl(fd, KVM_SET_MSRS, &m) != 1)
			return err_set(err, -EBADMSG, "its MSR 0x%x cannot be set", m.entry.index);
	}
	return 0;
}

/* Extended state, of the size that this processor's has. */
static uint32_t xsave_size(struct kvm *kvm)
{
	int n = ioctl(kvm->vm, KVM_CHECK_EXTENSION, KVM_CAP_XSAVE2);

	return n > XSAVE_MIN ? (uint32_t)n : XSAVE_MIN;
}

static int save_xsave(struct kvm *kvm, int fd, struct buf *out)
{
	uint32_t size = xsave_size(kvm);
	void *to = buf_reserve(out, size);

	if (!to)
		return -ENOMEM;
	return kvm_ioctl(fd, size > XSAVE_MIN ? KVM_GET_XSAVE2 : KVM_GET_XSAVE, to);
}

/* KVM reads as much as xsave_size() says. */
static int load_xsave(struct kvm *kvm, int fd, struct rd *in)
{
	const uint8_t *bytes = rd_bytes(in, xsave_size(kvm));

	return bytes ? kvm_ioctl(fd, KVM_SET_XSAVE, (void *)(uintptr_t)bytes) : -EBADMSG;
}

int vcpu_save(struct kvm *kvm, int fd, unsigned index, unsigned count, struct buf *out)
{
	struct kvm_mp_state mp = { 0 };
	struct kvm_vcpu_events events = { 0 };
	int code = cpuid_save(kvm, index, count, out);

	if (!code)
		code = kvm_ioctl(fd, KVM_GET_MP_STATE, &mp);
	buf_put(out, &mp, sizeof(mp));
	buf_u32(out, 0);
	for (unsigned i = 0; i < PARTS && !code; i++) {
		void *to = buf_reserve(out, parts[i].size);

		if (to && has(kvm, &parts[i]))
			code = kvm_ioctl(fd, parts[i].get, to);
	}
	if (!code)
		code = save_xsave(kvm, fd, out);
	if (!code)
		save_msrs(kvm, fd, out);
	if (!code)
		code = kvm_ioctl(fd, KVM_GET_VCPU_EVENTS, &events);
	buf_put(out, &events, sizeof(events));
	return code ? code : out->bad ? -ENOMEM : 0;
}

/* A copy that is aligned, of bytes that the cursor has. */
static int load_part(struct kvm *kvm, int fd, const struct part *p, struct rd *in)
{
	uint64_t copy[PART_MAX / 8 + 1];

	rd_copy(in, copy, p->size);
	if (in->bad)
		return -EBADMSG;
	return has(kvm, p) ? kvm_ioctl(fd, p->set, copy) : 0;
}

int vcpu_load(struct kvm *kvm, int fd, unsigned index, unsigned count, struct rd *in,
	      struct err *err)
{
	struct kvm_vcpu_events events;
	struct kvm_mp_state mp;
	int code = cpuid_check(kvm, index, count, in, err);

	if (code)
		return code;
	rd_copy(in, &mp, sizeof(mp));
	rd_u32(in);
	code = in->bad ? -EBADMSG : kvm_ioctl(fd, KVM_SET_MP_STATE, &mp);
	for (unsigned i = 0; i < PARTS && !code; i++)
		code = load_part(kvm, fd, &parts[i], in);
	if (!code)
		code = load_xsave(kvm, fd, in);
	if (code)
		return err_sys(err, code, "its registers cannot be set");
	code = load_msrs(fd, in, err);
	if (code)
		return code;
	rd_copy(in, &events, sizeof(events));
	code = in->bad ? -EBADMSG : kvm_ioctl(fd, KVM_SET_VCPU_EVENTS, &events);
	return code ? err_sys(err, code, "its events cannot be set") : 0;
}
