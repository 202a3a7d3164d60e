/* SPDX-License-Identifier: Apache-2.0 */
#include "dataplane/confine_priv.h"

#include <errno.h>
#include <grp.h>
#include <sched.h>
#include <seccomp.h>
#include <sys/capability.h>
#include <sys/prctl.h>
#include <unistd.h>

/* NET_RAW: packet sockets; NET_ADMIN: taps, promiscuous mode; BPF: XDP programs; IPC_LOCK: packet
 * memory shared with the kernel. */
static const cap_value_t keep[] = { CAP_NET_RAW, CAP_NET_ADMIN, CAP_BPF, CAP_IPC_LOCK };

/* Nothing here is ever needed; a stray call gets EPERM, as from a kernel without it. */
static const int forbidden[] = {
	SCMP_SYS(execve),	SCMP_SYS(execveat),	 SCMP_SYS(fork),
	SCMP_SYS(vfork),	SCMP_SYS(ptrace),	 SCMP_SYS(process_vm_readv),
	SCMP_SYS(process_vm_writev), SCMP_SYS(kcmp),	 SCMP_SYS(pidfd_getfd),
	SCMP_SYS(mount),	SCMP_SYS(umount2),	 SCMP_SYS(pivot_root),
	SCMP_SYS(move_mount),	SCMP_SYS(open_tree),	 SCMP_SYS(fsopen),
	SCMP_SYS(fsmount),	SCMP_SYS(fsconfig),	 SCMP_SYS(fspick),
	SCMP_SYS(mount_setattr), SCMP_SYS(chroot),	 SCMP_SYS(unshare),
	SCMP_SYS(setns),	SCMP_SYS(init_module),	 SCMP_SYS(finit_module),
	SCMP_SYS(delete_module), SCMP_SYS(kexec_load),	 SCMP_SYS(kexec_file_load),
	SCMP_SYS(reboot),	SCMP_SYS(swapon),	 SCMP_SYS(swapoff),
	SCMP_SYS(sethostname),	SCMP_SYS(setdomainname), SCMP_SYS(settimeofday),
	SCMP_SYS(clock_settime), SCMP_SYS(clock_adjtime), SCMP_SYS(adjtimex),
	SCMP_SYS(acct),		SCMP_SYS(syslog),	 SCMP_SYS(quotactl),
	SCMP_SYS(add_key),	SCMP_SYS(request_key),	 SCMP_SYS(keyctl),
	SCMP_SYS(userfaultfd),	SCMP_SYS(perf_event_open), SCMP_SYS(open_by_handle_at),
	SCMP_SYS(io_uring_setup), SCMP_SYS(io_uring_enter), SCMP_SYS(io_uring_register),
	SCMP_SYS(personality),	SCMP_SYS(setuid),	 SCMP_SYS(setgid),
	SCMP_SYS(setresuid),	SCMP_SYS(setresgid),	 SCMP_SYS(setgroups),
};

static int confine_syscalls(struct err *err)
{
	scmp_filter_ctx ctx = seccomp_init(SCMP_ACT_ALLOW);
	int rc = ctx ? 0 : -ENOMEM;

	for (unsigned i = 0; !rc && i < sizeof(forbidden) / sizeof(forbidden[0]); i++)
		rc = seccomp_rule_add(ctx, SCMP_ACT_ERRNO(EPERM), forbidden[i], 0);
	/* Threads, but no processes. clone3's flags are out of a filter's sight: without it, the C
	 * library uses clone. */
	if (!rc)
		rc = seccomp_rule_add(ctx, SCMP_ACT_ERRNO(EPERM), SCMP_SYS(clone), 1,
				      SCMP_A0(SCMP_CMP_MASKED_EQ, CLONE_THREAD, 0));
	if (!rc)
		rc = seccomp_rule_add(ctx, SCMP_ACT_ERRNO(ENOSYS), SCMP_SYS(clone3), 0);
	if (!rc)
		rc = seccomp_load(ctx); /* sets no_new_privs, too */
	seccomp_release(ctx);
	return rc ? err_sys(err, rc, "cannot give up system calls") : 0;
}

/* Of the capabilities to keep, those that there are: root in a container has not all of them. */
static int confine_caps(struct err *err)
{
	cap_t have = cap_get_proc(), caps = cap_init();
	int rc = have && caps ? 0 : -ENOMEM;

	for (unsigned i = 0; !rc && i < sizeof(keep) / sizeof(keep[0]); i++) {
		cap_flag_value_t set = CAP_CLEAR;

		if (cap_get_flag(have, keep[i], CAP_PERMITTED, &set) < 0 || set != CAP_SET)
			continue;
		if (cap_set_flag(caps, CAP_PERMITTED, 1, &keep[i], CAP_SET) < 0 ||
		    cap_set_flag(caps, CAP_EFFECTIVE, 1, &keep[i], CAP_SET) < 0)
			rc = -errno;
	}
	if (!rc && cap_set_proc(caps) < 0)
		rc = -errno;
	cap_free(have);
	cap_free(caps);
	return rc ? err_sys(err, rc, "cannot give up capabilities") : 0;
}

int confine(uid_t uid, gid_t gid, struct err *err)
{
	int rc;

	if (uid) {
		prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0);
		if (setgroups(0, NULL) < 0 || setresgid(gid, gid, gid) < 0 ||
		    setresuid(uid, uid, uid) < 0)
			return err_sys(err, -errno, "cannot become user %u", uid);
		rc = confine_caps(err);
		if (rc)
			return rc;
	}
	return confine_syscalls(err);
}
