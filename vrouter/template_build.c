/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Makes a template: one machine, step by step.
 *
 *   lock -> boot -> agent answers -> /usr/lib/weft/template in it -> pause -> save -> stop
 *
 * Whoever holds the lock builds; a second one waits and then finds the work done. The lock ends
 * with its process, so a machine that still runs in the directory is of one that was killed.
 */
#include "vrouter/template_priv.h"

#include "base/file.h"
#include "vrouter/session_priv.h"

#include <dirent.h>
#include <errno.h>
#include <event2/event.h>
#include <fcntl.h>
#include <jansson.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <time.h>
#include <unistd.h>

enum { LOCK_RETRY_MS = 100, TIMEOUT_S = 180, TRIES = 2 };

struct template_build {
	struct event_base *base;
	struct image image;
	char dir[128], next[TEMPLATE_PATH_MAX + 8];
	uid_t uid;
	void (*done)(void *arg, int code, const struct err *err);
	void *arg;
	int lock; /* -1: not held */
	struct event *step; /* tries for the lock; tells of the end */
	struct event *deadline;
	struct hv_machine *machine;
	struct session *session;
	struct vrouter_exec *exec;
	char said[200]; /* the script's last words */
	unsigned tries;
	bool over;
	int code;
	struct err err;
};

static void soon(struct template_build *b, unsigned ms)
{
	struct timeval tv = { .tv_usec = (suseconds_t)ms * 1000 };

	event_add(b->step, &tv);
}

/* The end, told from the loop; a machine that still runs ends first. */
static void finish(struct template_build *b, int code)
{
	if (b->over)
		return;
	b->over = true;
	b->code = code;
	if (b->machine)
		hv_stop(b->machine);
	else
		soon(b, 0);
}

static int write_json(const struct template_build *b, struct err *err)
{
	char path[TEMPLATE_PATH_MAX + 32], key[17], built[32], *text;
	time_t now = time(NULL);
	struct tm tm;
	json_t *o;
	int code = template_key(&b->image, key, err);

	if (code)
		return code;
	strftime(built, sizeof(built), "%Y-%m-%dT%H:%M:%SZ", gmtime_r(&now, &tm));
	snprintf(path, sizeof(path), "%s/template.json", b->next);
	o = json_pack("{s:s, s:s}", "key", key, "built", built);
	text = o ? json_dumps(o, JSON_INDENT(1)) : NULL;
	code = text ? file_write(path, text, strlen(text), 0644, err) : err_sys(err, -ENOMEM, "%s", path);
	free(text);
	json_decref(o);
	return code;
}

/* In the place of the former one. Machines that run from that keep what they have of it. */
static int publish(const struct template_build *b, struct err *err)
{
	char dir[TEMPLATE_PATH_MAX];
	int code = write_json(b, err);

	template_dir(&b->image, dir);
	if (!code)
		code = file_remove_tree(dir, err);
	if (!code && rename(b->next, dir) < 0)
		code = err_sys(err, -errno, "%s", dir);
	return code;
}

static void machine_event(struct hv_machine *m, enum hv_event ev, const char *reason, void *arg)
{
	struct template_build *b = arg;
	int code;

	switch (ev) {
	case HV_PAUSED:
		code = hv_save(m, b->next, true, &b->err);
		if (code)
			finish(b, code);
		break;
	case HV_SAVED:
		finish(b, publish(b, &b->err));
		break;
	case HV_NOT_SAVED:
		finish(b, err_set(&b->err, -EIO, "%s", reason));
		break;
	case HV_STOPPED:
		hv_detach(m);
		b->machine = NULL;
		session_destroy(b->session);
		b->session = NULL;
		/* Under heavy load a kernel may find its timers broken as it boots. */
		if (!b->over && b->tries == TRIES)
			finish(b, err_set(&b->err, -EIO, "its machine ended: %s", reason));
		else
			soon(b, 0);
		break;
	default:
		break;
	}
}

static void on_output(void *arg, int stream, const void *bytes, size_t len)
{
	struct template_build *b = arg;

	snprintf(b->said, sizeof(b->said), "%.*s", (int)(len < 190 ? len : 190), (const char *)bytes);
	b->said[strcspn(b->said, "\n")] = 0;
}

static void on_prepared(void *arg, int status)
{
	struct template_build *b = arg;

	b->exec = NULL;
	if (b->over || status == -ECONNRESET)
		return;
	if (status)
		finish(b, err_set(&b->err, -EIO, "its daemons do not come up: exit status %d: %s", status,
				  b->said));
	else
		hv_pause(b->machine);
}

static void is_welcome(void *arg, bool ready)
{
	static const char *const argv[] = { "/bin/sh", "/usr/lib/weft/template", NULL };
	struct template_build *b = arg;
	const struct vrouter_exec_conf conf = {
		.argv = argv, .output = on_output, .done = on_prepared, .arg = b
	};
	int code;

	if (b->exec || b->over)
		return;
	code = session_exec(b->session, &conf, &b->exec, &b->err);
	if (code)
		finish(b, code);
}

static void ignore(void *arg)
{
}

int template_initrd(const struct image *img, const struct image_guest *guest, const char *dir,
		    char path[PATH_MAX], struct err *err)
{
	struct buf b = { 0 };
	int code = file_mkdirs(dir, 0700, err);

	snprintf(path, PATH_MAX, "%s/initrd", dir);
	if (!code)
		code = image_guest_initrd(img, guest, &b, err);
	if (!code && b.bad)
		code = err_sys(err, -ENOMEM, "%s", path);
	if (!code) /* others may read it, but nobody else gets into the directory */
		code = file_write(path, b.data, b.len, 0644, err);
	buf_free(&b);
	return code;
}

/* What a builder that was killed has left of its saving: "template.new", "template.new.tmp-...". */
static void remove_cut_off(const struct template_build *b)
{
	const char *name = strrchr(b->next, '/') + 1;
	char top[sizeof(b->next)], path[sizeof(b->next) + 256];
	struct dirent *e;
	DIR *dir;

	snprintf(top, sizeof(top), "%.*s", (int)(name - 1 - b->next), b->next);
	dir = opendir(top);
	while (dir && (e = readdir(dir))) {
		if (strncmp(e->d_name, name, strlen(name)) != 0)
			continue;
		snprintf(path, sizeof(path), "%s/%s", top, e->d_name);
		file_remove_tree(path, NULL);
	}
	if (dir)
		closedir(dir);
}

static int boot(struct template_build *b)
{
	static const struct session_ops ops = { is_welcome, ignore, ignore };
	static const struct image_file mark = { .path = "/etc/weft/template", .mode = 0644, .bytes = "" };
	const struct image_guest guest = { .hostname = "router", .file_count = 1, .files = &mark };
	char name[48], initrd[PATH_MAX], agent[160];
	struct hv_conf conf = { .name = name, .dir = b->dir, .uid = b->uid, .initrd = initrd };
	int code;

	snprintf(name, sizeof(name), "template/%s", b->image.name);
	template_machine(&b->image, &conf);
	b->tries++;
	remove_cut_off(b);
	code = template_initrd(&b->image, &guest, b->dir, initrd, &b->err);
	if (!code)
		code = hv_start(b->base, &conf, machine_event, b, &b->machine, &b->err);
	if (code)
		return code;
	code = session_create(b->base, NULL, &ops, b, &b->session);
	snprintf(agent, sizeof(agent), "%s/agent.sock", b->dir);
	if (!code)
		code = session_dial(b->session, agent, b->uid);
	return code ? err_sys(&b->err, code, "%s", name) : 0;
}

/* A machine of a builder that was killed. */
static void orphan_event(struct hv_machine *m, enum hv_event ev, const char *reason, void *arg)
{
	struct template_build *b = arg;

	if (ev != HV_STOPPED)
		return;
	hv_detach(m);
	b->machine = NULL;
	soon(b, 0);
}

static int take_lock(struct template_build *b)
{
	char dir[TEMPLATE_PATH_MAX], path[TEMPLATE_PATH_MAX + 8];

	template_dir(&b->image, dir);
	snprintf(path, sizeof(path), "%s.lock", dir);
	if (b->lock < 0)
		b->lock = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	if (b->lock < 0)
		return err_sys(&b->err, -errno, "%s", path);
	return flock(b->lock, LOCK_EX | LOCK_NB) < 0 ? -EAGAIN : 0;
}

static void on_step(evutil_socket_t fd, short what, void *arg)
{
	struct template_build *b = arg;
	struct template there;
	int code;

	if (b->over) {
		file_remove_tree(b->dir, NULL);
		b->done(b->arg, b->code, &b->err); /* may destroy */
		return;
	}
	code = take_lock(b);
	if (code == -EAGAIN) {
		soon(b, LOCK_RETRY_MS);
		return;
	}
	if (!code && template_find(&b->image, &there, &b->err) == 0) {
		finish(b, 0);
		return;
	}
	if (!code && hv_adopt(b->base, b->dir, NULL, orphan_event, b, &b->machine, &b->err) == 0) {
		hv_stop(b->machine);
		return;
	}
	if (!code)
		code = boot(b);
	if (code)
		finish(b, code);
}

static void on_deadline(evutil_socket_t fd, short what, void *arg)
{
	struct template_build *b = arg;

	finish(b, err_set(&b->err, -ETIMEDOUT, "not done after %d s", TIMEOUT_S));
}

int template_build(struct event_base *base, const struct image *img, const char *dir, uid_t uid,
		   void (*done)(void *arg, int code, const struct err *err), void *arg,
		   struct template_build **out, struct err *err)
{
	const struct timeval limit = { .tv_sec = TIMEOUT_S };
	struct template_build *b = calloc(1, sizeof(*b));
	char final[TEMPLATE_PATH_MAX];

	if (!b)
		return err_sys(err, -ENOMEM, "template of %s", img->name);
	*b = (struct template_build){ .base = base, .image = *img, .uid = uid, .done = done, .arg = arg,
				      .lock = -1 };
	snprintf(b->dir, sizeof(b->dir), "%s", dir);
	template_dir(img, final);
	snprintf(b->next, sizeof(b->next), "%s.new", final);
	b->step = evtimer_new(base, on_step, b);
	b->deadline = evtimer_new(base, on_deadline, b);
	if (!b->step || !b->deadline) {
		template_build_destroy(b);
		return err_sys(err, -ENOMEM, "template of %s", img->name);
	}
	event_add(b->deadline, &limit);
	soon(b, 0);
	*out = b;
	return 0;
}

void template_build_destroy(struct template_build *b)
{
	if (!b)
		return;
	b->over = true;
	session_destroy(b->session);
	if (b->machine) {
		hv_stop(b->machine);
		hv_detach(b->machine);
	}
	if (b->step)
		event_free(b->step);
	if (b->deadline)
		event_free(b->deadline);
	if (b->lock >= 0)
		close(b->lock);
	free(b);
}
