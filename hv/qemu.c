/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The QEMU backend: a machine is a jailed qemu-system-x86_64 (jail.c), watched by pidfd (proc.c)
 * and spoken to by QMP (qmp.c). Everything needed to find it again is in DIR (record.c).
 */
#include "hv/qemu_priv.h"

#include "base/file.h"
#include "base/log.h"
#include "hv/jail_priv.h"
#include "hv/proc_priv.h"
#include "hv/qemu_dir_priv.h"
#include "hv/qmp_priv.h"

#include <errno.h>
#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/event.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

enum { DIAL_MS = 10, DIAL_SLOW_MS = 250, DIAL_FAST_TRIES = 500 };

enum carrier { CARRIER_ASIS, CARRIER_DOWN, CARRIER_UP };

struct qemu {
	struct hv_machine m; /* first */
	struct event_base *base;
	hv_event_cb cb;
	void *arg;
	char dir[SOCK_PATH_MAX];
	struct hv_record rec;
	enum carrier carrier[HV_PORTS_MAX];
	struct proc *proc;
	struct event *dial; /* timer: connect to QMP */
	unsigned tries;
	struct bufferevent *bev;
	struct qmp *qmp;
	struct event *notify; /* tells the owner, from the loop's top */
	bool up, running_told, stop_asked, ended;
	int status;
	char shutdown[32]; /* reason of QMP's SHUTDOWN event */
};

static struct qemu *of(const struct hv_machine *m)
{
	return (struct qemu *)m;
}

static void describe_end(const struct qemu *q, char *out, size_t size)
{
	char line[200];

	qemu_dir_last_line(q->dir, line, sizeof(line));
	if (q->stop_asked)
		snprintf(out, size, "stopped");
	else if (q->status >= 0 && WIFSIGNALED(q->status))
		snprintf(out, size, "killed by signal %d", WTERMSIG(q->status));
	else if (q->status > 0)
		snprintf(out, size, "exit status %d%s%s", WEXITSTATUS(q->status), line[0] ? ": " : "",
			 line);
	else if (strcmp(q->shutdown, "guest-panic") == 0)
		snprintf(out, size, "guest panicked");
	else if (strcmp(q->shutdown, "guest-reset") == 0)
		snprintf(out, size, "guest rebooted");
	else if (strcmp(q->shutdown, "guest-shutdown") == 0 || (q->status == 0 && !q->shutdown[0]))
		snprintf(out, size, "guest powered off");
	else
		snprintf(out, size, "ended%s%s%s%s", q->shutdown[0] ? " by " : "", q->shutdown,
			 line[0] ? ": " : "", line);
}

static void notify(evutil_socket_t fd, short what, void *arg)
{
	struct qemu *q = arg;
	char reason[256];

	if (q->ended) {
		describe_end(q, reason, sizeof(reason));
		qemu_dir_clean(q->dir, &q->rec);
		q->cb(&q->m, HV_STOPPED, reason, q->arg); /* may detach */
		return;
	}
	if (q->up && !q->running_told) {
		q->running_told = true;
		q->cb(&q->m, HV_RUNNING, NULL, q->arg); /* may detach */
	}
}

static void dial_later(struct qemu *q)
{
	unsigned ms = q->tries++ < DIAL_FAST_TRIES ? DIAL_MS : DIAL_SLOW_MS;
	struct timeval tv = { .tv_usec = (suseconds_t)ms * 1000 };

	evtimer_add(q->dial, &tv);
}

static void hang_up(struct qemu *q)
{
	if (q->bev)
		bufferevent_free(q->bev);
	q->bev = NULL;
	qmp_destroy(q->qmp);
	q->qmp = NULL;
	q->up = false;
}

/* The control channel is gone: the process ended, or gave us something that is no QMP. */
static void lost(struct qemu *q)
{
	hang_up(q);
	if (q->status >= -1)
		q->ended = true, event_active(q->notify, 0, 0);
	else
		dial_later(q);
}

static void send_carrier(struct qemu *q, unsigned nic)
{
	char name[16];

	if (!q->up || q->carrier[nic] == CARRIER_ASIS)
		return;
	snprintf(name, sizeof(name), "nic%u", nic);
	qmp_command(q->qmp, "set_link",
		    json_pack("{s:s, s:b}", "name", name, "up", q->carrier[nic] == CARRIER_UP));
}

static void qmp_is_ready(void *arg)
{
	struct qemu *q = arg;

	q->up = true;
	for (unsigned i = 0; i < q->rec.nic_count; i++)
		send_carrier(q, i);
	event_active(q->notify, 0, 0);
}

static void qmp_said(void *arg, const char *name, const json_t *data)
{
	struct qemu *q = arg;
	const char *reason = json_string_value(json_object_get(data, "reason"));

	if (strcmp(name, "SHUTDOWN") == 0 && reason && strspn(reason, "abcdefghijklmnopqrstuvwxyz-") ==
						       strlen(reason))
		snprintf(q->shutdown, sizeof(q->shutdown), "%s", reason);
}

static void qmp_refused(void *arg, const char *text)
{
	struct qemu *q = arg;

	log_warn("%s: the machine refused a command: %.200s", q->dir, text);
}

static void readable(struct bufferevent *bev, void *arg)
{
	struct qemu *q = arg;

	if (qmp_input(q->qmp, bufferevent_get_input(bev)) < 0)
		lost(q);
}

static void closed(struct bufferevent *bev, short what, void *arg)
{
	lost(arg);
}

static void dial(evutil_socket_t unused, short what, void *arg)
{
	static const struct qmp_ops ops = { qmp_is_ready, qmp_said, qmp_refused };
	struct qemu *q = arg;
	char path[PATH_MAX];
	int fd;

	snprintf(path, sizeof(path), "%s/qmp.sock", q->dir);
	fd = sock_connect_unix(path, q->rec.owner);
	if (fd < 0) {
		dial_later(q);
		return;
	}
	q->bev = bufferevent_socket_new(q->base, fd, BEV_OPT_CLOSE_ON_FREE);
	if (!q->bev) {
		close(fd);
		dial_later(q);
		return;
	}
	q->qmp = qmp_create(bufferevent_get_output(q->bev), &ops, q);
	if (!q->qmp) {
		hang_up(q);
		dial_later(q);
		return;
	}
	bufferevent_setcb(q->bev, readable, NULL, closed, q);
	bufferevent_setwatermark(q->bev, EV_READ, 0, 2 * QMP_LINE_MAX);
	bufferevent_enable(q->bev, EV_READ | EV_WRITE);
}

static void process_ended(void *arg, int status)
{
	struct qemu *q = arg;

	q->status = status;
	evtimer_del(q->dial);
	/* Its last words may still wait in the socket; the end of the stream follows them. */
	if (q->bev)
		return;
	q->ended = true;
	event_active(q->notify, 0, 0);
}

static void destroy(struct qemu *q)
{
	hang_up(q);
	proc_unwatch(q->proc);
	if (q->notify)
		event_free(q->notify);
	if (q->dial)
		event_free(q->dial);
	free(q);
}

static struct qemu *create(struct event_base *base, const char *dir, hv_event_cb cb, void *arg)
{
	struct qemu *q = calloc(1, sizeof(*q));

	if (!q)
		return NULL;
	q->m.backend = &hv_qemu;
	q->base = base;
	q->cb = cb;
	q->arg = arg;
	q->status = -2; /* runs */
	snprintf(q->dir, sizeof(q->dir), "%s", dir);
	q->notify = event_new(base, -1, 0, notify, q);
	q->dial = evtimer_new(base, dial, q);
	if (!q->notify || !q->dial) {
		destroy(q);
		return NULL;
	}
	return q;
}

bool hv_can_use_kvm(void)
{
	struct buf b = { 0 };
	bool yes = false;
	int fd;

	if (file_read("/proc/cpuinfo", 64 << 20, &b, NULL) == 0) {
		buf_u8(&b, 0);
		yes = !b.bad && qemu_cpu_has_vm((const char *)b.data);
	}
	buf_free(&b);
	if (!yes)
		return false;
	fd = open("/dev/kvm", O_RDWR | O_CLOEXEC);
	if (fd >= 0)
		close(fd);
	return fd >= 0;
}

/* What of the host the jail shows: the images, where the peers are, and last DIR itself. */
struct view {
	unsigned count;
	struct jail_bind binds[JAIL_BINDS_MAX];
	char kernel[PATH_MAX], initrd[PATH_MAX];
	char peers[HV_PORTS_MAX][SOCK_PATH_MAX];
};

static void show(struct view *v, const char *from, const char *to, bool file, bool writable)
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
	show(v, dir, dir, false, false);
	return 0;
}

static int make_view(struct view *v, const struct hv_conf *conf, struct err *err)
{
	int code = 0;

	if (conf->kernel) {
		code = qemu_dir_stage(conf, conf->kernel, "kernel", v->kernel, sizeof(v->kernel), err);
		show(v, v->kernel, QEMU_KERNEL, true, false);
	}
	if (!code && conf->kernel && conf->initrd) {
		code = qemu_dir_stage(conf, conf->initrd, "initrd", v->initrd, sizeof(v->initrd), err);
		show(v, v->initrd, QEMU_INITRD, true, false);
	}
	for (unsigned i = 0; i < conf->nic_count && !code; i++)
		code = show_peer(v, conf, i, err);
	show(v, conf->dir, conf->dir, false, true);
	return code;
}

/* Makes the directory, the command line and the jail, and starts the process. */
static int launch(struct qemu *q, const struct hv_conf *conf, struct err *err)
{
	struct jail_conf jail = { .uid = conf->uid, .dir = conf->dir };
	struct view *v = calloc(1, sizeof(*v));
	struct qemu_args args = { 0 };
	int code;

	if (!v)
		return err_sys(err, -ENOMEM, "%s", conf->name);
	jail.kvm = hv_can_use_kvm();
	snprintf(q->rec.accel, sizeof(q->rec.accel), "%s", jail.kvm ? "kvm" : "tcg");
	code = qemu_dir_make(conf, err);
	if (!code)
		code = make_view(v, conf, err);
	if (code)
		goto free_view;
	code = qemu_args_build(conf, jail.kvm, &args);
	if (code) {
		err_sys(err, code, "%s", conf->name);
		goto free_view;
	}
	jail.log_fd = code = qemu_dir_log(conf->dir, err);
	if (code < 0)
		goto free_args;
	jail.argv = (const char *const *)args.argv;
	jail.binds = v->binds;
	jail.bind_count = v->count;
	jail.file_max = qemu_file_max(conf);
	code = jail_spawn(&jail, &q->rec.pid, err);
	close(jail.log_fd);
free_args:
	qemu_args_free(&args);
free_view:
	free(v);
	return code;
}

static bool runs(const char *dir, struct hv_record *rec)
{
	struct proc_stat st;

	return hv_record_read(dir, rec, NULL) == 0 && proc_stat(rec->pid, &st) == 0 && !st.ended &&
	       st.start_time == rec->start_time && st.uid == rec->owner;
}

static void fill_record(struct qemu *q, const struct hv_conf *conf)
{
	snprintf(q->rec.backend, sizeof(q->rec.backend), "%s", hv_qemu.name);
	q->rec.owner = conf->uid;
	q->rec.nic_count = conf->nic_count;
	for (unsigned i = 0; i < conf->nic_count; i++) {
		const struct hv_nic *nic = &conf->nics[i];

		q->carrier[i] = nic->carrier ? CARRIER_ASIS : CARRIER_DOWN;
		if (!nic->vhost_user)
			snprintf(q->rec.sockets[i], SOCK_PATH_MAX, "%s", strrchr(nic->local, '/') + 1);
	}
}

static int qemu_start(struct event_base *base, const struct hv_conf *conf, hv_event_cb cb, void *arg,
		      struct hv_machine **out, struct err *err)
{
	struct hv_record before;
	struct proc_stat st;
	struct qemu *q;
	int code = qemu_args_check(conf, err);

	if (code)
		return code;
	if (geteuid() != 0)
		return err_set(err, -EPERM, "%s: only root can start a machine", conf->name);
	if (runs(conf->dir, &before))
		return err_set(err, -EBUSY, "%s: process %d runs in %s already", conf->name,
			       (int)before.pid, conf->dir);
	q = create(base, conf->dir, cb, arg);
	if (!q)
		return err_sys(err, -ENOMEM, "%s", conf->name);
	fill_record(q, conf);
	code = launch(q, conf, err);
	if (code)
		goto clean;
	code = proc_stat(q->rec.pid, &st); /* our child: there until we have waited for it */
	if (!code)
		code = proc_watch(base, q->rec.pid, st.start_time, process_ended, q, &q->proc);
	if (code) {
		err_sys(err, code, "%s: process %d", conf->name, (int)q->rec.pid);
		goto kill_child;
	}
	q->rec.start_time = st.start_time;
	code = hv_record_write(conf->dir, &q->rec, err);
	if (code)
		goto kill_child;
	dial_later(q);
	*out = &q->m;
	return 0;

kill_child:
	kill(q->rec.pid, SIGKILL);
	waitpid(q->rec.pid, NULL, 0);
clean:
	qemu_dir_clean(conf->dir, &q->rec);
	destroy(q);
	return code;
}

static int qemu_adopt(struct event_base *base, const char *dir, const char *from, hv_event_cb cb,
		      void *arg, struct hv_machine **out, struct err *err)
{
	struct hv_record rec;
	struct qemu *q;
	int code;

	if (strlen(dir) >= SOCK_PATH_MAX || !runs(dir, &rec))
		return err_set(err, -ENOENT, "%s: no machine runs there", dir);
	q = create(base, dir, cb, arg);
	if (!q)
		return err_sys(err, -ENOMEM, "%s", dir);
	q->rec = rec;
	code = proc_watch(base, rec.pid, rec.start_time, process_ended, q, &q->proc);
	if (code) {
		destroy(q);
		return code == -ESRCH ? err_set(err, -ENOENT, "%s: no machine runs there", dir) :
					err_sys(err, code, "%s", dir);
	}
	dial_later(q);
	*out = &q->m;
	return 0;
}

static void qemu_stop(struct hv_machine *m)
{
	of(m)->stop_asked = true;
	proc_kill(of(m)->proc);
}

static int qemu_set_carrier(struct hv_machine *m, unsigned nic, bool up)
{
	struct qemu *q = of(m);

	if (nic >= q->rec.nic_count)
		return -EINVAL;
	q->carrier[nic] = up ? CARRIER_UP : CARRIER_DOWN;
	send_carrier(q, nic);
	return 0;
}

static int qemu_pause(struct hv_machine *m)
{
	return -ENOTSUP;
}

static int qemu_resume(struct hv_machine *m)
{
	return -ENOTSUP;
}

static int64_t qemu_instant(const struct hv_machine *m)
{
	return 0;
}

static int qemu_save(struct hv_machine *m, const char *dir, bool as_template, struct err *err)
{
	return err_set(err, -ENOTSUP, "%s: machines cannot be saved yet", of(m)->dir);
}

static int qemu_fingerprint(const struct hv_conf *conf, struct buf *out, struct err *err)
{
	return err_set(err, -ENOTSUP, "%s: machines cannot be saved yet", conf->name);
}

static pid_t qemu_pid(const struct hv_machine *m)
{
	return of(m)->rec.pid;
}

static const char *qemu_accel(const struct hv_machine *m)
{
	return of(m)->rec.accel;
}

static void qemu_detach(struct hv_machine *m)
{
	destroy(of(m));
}

const struct hv_backend hv_qemu = {
	.name = "qemu",
	.start = qemu_start,
	.adopt = qemu_adopt,
	.stop = qemu_stop,
	.set_carrier = qemu_set_carrier,
	.pause = qemu_pause,
	.resume = qemu_resume,
	.save = qemu_save,
	.fingerprint = qemu_fingerprint,
	.instant = qemu_instant,
	.pid = qemu_pid,
	.accel = qemu_accel,
	.detach = qemu_detach,
};
