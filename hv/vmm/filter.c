/* SPDX-License-Identifier: Apache-2.0 */
#include "hv/vmm/filter_priv.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/if_tun.h>
#include <linux/kvm.h>
#include <seccomp.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

enum { LOOP = 1 << FILTER_LOOP, CPU = 1 << FILTER_CPU, BOTH = LOOP | CPU };

/* Only in a machine that has such a device. */
#define VHOST(who) ((who) << 2)
#define TAP(who)   ((who) << 4)
#define DISK(who)  ((who) << 6) /* one that is written */

struct call {
	int number;
	unsigned who; /* in any machine, or in those with a device of a kind */
};

static const struct call calls[] = {
	/* sockets, eventfds, the console's log */
	{ SCMP_SYS(read), BOTH },
	{ SCMP_SYS(write), BOTH },
	{ SCMP_SYS(readv), LOOP },
	{ SCMP_SYS(writev), LOOP },
	{ SCMP_SYS(recvfrom), LOOP },
	{ SCMP_SYS(recvmsg), LOOP },
	{ SCMP_SYS(sendmsg), LOOP | VHOST(CPU) }, /* a driver starts and stops its device */
	{ SCMP_SYS(accept4), LOOP },
	{ SCMP_SYS(close), BOTH },
	{ SCMP_SYS(preadv), LOOP },	/* disks */
	{ SCMP_SYS(getrandom), LOOP },	/* virtio-rng */
	{ SCMP_SYS(dup), LOOP },	/* the command "console" */
	{ SCMP_SYS(unlink), LOOP },	/* its sockets, at the end */
	/* vhost-user: connecting, and again; in-flight areas, and vectors that wait */
	{ SCMP_SYS(connect), VHOST(LOOP) },
	{ SCMP_SYS(shutdown), VHOST(BOTH) },
	{ SCMP_SYS(pread64), VHOST(LOOP) | DISK(LOOP) },
	{ SCMP_SYS(poll), VHOST(CPU) },
	/* disks that are written */
	{ SCMP_SYS(pwritev), DISK(LOOP) },
	{ SCMP_SYS(fdatasync), DISK(LOOP) },
	/* what is saved and dumped, to descriptors that came with the command */
	{ SCMP_SYS(pwrite64), LOOP },
	{ SCMP_SYS(ftruncate), LOOP },
	/* libevent: a CPU's thread adds and removes events, too */
	{ SCMP_SYS(epoll_ctl), BOTH },
	{ SCMP_SYS(epoll_wait), LOOP },
	/* the C library: locks, memory, time, signals, the end */
	{ SCMP_SYS(futex), BOTH },
	{ SCMP_SYS(brk), BOTH },
	{ SCMP_SYS(munmap), BOTH },
	{ SCMP_SYS(mremap), BOTH },
	{ SCMP_SYS(madvise), BOTH },
	{ SCMP_SYS(clock_gettime), BOTH },
	{ SCMP_SYS(gettimeofday), BOTH },
	{ SCMP_SYS(time), BOTH },
	{ SCMP_SYS(clock_nanosleep), CPU },
	{ SCMP_SYS(getpid), BOTH },
	{ SCMP_SYS(gettid), BOTH },
	{ SCMP_SYS(rt_sigprocmask), BOTH },
	{ SCMP_SYS(rt_sigaction), LOOP }, /* libevent gives signals back */
	{ SCMP_SYS(rt_sigreturn), BOTH },
	{ SCMP_SYS(restart_syscall), BOTH },
	{ SCMP_SYS(exit), BOTH },
	{ SCMP_SYS(exit_group), BOTH },
};

static const struct {
	unsigned long request;
	unsigned who;
} requests[] = {
	{ FIONREAD, LOOP }, /* libevent asks how much there is to read */
	{ KVM_RUN, CPU },
	{ KVM_IRQ_LINE, BOTH },
	{ KVM_SIGNAL_MSI, BOTH },
	{ KVM_IOEVENTFD, BOTH },
	{ KVM_IRQFD, VHOST(BOTH) },
	{ KVM_SET_GSI_ROUTING, VHOST(LOOP) },
	{ KVM_GET_CLOCK, LOOP },
	{ KVM_SET_CLOCK, LOOP },
	{ KVM_KVMCLOCK_CTRL, LOOP },
	/* gdb */
	{ KVM_GET_REGS, LOOP },
	{ KVM_SET_REGS, LOOP },
	{ KVM_GET_SREGS, LOOP },
	{ KVM_SET_SREGS, LOOP },
	{ KVM_GET_FPU, LOOP },
	{ KVM_GET_VCPU_EVENTS, LOOP },
	{ KVM_SET_VCPU_EVENTS, LOOP },
	{ KVM_SET_GUEST_DEBUG, LOOP },
	{ KVM_TRANSLATE, LOOP },
	/* what is saved of KVM's */
	{ KVM_CHECK_EXTENSION, LOOP },
	{ KVM_GET_SUPPORTED_CPUID, LOOP },
	{ KVM_GET_MSR_INDEX_LIST, LOOP },
	{ KVM_GET_MSRS, LOOP },
	{ KVM_GET_MP_STATE, LOOP },
	{ KVM_GET_XCRS, LOOP },
	{ KVM_GET_XSAVE, LOOP },
	{ KVM_GET_XSAVE2, LOOP },
	{ KVM_GET_DEBUGREGS, LOOP },
	{ KVM_GET_LAPIC, LOOP },
	{ KVM_GET_IRQCHIP, LOOP },
	{ KVM_GET_PIT2, LOOP },
	/* a tap, as its driver starts, stops and chooses pairs */
	{ TUNSETOFFLOAD, TAP(BOTH) },
	{ TUNSETQUEUE, TAP(BOTH) },
};

/* What a descriptor may be asked or told by fcntl(2). */
static const struct {
	int command;
	unsigned who;
} commands[] = {
	{ F_GETFL, LOOP }, { F_SETFL, LOOP }, { F_GETFD, LOOP }, { F_SETFD, LOOP },
	{ F_GET_SEALS, VHOST(LOOP) },
};

static int add_calls(scmp_filter_ctx ctx, unsigned who)
{
	int code = 0;

	for (unsigned i = 0; !code && i < sizeof(calls) / sizeof(calls[0]); i++)
		if (calls[i].who & who)
			code = seccomp_rule_add(ctx, SCMP_ACT_ALLOW, calls[i].number, 0);
	for (unsigned i = 0; !code && i < sizeof(requests) / sizeof(requests[0]); i++)
		if (requests[i].who & who)
			code = seccomp_rule_add(ctx, SCMP_ACT_ALLOW, SCMP_SYS(ioctl), 1,
						SCMP_A1(SCMP_CMP_EQ, requests[i].request));
	for (unsigned i = 0; !code && i < sizeof(commands) / sizeof(commands[0]); i++)
		if (commands[i].who & who)
			code = seccomp_rule_add(ctx, SCMP_ACT_ALLOW, SCMP_SYS(fcntl), 1,
						SCMP_A1(SCMP_CMP_EQ, (scmp_datum_t)commands[i].command));
	return code;
}

/* A back end's connection; and what fstat() is with Debian 12's C library. */
static int add_vhost(scmp_filter_ctx ctx)
{
	int code = seccomp_rule_add(ctx, SCMP_ACT_ALLOW, SCMP_SYS(socket), 2,
				    SCMP_A0(SCMP_CMP_EQ, AF_UNIX),
				    SCMP_A1(SCMP_CMP_EQ, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC));

	return code ? code : seccomp_rule_add(ctx, SCMP_ACT_ALLOW, SCMP_SYS(newfstatat), 1,
					      SCMP_A3(SCMP_CMP_EQ, AT_EMPTY_PATH));
}

/* Memory that is no code; signals, to this process alone; and where a file has data. */
static int add_narrow(scmp_filter_ctx ctx, unsigned who)
{
	static const int maps[] = { SCMP_SYS(mmap), SCMP_SYS(mprotect) };
	int code = 0;

	for (unsigned i = 0; !code && i < 2; i++)
		code = seccomp_rule_add(ctx, SCMP_ACT_ALLOW, maps[i], 1,
					SCMP_A2(SCMP_CMP_MASKED_EQ, PROT_EXEC, 0));
	if (!code)
		code = seccomp_rule_add(ctx, SCMP_ACT_ALLOW, SCMP_SYS(tgkill), 1,
					SCMP_A0(SCMP_CMP_EQ, (scmp_datum_t)getpid()));
	if (!code && (who & LOOP))
		code = seccomp_rule_add(ctx, SCMP_ACT_ALLOW, SCMP_SYS(lseek), 1,
					SCMP_A2(SCMP_CMP_EQ, SEEK_DATA));
	return code || !(who & VHOST(LOOP)) ? code : add_vhost(ctx);
}

int filter_install(enum filter which, unsigned kinds, struct err *err)
{
	const unsigned any = 1u << which;
	const unsigned who = any | (kinds & FILTER_VHOST_USER ? VHOST(any) : 0) |
			     (kinds & FILTER_TAP ? TAP(any) : 0) |
			     (kinds & FILTER_WRITTEN_DISK ? DISK(any) : 0);
	scmp_filter_ctx ctx = seccomp_init(SCMP_ACT_KILL_PROCESS);
	int code = ctx ? 0 : -ENOMEM;

	if (!code) /* also calls by the numbers of other ABIs */
		code = seccomp_attr_set(ctx, SCMP_FLTATR_ACT_BADARCH, SCMP_ACT_KILL_PROCESS);
	if (!code) /* found by a binary search: exits are many */
		code = seccomp_attr_set(ctx, SCMP_FLTATR_CTL_OPTIMIZE, 2);
	if (!code)
		code = add_calls(ctx, who);
	if (!code)
		code = add_narrow(ctx, who);
	if (!code)
		code = seccomp_load(ctx); /* sets no_new_privs, too */
	seccomp_release(ctx);
	return code ? err_sys(err, code, "cannot give up system calls") : 0;
}
