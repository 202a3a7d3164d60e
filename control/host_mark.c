/* SPDX-License-Identifier: Apache-2.0 */
#include "control/host_mark.h"

#include "base/file.h"

#include <errno.h>
#include <string.h>

/* "NAMESPACE\n", "done\n" when its exec lines have run, else "begun\n", and the names of its taps. */
int host_mark_write(const char *path, const char *netns, bool done, const struct topology_node *spec,
		    struct err *err)
{
	struct buf b = { 0 };
	int code;

	buf_printf(&b, "%s\n%s\n", netns, done ? "done" : "begun");
	for (unsigned i = 0; i < spec->port_count; i++)
		buf_printf(&b, "%s\n", spec->ports[i].name);
	code = b.bad ? err_sys(err, -ENOMEM, "%s", path) : file_write(path, b.data, b.len, 0600, err);
	buf_free(&b);
	return code;
}

void host_mark_read(const char *path, struct host_mark *m)
{
	struct buf b = { 0 };
	char *rest, *line;

	memset(m, 0, sizeof(*m));
	if (file_read(path, 4096, &b, NULL) < 0)
		goto out;
	buf_u8(&b, 0);
	rest = b.bad ? NULL : (char *)b.data;
	line = strsep(&rest, "\n");
	if (!line || !rest || strlen(line) >= sizeof(m->name) || strncmp(line, "weft-", 5) != 0 ||
	    strchr(line, '/'))
		goto out;
	strcpy(m->name, line);
	m->done = !strcmp(strsep(&rest, "\n"), "done");
	while ((line = strsep(&rest, "\n")) && m->tap_count < TOPOLOGY_PORTS_MAX)
		if (line[0] && strlen(line) < TOPOLOGY_IFNAME_MAX)
			strcpy(m->taps[m->tap_count++], line);
out:
	buf_free(&b);
}
