/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DATAPLANE_CONFINE_PRIV_H
#define DATAPLANE_CONFINE_PRIV_H

#include "base/err.h"

#include <sys/types.h>

/*
 * Before any thread is started: becomes uid and gid (0: stays who it is), keeps the capabilities
 * that af_packet, af_xdp and tap devices need, and gives up the system calls an engine has no use
 * for (exec, ptrace, mount, ...) for good.
 */
int confine(uid_t uid, gid_t gid, struct err *err);

#endif
