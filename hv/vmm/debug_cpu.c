/* SPDX-License-Identifier: Apache-2.0 */
/* What a debugger does with a CPU, in terms of KVM. */
#include "hv/vmm/debugger_priv.h"

#include "hv/vmm/kvm_priv.h"
#include "virtio/mem.h"

#include <errno.h>
#include <linux/kvm.h>
#include <string.h>

enum { PAGE = 4096, BREAKPOINT = 3 };

#define CR0_PG (1u << 31)

/* In the order of struct gdb_registers. */
static void general(struct kvm_regs *k, __u64 *at[16])
{
	__u64 *const order[16] = { &k->rax, &k->rbx, &k->rcx, &k->rdx, &k->rsi, &k->rdi,
				      &k->rbp, &k->rsp, &k->r8,  &k->r9,  &k->r10, &k->r11,
				      &k->r12, &k->r13, &k->r14, &k->r15 };

	memcpy(at, order, sizeof(order));
}

struct state {
	struct kvm_regs regs;
	struct kvm_sregs sregs;
	struct kvm_fpu fpu;
};

static int get(int fd, struct state *s)
{
	int code = kvm_ioctl(fd, KVM_GET_REGS, &s->regs);

	if (code >= 0)
		code = kvm_ioctl(fd, KVM_GET_SREGS, &s->sregs);
	if (code >= 0)
		code = kvm_ioctl(fd, KVM_GET_FPU, &s->fpu);
	return code < 0 ? code : 0;
}

static struct gdb_registers shown(struct state *s)
{
	const struct kvm_sregs *k = &s->sregs;
	const struct kvm_fpu *f = &s->fpu;
	struct gdb_registers out = {
		.rip = s->regs.rip,
		.eflags = (uint32_t)s->regs.rflags,
		.segment = { k->cs.selector, k->ss.selector, k->ds.selector, k->es.selector,
			     k->fs.selector, k->gs.selector },
		.x87 = { f->fcw, f->fsw, f->ftwx, 0, (uint32_t)f->last_ip, 0, (uint32_t)f->last_dp,
			 f->last_opcode },
		.fs_base = k->fs.base,
		.gs_base = k->gs.base,
	};
	__u64 *at[16];

	general(&s->regs, at);
	for (unsigned i = 0; i < 16; i++)
		out.general[i] = *at[i];
	for (unsigned i = 0; i < 8; i++)
		memcpy(out.st[i], f->fpr[i], sizeof(out.st[i]));
	return out;
}

int debug_registers(int fd, struct gdb_registers *out)
{
	struct state s;
	int code = get(fd, &s);

	if (!code)
		*out = shown(&s);
	return code;
}

int debug_set_registers(int fd, const struct gdb_registers *regs)
{
	struct gdb_registers now;
	__u64 *at[16];
	struct state s;
	int code = get(fd, &s);

	if (code)
		return code;
	now = shown(&s);
	if (memcmp(now.segment, regs->segment, sizeof(now.segment)) ||
	    memcmp(now.st, regs->st, sizeof(now.st)) || memcmp(now.x87, regs->x87, sizeof(now.x87)))
		return -ENOTSUP;
	general(&s.regs, at);
	for (unsigned i = 0; i < 16; i++)
		*at[i] = regs->general[i];
	s.regs.rip = regs->rip;
	s.regs.rflags = regs->eflags;
	code = kvm_ioctl(fd, KVM_SET_REGS, &s.regs);
	if (code < 0 || (now.fs_base == regs->fs_base && now.gs_base == regs->gs_base))
		return code < 0 ? code : 0;
	s.sregs.fs.base = regs->fs_base;
	s.sregs.gs.base = regs->gs_base;
	code = kvm_ioctl(fd, KVM_SET_SREGS, &s.sregs);
	return code < 0 ? code : 0;
}

uint8_t *debug_at(int fd, const struct guest_mem *mem, uint64_t at, uint64_t *room)
{
	struct kvm_translation t = { .linear_address = at };
	struct kvm_sregs s;

	*room = PAGE - at % PAGE;
	if (kvm_ioctl(fd, KVM_GET_SREGS, &s) < 0)
		return NULL;
	if (!(s.cr0 & CR0_PG))
		return guest_mem_at(mem, at, *room);
	if (kvm_ioctl(fd, KVM_TRANSLATE, &t) < 0 || !t.valid)
		return NULL;
	return guest_mem_at(mem, t.physical_address, *room);
}

/* Intel's manual, 17.2.4: a local enable bit, then what and how long from bit 16 on. */
static uint64_t dr7_of(const struct debug_point *p, unsigned i)
{
	static const uint8_t what[] = { [GDB_HARDWARE] = 0, [GDB_WRITE] = 1, [GDB_READ] = 3,
					[GDB_ACCESS] = 3 };
	static const uint8_t lengths[] = { [1] = 0, [2] = 1, [4] = 3, [8] = 2 };
	uint64_t len = p->kind == GDB_HARDWARE ? 0 : lengths[p->len];

	return 1ull << 2 * i | (what[p->kind] | len << 2) << (16 + 4 * i);
}

int debug_arm(int fd, const struct debug_point *points, unsigned count, bool software, bool step)
{
	struct kvm_guest_debug d = { 0 };
	int code;

	for (unsigned i = 0; i < count; i++) {
		d.arch.debugreg[i] = points[i].at;
		d.arch.debugreg[7] |= dr7_of(&points[i], i);
	}
	if (count)
		d.control |= KVM_GUESTDBG_ENABLE | KVM_GUESTDBG_USE_HW_BP;
	if (software)
		d.control |= KVM_GUESTDBG_ENABLE | KVM_GUESTDBG_USE_SW_BP;
	if (step)
		d.control |= KVM_GUESTDBG_ENABLE | KVM_GUESTDBG_SINGLESTEP;
	code = kvm_ioctl(fd, KVM_SET_GUEST_DEBUG, &d);
	return code < 0 ? code : 0;
}

int debug_give_back(int fd)
{
	struct kvm_vcpu_events e;
	int code = kvm_ioctl(fd, KVM_GET_VCPU_EVENTS, &e);

	if (code < 0)
		return code;
	e.exception.injected = 1;
	e.exception.nr = BREAKPOINT;
	e.exception.has_error_code = 0;
	code = kvm_ioctl(fd, KVM_SET_VCPU_EVENTS, &e);
	return code < 0 ? code : 0;
}
