/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The QEMU backend: a machine is a jailed qemu-system-x86_64 (jail.c), watched by pidfd (proc.c)
 * and spoken to by QMP (qmp.c). Everything needed to find it again is in DIR (record.c). Saved
 * machines: saved.c is what they look like, qemu_save.c writes them, ram.c shares their memory.
 */
#include "hv/qemu_machine_priv.h"

#include "base/log.h"
#include "hv/proc_priv.h"
#include "hv/qemu_dir_priv.h"
#include "hv/qemu_priv.h"
#include "hv/ram_priv.h"

#include <errno.h>
#include <event2/event.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

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

void qemu_tell(struct qemu *q, enum hv_event ev, const char *reason)
{
	struct news *n = calloc(1, sizeof(*n));

	if (!n) {
		log_error("%s: out of memory: its owner is not told", q->dir);
		return;
	}
	n->ev = ev;
	snprintf(n->reason, sizeof(n->reason), "%s", reason ? reason : "");
	STAILQ_INSERT_TAIL(&q->news, n, link);
	event_active(q->notify, 0, 0);
}

static void notify(evutil_socket_t fd, short what, void *arg)
{
	struct qemu *q = arg;
	struct news *n = STAILQ_FIRST(&q->news);
	char reason[512];

	if (n) {
		struct news told = *n;

		STAILQ_REMOVE_HEAD(&q->news, link);
		free(n);
		event_active(q->notify, 0, 0); /* the next one */
		q->cb(&q->m, told.ev, told.reason[0] ? told.reason : NULL, q->arg); /* may detach */
	} else if (q->ended) {
		describe_end(q, reason, sizeof(reason));
		qemu_dir_clean(q->dir, &q->rec);
		q->ended = false;
		q->cb(&q->m, HV_STOPPED, reason, q->arg); /* may detach */
	}
}

static void process_ended(void *arg, int status)
{
	struct qemu *q = arg;

	q->status = status;
	control_process_ended(q);
}

static void destroy(struct qemu *q)
{
	struct news *n;

	control_fini(q);
	proc_unwatch(q->proc);
	ram_put(q->ram);
	saved_close(&q->base_ram);
	while ((n = STAILQ_FIRST(&q->news))) {
		STAILQ_REMOVE_HEAD(&q->news, link);
		free(n);
	}
	if (q->notify)
		event_free(q->notify);
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
	q->base_ram = -1;
	snprintf(q->dir, sizeof(q->dir), "%s", dir);
	STAILQ_INIT(&q->news);
	q->notify = event_new(base, -1, 0, notify, q);
	if (control_init(q) < 0 || !q->notify) {
		destroy(q);
		return NULL;
	}
	return q;
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
	q->rec.memory_mib = conf->memory_mib;
	q->rec.cpus = conf->cpus;
	q->rec.nic_count = conf->nic_count;
	for (unsigned i = 0; i < conf->nic_count; i++) {
		const struct hv_nic *nic = &conf->nics[i];

		/* New NICs are up by themselves, saved ones as they were. */
		q->carrier[i] = !nic->carrier ? CARRIER_DOWN : conf->from ? CARRIER_UP : CARRIER_ASIS;
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
	code = qemu_launch(q, conf, err);
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
	control_connect(q);
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

/* The memory that it started from, if `from` holds that. Without, it is saved whole. */
static void find_base(struct qemu *q, const char *from)
{
	struct saved s;

	if (!from || !q->rec.from[0] || saved_read(from, &s, NULL) < 0 ||
	    strcmp(s.id, q->rec.from) != 0 || s.memory_mib != q->rec.memory_mib)
		return;
	q->base_ram = saved_open(from, "ram", NULL);
	if (q->base_ram < 0)
		q->base_ram = -1;
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
	find_base(q, from);
	control_connect(q);
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
	control_carrier(q, nic);
	return 0;
}

static int qemu_pause(struct hv_machine *m)
{
	return control_wish(of(m), WISH_PAUSE, NULL, false);
}

static int qemu_resume(struct hv_machine *m)
{
	return control_wish(of(m), WISH_RESUME, NULL, false);
}

static int64_t qemu_instant(const struct hv_machine *m)
{
	return of(m)->instant;
}

static int qemu_save(struct hv_machine *m, const char *dir, bool as_template, struct err *err)
{
	struct qemu *q = of(m);
	struct stat st;

	for (unsigned i = 0; i < q->rec.nic_count; i++)
		if (!q->rec.sockets[i][0])
			return err_set(err, -ENOTSUP, "NIC %u is attached by vhost-user, which cannot be "
				       "saved", i);
	if (control_saves(q))
		return err_set(err, -EBUSY, "%s: it is being saved already", q->dir);
	if (strlen(dir) >= PATH_MAX)
		return err_sys(err, -ENAMETOOLONG, "%s", dir);
	if (lstat(dir, &st) == 0)
		return err_sys(err, -EEXIST, "%s", dir);
	if (control_wish(q, WISH_SAVE, dir, as_template) < 0)
		return err_sys(err, -ENOMEM, "%s", dir);
	return 0;
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
