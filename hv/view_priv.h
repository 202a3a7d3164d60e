/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HV_VIEW_PRIV_H
#define HV_VIEW_PRIV_H

#include "base/sock.h"
#include "hv/hv.h"
#include "hv/jail_priv.h"

#include <limits.h>

/* What of the host a machine's jail shows. */
struct view {
	unsigned count;
	struct jail_bind binds[JAIL_BINDS_MAX];
	char kernel[PATH_MAX], initrd[PATH_MAX]; /* room for paths */
	char peers[HV_PORTS_MAX][SOCK_PATH_MAX];
};

/* Strings are kept, not copied. */
void view_show(struct view *v, const char *from, const char *to, bool file, bool writable);
/* Where its NICs' peers are, and its own directory. */
int view_sockets(struct view *v, const struct hv_conf *conf, struct err *err);

#endif
