/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HV_JAIL_PRIV_H
#define HV_JAIL_PRIV_H

/*
 * The process of a machine, confined before its first instruction: a uid of its own without
 * capabilities or new privileges; network, IPC, UTS, process and mount namespaces of its own; a root
 * that holds nothing but /usr (read-only), a few device nodes and what is named here; limits. It is
 * the leader of a session of its own and outlives its parent.
 */

#include "base/err.h"

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#define JAIL_BINDS_MAX 80
#define JAIL_FDS_MAX 4

/* A file or directory of the host that the jail shows. */
struct jail_bind {
	const char *from;
	const char *to; /* absolute path in the jail */
	bool file;
	bool writable;
};

struct jail_conf {
	uid_t uid;
	const char *dir; /* may be used as a place to put the root on; shown by a bind like others */
	const char *const *argv;
	unsigned bind_count;
	const struct jail_bind *binds; /* in this order */
	int log_fd;		       /* stdout and stderr */
	uint64_t file_max;	       /* bytes of the largest file it may write */
	bool loopback;		       /* its network has lo up */
	bool kvm;		       /* shows /dev/kvm, usable by uid */
	/* Descriptors of the caller's that it gets as 3, 4, ... */
	unsigned fd_count;
	const int *fds;
	bool fd_paths; /* the jail's /fd names them, and its own others, for what can only open paths */
};

/* What goes wrong after that is a line "jail: ..." in the log, and exit status 127. */
int jail_spawn(const struct jail_conf *conf, pid_t *pid, struct err *err);

#endif
