/* SPDX-License-Identifier: Apache-2.0 */
/* Each filter in a process of its own, which tries one system call: those that a guest's VMM has no
 * use for end it, others return. */
#include "hv/vmm/filter_priv.h"
#include "tests/unit/test.h"

#include <fcntl.h>
#include <linux/if_tun.h>
#include <linux/kvm.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

enum { NONE = -1, X32 = 0x40000000, LOOP = 1 << FILTER_LOOP, CPU = 1 << FILTER_CPU };
enum { STREAM = SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC };
enum { KINDS = FILTER_VHOST_USER | FILTER_TAP | FILTER_WRITTEN_DISK };

#define VHOST(who) ((who) << 8)
#define TAP(who)   ((who) << 16)
#define DISK(who)  ((who) << 24)

/* No argument that is not given here does anything if the call is let through. */
static const struct {
	const char *what;
	unsigned left_to; /* of the filters, with any devices or some */
	long call[5]; /* its number, and arguments */
} calls[] = {
	{ "openat", 0, { SYS_openat, AT_FDCWD, 0, O_RDONLY } },
	{ "open_by_handle_at", 0, { SYS_open_by_handle_at, NONE, 0, 0 } },
	{ "a stream", VHOST(LOOP), { SYS_socket, AF_UNIX, STREAM, 0 } },
	{ "a datagram socket", 0, { SYS_socket, AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0 } },
	{ "a socket of the network", 0, { SYS_socket, AF_INET, STREAM, 0 } },
	{ "connect", VHOST(LOOP), { SYS_connect, NONE, 0, 0 } },
	{ "shutdown", VHOST(LOOP | CPU), { SYS_shutdown, NONE, 0, 0 } },
	{ "fstat", VHOST(LOOP), { SYS_newfstatat, NONE, 0, 0, AT_EMPTY_PATH } },
	{ "stat", 0, { SYS_newfstatat, AT_FDCWD, 0, 0 } },
	{ "pread64", VHOST(LOOP) | DISK(LOOP), { SYS_pread64, NONE, 0, 0 } },
	{ "preadv", LOOP, { SYS_preadv, NONE, 0, 0 } },
	{ "pwritev", DISK(LOOP), { SYS_pwritev, NONE, 0, 0 } },
	{ "fdatasync", DISK(LOOP), { SYS_fdatasync, NONE, 0, 0 } },
	{ "pwrite64", LOOP, { SYS_pwrite64, NONE, 0, 0 } },
	{ "ftruncate", LOOP, { SYS_ftruncate, NONE, 0, 0 } },
	{ "where a file has data", LOOP, { SYS_lseek, NONE, 0, SEEK_DATA } },
	{ "another place in a file", 0, { SYS_lseek, NONE, 0, SEEK_SET } },
	{ "a CPU's MSRs", LOOP, { SYS_ioctl, NONE, KVM_GET_MSRS, 0 } },
	{ "other MSRs", 0, { SYS_ioctl, NONE, KVM_SET_MSRS, 0 } },
	{ "an interrupt", LOOP | CPU, { SYS_ioctl, NONE, KVM_SIGNAL_MSI, 0 } },
	{ "one by a descriptor", VHOST(LOOP | CPU), { SYS_ioctl, NONE, KVM_IRQFD, 0 } },
	{ "where that goes", VHOST(LOOP), { SYS_ioctl, NONE, KVM_SET_GSI_ROUTING, 0 } },
	{ "another interrupt controller", 0, { SYS_ioctl, NONE, KVM_SET_IRQCHIP, 0 } },
	{ "fallocate", 0, { SYS_fallocate, NONE, 0, 0 } },
	{ "memfd_create", 0, { SYS_memfd_create, 0, 0, 0 } },
	{ "mkdir", 0, { SYS_mkdir, 0, 0, 0 } },
	{ "poll", VHOST(CPU), { SYS_poll, 0, 0, 0 } },
	{ "seals by fcntl", VHOST(LOOP), { SYS_fcntl, NONE, F_GET_SEALS, 0 } },
	{ "a tap's offloads", TAP(LOOP | CPU), { SYS_ioctl, NONE, TUNSETOFFLOAD, 0 } },
	{ "a tap's queues", TAP(LOOP | CPU), { SYS_ioctl, NONE, TUNSETQUEUE, 0 } },
	{ "another tap", 0, { SYS_ioctl, NONE, TUNSETIFF, 0 } },
	{ "bind", 0, { SYS_bind, NONE, 0, 0 } },
	{ "execve", 0, { SYS_execve, 0, 0, 0 } },
	{ "execveat", 0, { SYS_execveat, NONE, 0, 0 } },
	{ "fork", 0, { SYS_fork, 0, 0, 0 } },
	{ "clone", 0, { SYS_clone, CLONE_THREAD, 0, 0 } },
	{ "clone3", 0, { SYS_clone3, 0, 0, 0 } },
	{ "ptrace", 0, { SYS_ptrace, NONE, 0, 0 } },
	{ "process_vm_writev", 0, { SYS_process_vm_writev, NONE, 0, 0 } },
	{ "kill", 0, { SYS_kill, 1, 0, 0 } },
	{ "tgkill of another process", 0, { SYS_tgkill, 1, 1, 0 } },
	{ "unshare", 0, { SYS_unshare, 0, 0, 0 } },
	{ "mount", 0, { SYS_mount, 0, 0, 0 } },
	{ "bpf", 0, { SYS_bpf, NONE, 0, 0 } },
	{ "io_uring_setup", 0, { SYS_io_uring_setup, 0, 0, 0 } },
	{ "prctl", 0, { SYS_prctl, NONE, 0, 0 } },
	{ "chmod", 0, { SYS_chmod, 0, 0, 0 } },
	{ "mmap of code", 0, { SYS_mmap, 0, 4096, PROT_READ | PROT_EXEC } },
	{ "mprotect to code", 0, { SYS_mprotect, 0, 0, PROT_EXEC } },
	{ "a terminal's input", 0, { SYS_ioctl, NONE, TIOCSTI, 0 } },
	{ "another machine", 0, { SYS_ioctl, NONE, KVM_CREATE_VM, 0 } },
	{ "another CPU", 0, { SYS_ioctl, NONE, KVM_CREATE_VCPU, 0 } },
	{ "other memory", 0, { SYS_ioctl, NONE, KVM_SET_USER_MEMORY_REGION, 0 } },
	{ "duplicating by fcntl", 0, { SYS_fcntl, NONE, F_DUPFD, 0 } },
	{ "the x32 ABI", 0, { X32 + SYS_getpid, 0, 0, 0 } },
	{ "accept4", LOOP, { SYS_accept4, NONE, 0, 0 } },
	{ "sendmsg", LOOP | VHOST(CPU), { SYS_sendmsg, NONE, 0, 0 } },
	{ "recvmsg", LOOP, { SYS_recvmsg, NONE, 0, 0 } },
	{ "unlink", LOOP, { SYS_unlink, 0, 0, 0 } },
	{ "a CPU's registers", LOOP, { SYS_ioctl, NONE, KVM_GET_REGS, 0 } },
	{ "flags by fcntl", LOOP, { SYS_fcntl, NONE, F_GETFL, 0 } },
	{ "running a CPU", CPU, { SYS_ioctl, NONE, KVM_RUN, 0 } },
	{ "read", LOOP | CPU, { SYS_read, NONE, 0, 0 } },
	{ "write", LOOP | CPU, { SYS_write, NONE, 0, 0 } },
	{ "eventfd2", 0, { SYS_eventfd2, 0, NONE, 0 } },
	{ "an interrupt line", LOOP | CPU, { SYS_ioctl, NONE, KVM_IRQ_LINE, 0 } },
	{ "mprotect to data", LOOP | CPU, { SYS_mprotect, 0, 0, PROT_READ } },
};

static int outcome(enum filter filter, unsigned kinds, unsigned call)
{
	const long *c = calls[call].call;
	struct err err;
	pid_t child = fork();
	int status = NONE;

	if (child == 0) {
		if (filter_install(filter, kinds, &err) < 0)
			_exit(1);
		syscall(c[0], c[1], c[2], c[3], c[4] ? c[4] : NONE, 0, 0);
		syscall(SYS_exit_group, 0);
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	return status;
}

static void check(enum filter filter, unsigned kinds)
{
	const unsigned any = 1u << filter;
	const unsigned who = any | (kinds & FILTER_VHOST_USER ? VHOST(any) : 0) |
			     (kinds & FILTER_TAP ? TAP(any) : 0) |
			     (kinds & FILTER_WRITTEN_DISK ? DISK(any) : 0);

	for (unsigned i = 0; i < sizeof(calls) / sizeof(calls[0]); i++) {
		int status = outcome(filter, kinds, i);
		bool left = calls[i].left_to & who;

		if (left ? status != 0 : !WIFSIGNALED(status) || WTERMSIG(status) != SIGSYS)
			fail_msg("%s, devices 0x%x: status 0x%x", calls[i].what, kinds,
				 (unsigned)status);
	}
}

static void the_loops_thread(void **state)
{
	for (unsigned kinds = 0; kinds <= KINDS; kinds++)
		check(FILTER_LOOP, kinds);
}

static void a_cpus_thread(void **state)
{
	for (unsigned kinds = 0; kinds <= KINDS; kinds++)
		check(FILTER_CPU, kinds);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_loops_thread),
		cmocka_unit_test(a_cpus_thread),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
