/* SPDX-License-Identifier: Apache-2.0 */
/* Commands in a router's guest, and the topology's exec lines. */
#include "control/router_priv.h"

#include "base/file.h"
#include "control/vnet_news.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const struct topology_node *spec(const struct router *r)
{
	return r->node->spec;
}

/* A file that says that the exec lines have run in this guest: a new weftd does not repeat them. */
static void exec_mark(const struct router *r, char path[160])
{
	snprintf(path, 160, "%s/exec.done", r->dir);
}

static void kept_mark(const char *saved, char path[PATH_MAX])
{
	snprintf(path, PATH_MAX, "%s/exec.done", saved);
}

static void copy_mark(const char *from, const char *to)
{
	if (access(from, F_OK) == 0)
		file_write(to, "", 0, 0644, NULL);
}

void router_exec_keep(struct router *r, const char *saved)
{
	char mark[160], kept[PATH_MAX];

	exec_mark(r, mark);
	kept_mark(saved, kept);
	copy_mark(mark, kept);
}

void router_exec_kept(struct router *r, const char *saved)
{
	char mark[160], kept[PATH_MAX];

	exec_mark(r, mark);
	kept_mark(saved, kept);
	copy_mark(kept, mark);
}

static void run_next(struct router *r);

static void on_exec_output(void *arg, int stream, const void *bytes, size_t len)
{
	struct router *r = arg;

	snprintf(r->exec_said, sizeof(r->exec_said), "%.*s", (int)(len < 200 ? len : 200),
		 (const char *)bytes);
}

static void on_exec_done(void *arg, int status)
{
	struct router *r = arg;

	r->exec_running = false;
	if (status == -ECONNRESET) /* the guest ended: from the start again when it is back */
		return;
	if (status && !r->error[0])
		snprintf(r->error, sizeof(r->error), "exec '%s': exit status %d: %s",
			 spec(r)->exec.items[r->exec_next - 1], status, r->exec_said);
	run_next(r);
	vnet_news(r->node->vnet);
}

static void run_next(struct router *r)
{
	const char *argv[] = { "/bin/sh", "-c", NULL, NULL };
	struct vrouter_exec_conf conf = {
		.argv = argv, .output = on_exec_output, .done = on_exec_done, .arg = r
	};
	struct vrouter_exec *x;
	struct err err;

	if (r->exec_next == spec(r)->exec.count) {
		char mark[160];

		exec_mark(r, mark);
		file_write(mark, "", 0, 0644, NULL);
		r->exec_done = true;
		return;
	}
	r->exec_said[0] = 0;
	argv[2] = spec(r)->exec.items[r->exec_next++];
	r->exec_running = router_exec(r, &conf, &x, &err) == 0;
	if (!r->exec_running)
		snprintf(r->error, sizeof(r->error), "exec '%s': %.400s", argv[2], err.text);
}

int router_exec(struct router *r, struct vrouter_exec_conf *conf, struct vrouter_exec **out,
		struct err *err)
{
	unsigned n = spec(r)->env.count;
	const char **env = calloc(n + 1, sizeof(*env));
	int code;

	if (!env)
		return err_sys(err, -ENOMEM, "%s", spec(r)->name);
	for (unsigned i = 0; i < n; i++)
		env[i] = spec(r)->env.items[i];
	conf->env = env;
	code = vrouter_exec(r->guest, conf, out, err);
	free(env);
	return code;
}

void router_exec_begin(struct router *r)
{
	char mark[160];

	exec_mark(r, mark);
	if (access(mark, F_OK) == 0)
		r->exec_done = true;
	if (r->exec_running || r->exec_done)
		return;
	r->exec_next = 0;
	run_next(r);
}

void router_exec_forget(struct router *r)
{
	char mark[160];

	r->exec_done = false;
	exec_mark(r, mark);
	unlink(mark);
}
