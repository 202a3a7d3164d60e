/* SPDX-License-Identifier: Apache-2.0 */
#include "hv/vmm/filter_priv.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/kvm.h>
#include <seccomp.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

enum { LOOP = 1 << FILTER_LOOP, CPU = 1 << FILTER_CPU, BOTH = LOOP | CPU };

struct call {
	int number;
	unsigned who;
};

static const struct call calls[] = {
	/* sockets, eventfds, the console's log */
	{ SCMP_SYS(read), BOTH },
	{ SCMP_SYS(write), BOTH },
	{ SCMP_SYS(readv), LOOP },
	{ SCMP_SYS(writev), LOOP },
	{ SCMP_SYS(recvfrom), LOOP },
	{ SCMP_SYS(recvmsg), LOOP },
	{ SCMP_SYS(sendmsg), LOOP },
	{ SCMP_SYS(accept4), LOOP },
	{ SCMP_SYS(close), BOTH },
	{ SCMP_SYS(preadv), LOOP },	/* disks */
	{ SCMP_SYS(getrandom), LOOP },	/* virtio-rng */
	{ SCMP_SYS(dup), LOOP },	/* the command "console" */
	{ SCMP_SYS(unlink), LOOP },	/* its sockets, at the end */
	{ SCMP_SYS(eventfd2), BOTH },	/* an interrupt that a driver wants for the first time */
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
	{ KVM_IRQFD, BOTH },
	{ KVM_IOEVENTFD, BOTH },
	{ KVM_SET_GSI_ROUTING, BOTH },
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
};

/* What a descriptor may be asked or told by fcntl(2). */
static const int commands[] = { F_GETFL, F_SETFL, F_GETFD, F_SETFD };

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
	for (unsigned i = 0; !code && who & LOOP && i < sizeof(commands) / sizeof(commands[0]); i++)
		code = seccomp_rule_add(ctx, SCMP_ACT_ALLOW, SCMP_SYS(fcntl), 1,
					SCMP_A1(SCMP_CMP_EQ, (scmp_datum_t)commands[i]));
	return code;
}

/* Memory that is no code; and signals, to this process alone. */
static int add_narrow(scmp_filter_ctx ctx)
{
	static const int maps[] = { SCMP_SYS(mmap), SCMP_SYS(mprotect) };
	int code = 0;

	for (unsigned i = 0; !code && i < 2; i++)
		code = seccomp_rule_add(ctx, SCMP_ACT_ALLOW, maps[i], 1,
					SCMP_A2(SCMP_CMP_MASKED_EQ, PROT_EXEC, 0));
	return code ? code : seccomp_rule_add(ctx, SCMP_ACT_ALLOW, SCMP_SYS(tgkill), 1,
					      SCMP_A0(SCMP_CMP_EQ, (scmp_datum_t)getpid()));
}

int filter_install(enum filter which, struct err *err)
{
	scmp_filter_ctx ctx = seccomp_init(SCMP_ACT_KILL_PROCESS);
	int code = ctx ? 0 : -ENOMEM;

	if (!code) /* also calls by the numbers of other ABIs */
		code = seccomp_attr_set(ctx, SCMP_FLTATR_ACT_BADARCH, SCMP_ACT_KILL_PROCESS);
	if (!code) /* found by a binary search: exits are many */
		code = seccomp_attr_set(ctx, SCMP_FLTATR_CTL_OPTIMIZE, 2);
	if (!code)
		code = add_calls(ctx, 1u << which);
	if (!code)
		code = add_narrow(ctx);
	if (!code)
		code = seccomp_load(ctx); /* sets no_new_privs, too */
	seccomp_release(ctx);
	return code ? err_sys(err, code, "cannot give up system calls") : 0;
}
