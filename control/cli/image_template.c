/* SPDX-License-Identifier: Apache-2.0 */
#include "control/cli/image_template.h"

#include "base/file.h"

#include <errno.h>
#include <event2/event.h>
#include <signal.h>
#include <stdio.h>
#include <unistd.h>

#define UID 805306365u /* as guests have, below weftd's own */

struct making {
	struct event_base *base;
	const struct image *image;
	struct progress *progress;
	int code;
	struct err *err;
};

static void on_done(void *arg, int code, const struct err *err)
{
	struct making *m = arg;

	m->code = code;
	if (code)
		*m->err = *err;
	event_base_loopbreak(m->base);
}

static void on_tick(evutil_socket_t fd, short what, void *arg)
{
	struct making *m = arg;

	progress_show(m->progress, -1, "%s: booting the template", m->image->name);
}

static int run(struct making *m, const char *dir)
{
	const struct timeval every = { .tv_usec = 200000 };
	struct event *tick = event_new(m->base, -1, EV_PERSIST, on_tick, m);
	struct template_build *build;
	int code = tick ? 0 : err_sys(m->err, -ENOMEM, "template");

	if (!code)
		code = template_build(m->base, m->image, dir, UID, on_done, m, &build, m->err);
	if (!code) {
		event_add(tick, &every);
		event_base_dispatch(m->base);
		template_build_destroy(build);
		code = m->code;
	}
	if (tick)
		event_free(tick);
	return code;
}

int template_make(const struct cli *cli, const struct image *image, bool force,
		  struct progress *progress, struct template *out, struct err *err)
{
	struct making m = { .image = image, .progress = progress, .err = err };
	char top[PATH_MAX], dir[PATH_MAX];
	int code = template_find(image, out, err);

	if (code == 0 && !force)
		return 0;
	if (code == 0)
		code = file_remove_tree(out->dir, err);
	else if (code == -ENOENT || code == -ESTALE)
		code = 0;
	if (code)
		return code;
	signal(SIGPIPE, SIG_IGN); /* a machine that ends while it is spoken to */
	m.base = event_base_new();
	if (!m.base)
		return err_sys(err, -ENOMEM, "template of %s", image->name);
	snprintf(top, sizeof(top), "%.64s/t", cli->run);
	snprintf(dir, sizeof(dir), "%.64s/t/cli-%s", cli->run, image->name);
	code = run(&m, dir);
	event_base_free(m.base);
	rmdir(top); /* both only if nothing else is in them */
	rmdir(cli->run);
	if (code)
		return err_prefix(err, code, "template of %s", image->name);
	return template_find(image, out, err);
}
