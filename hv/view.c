/* SPDX-License-Identifier: Apache-2.0 */
#include "hv/view_priv.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

void view_show(struct view *v, const char *from, const char *to, bool file, bool writable)
{
	v->binds[v->count++] =
		(struct jail_bind){ .from = from, .to = to, .file = file, .writable = writable };
}

static int show_peer(struct view *v, const struct hv_conf *conf, unsigned i, struct err *err)
{
	char *dir = v->peers[i];
	struct stat st;

	snprintf(dir, SOCK_PATH_MAX, "%s", conf->nics[i].peer);
	*strrchr(dir, '/') = 0;
	if (strcmp(dir, conf->dir) == 0)
		return 0;
	for (unsigned k = 0; k < v->count; k++)
		if (strcmp(v->binds[k].to, dir) == 0)
			return 0;
	if (!dir[0] || stat(dir, &st) < 0 || !S_ISDIR(st.st_mode))
		return err_set(err, -ENOENT, "%s: no directory for the NIC's peer %s", conf->name,
			       conf->nics[i].peer);
	view_show(v, dir, dir, false, false);
	return 0;
}

int view_sockets(struct view *v, const struct hv_conf *conf, struct err *err)
{
	int code = 0;

	for (unsigned i = 0; i < conf->nic_count && !code; i++)
		code = show_peer(v, conf, i, err);
	view_show(v, conf->dir, conf->dir, false, true);
	return code;
}
