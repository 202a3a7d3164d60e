/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A machine as an ELF core: registers of each CPU as those of a thread, and all memory. Addresses
 * are those of the first CPU's page tables; behind them, for what these do not name, guest-physical
 * ones.
 */
#include "hv/vmm/core_priv.h"
#include "hv/vmm/saved_priv.h"

#include <elf.h>
#include <errno.h>
#include <linux/kvm.h>
#include <stdlib.h>
#include <string.h>
#include <sys/procfs.h>
#include <unistd.h>

enum { RUNS_MAX = 4096, PAGE = 4096 };

#define CR0_PG	 (1ull << 31)
#define CR4_LA57 (1ull << 12)
#define EFER_LMA (1ull << 10)

struct cpu {
	struct kvm_regs regs;
	struct kvm_sregs sregs;
};

static int get(struct vmm *m, unsigned i, struct cpu *out)
{
	int fd = vcpus_fd(m->vcpus, i), code = kvm_ioctl(fd, KVM_GET_REGS, &out->regs);

	return code ? code : kvm_ioctl(fd, KVM_GET_SREGS, &out->sregs);
}

int vmm_registers(struct vmm *m, unsigned i, struct vmm_registers *out)
{
	bool running = m->running;
	struct cpu c = { 0 };
	int code;

	if (i >= m->cpus)
		return -ENOENT;
	vmm_pause(m);
	code = get(m, i, &c);
	if (running)
		vmm_run(m);
#define X(name) c.regs.name,
#define S(name, value) c.sregs.value,
	*out = (struct vmm_registers){ { VMM_GENERAL_REGISTERS(X) VMM_SYSTEM_REGISTERS(S) } };
#undef S
#undef X
	return code;
}

/* The layout of a thread's note on x86-64. */
static void put_cpu(struct buf *out, unsigned i, const struct cpu *c)
{
	const Elf64_Nhdr head = { 5, sizeof(struct elf_prstatus), NT_PRSTATUS };
	const struct kvm_regs *r = &c->regs;
	const struct kvm_sregs *s = &c->sregs;
	const struct user_regs_struct u = {
		.rax = r->rax, .rbx = r->rbx, .rcx = r->rcx, .rdx = r->rdx,
		.rsi = r->rsi, .rdi = r->rdi, .rbp = r->rbp, .rsp = r->rsp,
		.r8 = r->r8, .r9 = r->r9, .r10 = r->r10, .r11 = r->r11,
		.r12 = r->r12, .r13 = r->r13, .r14 = r->r14, .r15 = r->r15, .orig_rax = UINT64_MAX,
		.rip = r->rip, .eflags = r->rflags, .cs = s->cs.selector, .ss = s->ss.selector,
		.ds = s->ds.selector, .es = s->es.selector,
		.fs = s->fs.selector, .gs = s->gs.selector,
		.fs_base = s->fs.base, .gs_base = s->gs.base,
	};
	struct elf_prstatus p = { .pr_pid = (pid_t)i + 1 };

	_Static_assert(sizeof(u) == sizeof(p.pr_reg), "registers of a thread");
	memcpy(&p.pr_reg, &u, sizeof(u));
	buf_put(out, &head, sizeof(head));
	buf_put(out, "CORE\0\0\0", 8);
	buf_put(out, &p, sizeof(p));
}

static void put_segment(struct buf *out, const struct memory *m, uint64_t memory_at,
			const struct core_run *r)
{
	const uint8_t *host = guest_mem_at(&m->ranges, r->gpa, r->len);
	const Elf64_Phdr p = { .p_type = PT_LOAD, .p_flags = PF_R | PF_W | PF_X, .p_vaddr = r->at,
			       .p_paddr = r->gpa, .p_filesz = r->len, .p_memsz = r->len,
			       .p_align = PAGE,
			       .p_offset = memory_at + (uint64_t)(host - m->host) };

	buf_put(out, &p, sizeof(p));
}

/* Runs that the page tables name, then all ranges as they are. */
static unsigned find_runs(const struct vmm *m, const struct cpu *first, struct core_run *runs)
{
	const struct kvm_sregs *s = &first->sregs;
	const struct guest_mem *mem = &m->memory.ranges;
	unsigned n = 0;

	if ((s->cr0 & CR0_PG) && (s->efer & EFER_LMA) && !(s->cr4 & CR4_LA57))
		n = core_walk(mem, s->cr3, runs, RUNS_MAX);
	for (unsigned i = 0; i < mem->count; i++)
		runs[n++] = (struct core_run){ mem->range[i].gpa, mem->range[i].gpa,
					       mem->range[i].len };
	return n;
}

/* All up to the memory; *at: where that begins. */
static int put_head(struct vmm *m, struct buf *out, uint64_t *at)
{
	struct core_run *runs = calloc(RUNS_MAX + GUEST_MEM_RANGES, sizeof(*runs));
	struct buf notes = { 0 };
	struct cpu first = { 0 };
	Elf64_Ehdr e = { .e_ident = { ELFMAG0, ELFMAG1, ELFMAG2, ELFMAG3, ELFCLASS64, ELFDATA2LSB,
				      EV_CURRENT },
			 .e_type = ET_CORE, .e_machine = EM_X86_64, .e_version = EV_CURRENT,
			 .e_phoff = sizeof(e), .e_ehsize = sizeof(e),
			 .e_phentsize = sizeof(Elf64_Phdr) };
	Elf64_Phdr note = { .p_type = PT_NOTE, .p_align = 4 };
	int code = runs ? get(m, 0, &first) : -ENOMEM;
	unsigned n = code ? 0 : find_runs(m, &first, runs);

	for (unsigned i = 0; i < m->cpus && !code; i++) {
		struct cpu c;

		code = get(m, i, &c);
		if (!code)
			put_cpu(&notes, i, &c);
	}
	e.e_phnum = (uint16_t)(n + 1);
	note.p_offset = sizeof(e) + (n + 1) * sizeof(note);
	note.p_filesz = notes.len;
	*at = (note.p_offset + notes.len + PAGE - 1) & ~(uint64_t)(PAGE - 1);
	buf_put(out, &e, sizeof(e));
	buf_put(out, &note, sizeof(note));
	for (unsigned i = 0; i < n; i++)
		put_segment(out, &m->memory, *at, &runs[i]);
	buf_put(out, notes.data, notes.len);
	code = code ? code : out->bad || notes.bad ? -ENOMEM : 0;
	buf_free(&notes);
	free(runs);
	return code;
}

int vmm_dump(struct vmm *m, int fd, struct err *err)
{
	bool running = m->running;
	struct buf head = { 0 };
	uint64_t at;
	int code;

	vmm_pause(m);
	code = put_head(m, &head, &at);
	if (code)
		err_sys(err, code, "the CPUs' registers");
	else
		code = saved_memory_write(&m->memory, fd, at, err);
	if (!code && pwrite(fd, head.data, head.len, 0) != (ssize_t)head.len)
		code = err_sys(err, -errno, "writing the core");
	buf_free(&head);
	if (running)
		vmm_run(m);
	return code;
}
