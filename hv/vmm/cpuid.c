/* SPDX-License-Identifier: Apache-2.0 */
/* What a guest's CPU says it is: what KVM supports, less what a router's guest has no use for and
 * what would tell it about the host, with a topology of `count` single cores. */
#include "hv/vmm/vcpu_priv.h"

#include <errno.h>
#include <linux/kvm.h>
#include <stdlib.h>
#include <string.h>

enum { ENTRIES_MAX = 256 };

#define BIT(n) (1u << (n))

/* Leaf 1, ECX. */
#define VMX	     BIT(5)
#define PDCM	     BIT(15)
#define TSC_DEADLINE BIT(24)
#define HYPERVISOR   BIT(31)
/* Leaf 1, EDX. */
#define HTT BIT(28)
/* Leaf 7, EBX. */
#define SGX BIT(2)
/* Leaf 0x80000001, ECX. */
#define SVM		BIT(2)
#define PERFCTR_CORE	BIT(23)
#define TOPOLOGY_EXT	BIT(22)

static void basic(struct kvm_cpuid_entry2 *e, unsigned index, unsigned count, bool deadline)
{
	e->ecx &= ~(VMX | PDCM);
	e->ecx |= HYPERVISOR | (deadline ? TSC_DEADLINE : 0);
	e->edx = count > 1 ? e->edx | HTT : e->edx & ~HTT;
	e->ebx = (e->ebx & 0xffff) | count << 16 | index << 24;
}

/* Extended topology: one thread a core, all cores in one package. */
static void topology(struct kvm_cpuid_entry2 *e, unsigned index, unsigned count)
{
	enum { SMT = 1, CORE = 2, BITS = 3 };

	e->eax = e->index == 1 ? BITS : 0;
	e->ebx = e->index == 0 ? 1 : e->index == 1 ? count : 0;
	e->ecx = e->index | (e->index == 0 ? SMT << 8 : e->index == 1 ? CORE << 8 : 0);
	e->edx = index;
}

static void filter(struct kvm_cpuid_entry2 *e, unsigned index, unsigned count, bool deadline)
{
	switch (e->function) {
	case 1:
		basic(e, index, count, deadline);
		break;
	case 4: /* caches: each CPU its own, as many cores as CPUs */
		e->eax = (e->eax & 0x3fff) | (e->eax ? (count - 1) << 26 : 0);
		break;
	case 7:
		if (e->index == 0)
			e->ebx &= ~SGX;
		break;
	case 0xa: /* performance counters: none */
	case 0x12: /* SGX */
		e->eax = e->ebx = e->ecx = e->edx = 0;
		break;
	case 0xb:
	case 0x1f:
		topology(e, index, count);
		break;
	case 0x80000001:
		e->ecx &= ~(SVM | PERFCTR_CORE | TOPOLOGY_EXT);
		break;
	case 0x80000008: /* AMD: cores of the package */
		e->ecx = (e->ecx & ~0xffu) | (count - 1);
		break;
	default:
		break;
	}
}

/* The caller frees. */
static int make(struct kvm *kvm, unsigned index, unsigned count, struct kvm_cpuid2 **out)
{
	struct kvm_cpuid2 *c = calloc(1, sizeof(*c) + ENTRIES_MAX * sizeof(c->entries[0]));
	bool deadline = kvm_has(kvm, KVM_CAP_TSC_DEADLINE_TIMER);
	int code;

	*out = c;
	if (!c)
		return -ENOMEM;
	c->nent = ENTRIES_MAX;
	code = kvm_ioctl(kvm->sys, KVM_GET_SUPPORTED_CPUID, c);
	for (unsigned i = 0; !code && i < c->nent; i++)
		filter(&c->entries[i], index, count, deadline);
	return code;
}

int cpuid_set(struct kvm *kvm, int vcpu_fd, unsigned index, unsigned count, struct err *err)
{
	struct kvm_cpuid2 *c;
	int code = make(kvm, index, count, &c);

	if (!code)
		code = kvm_ioctl(vcpu_fd, KVM_SET_CPUID2, c);
	free(c);
	return code ? err_sys(err, code, "CPUID") : 0;
}

int cpuid_save(struct kvm *kvm, unsigned index, unsigned count, struct buf *out)
{
	struct kvm_cpuid2 *c;
	int code = make(kvm, index, count, &c);

	if (!code) {
		buf_u32(out, c->nent);
		buf_put(out, c->entries, c->nent * sizeof(c->entries[0]));
	}
	free(c);
	return code;
}

int cpuid_check(struct kvm *kvm, unsigned index, unsigned count, struct rd *in, struct err *err)
{
	struct kvm_cpuid2 *c;
	int code = make(kvm, index, count, &c);
	uint32_t entries = rd_u32(in);
	const uint8_t *saved;

	if (code) {
		free(c);
		return err_sys(err, code, "CPUID");
	}
	saved = entries == c->nent ? rd_bytes(in, entries * sizeof(c->entries[0])) : NULL;
	if (!saved || memcmp(saved, c->entries, entries * sizeof(c->entries[0])) != 0)
		code = err_set(err, -EBADMSG, "it was saved on another processor, or another KVM");
	free(c);
	return code;
}
