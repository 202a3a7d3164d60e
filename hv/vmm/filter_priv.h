/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HV_VMM_FILTER_PRIV_H
#define HV_VMM_FILTER_PRIV_H

/*
 * The system calls that are left to a thread once everything is opened (seccomp(2)): each kind of
 * thread has a list of what it does while a guest runs. Any other call ends the process with SIGSYS.
 */

#include "base/err.h"

enum filter {
	FILTER_LOOP, /* devices, sockets, control, gdb */
	FILTER_CPU,
};

/* Kinds of NICs that take calls of their own. */
enum { FILTER_VHOST_USER = 1 << 0, FILTER_TAP = 1 << 1 };

/* For the calling thread, for good. Those that it starts later would have it too, but none can.
 * nics: which of these kinds the machine has. */
int filter_install(enum filter which, unsigned nics, struct err *err);

#endif
