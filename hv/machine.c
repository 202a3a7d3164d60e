/* SPDX-License-Identifier: Apache-2.0 */
#include "hv/machine_priv.h"

#include "base/log.h"
#include "hv/machine_dir_priv.h"
#include "hv/proc_priv.h"

#include <errno.h>
#include <event2/event.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

/* The kernel does not say whom it has killed, but how many. */
static void describe_kill(const struct machine *m, char *out, size_t size)
{
	uint64_t more = proc_oom_kills() - m->oom_kills;

	if (more)
		snprintf(out, size, "killed by signal %d; since it was started the kernel has killed %llu "
			 "processes for want of memory", WTERMSIG(m->status), (unsigned long long)more);
	else
		snprintf(out, size, "killed by signal %d", WTERMSIG(m->status));
}

static void describe_end(const struct machine *m, char *out, size_t size)
{
	char line[200];

	machine_dir_last_line(m->dir, line, sizeof(line));
	if (m->stop_asked)
		snprintf(out, size, "stopped");
	else if (m->status >= 0 && WIFSIGNALED(m->status))
		describe_kill(m, out, size);
	else if (m->ops->describe_end(m, out, size))
		return;
	else if (m->status > 0)
		snprintf(out, size, "exit status %d%s%s", WEXITSTATUS(m->status), line[0] ? ": " : "",
			 line);
	else if (m->status == 0)
		snprintf(out, size, "guest powered off");
	else
		snprintf(out, size, "ended%s%s", line[0] ? ": " : "", line);
}

void machine_tell(struct machine *m, enum hv_event ev, const char *reason)
{
	struct news *n = calloc(1, sizeof(*n));

	if (!n) {
		log_error("%s: out of memory: its owner is not told", m->dir);
		return;
	}
	n->ev = ev;
	snprintf(n->reason, sizeof(n->reason), "%s", reason ? reason : "");
	STAILQ_INSERT_TAIL(&m->news, n, link);
	event_active(m->notify, 0, 0);
}

void machine_over(struct machine *m)
{
	m->over = true;
	event_active(m->notify, 0, 0);
}

static void notify(evutil_socket_t fd, short what, void *arg)
{
	struct machine *m = arg;
	struct news *n = STAILQ_FIRST(&m->news);
	char reason[512];

	if (n) {
		struct news told = *n;

		STAILQ_REMOVE_HEAD(&m->news, link);
		free(n);
		event_active(m->notify, 0, 0); /* the next one */
		m->cb(&m->m, told.ev, told.reason[0] ? told.reason : NULL, m->arg); /* may detach */
	} else if (m->over) {
		describe_end(m, reason, sizeof(reason));
		machine_dir_clean(m->dir, &m->rec);
		m->over = false;
		m->cb(&m->m, HV_STOPPED, reason, m->arg); /* may detach */
	}
}

static void process_ended(void *arg, int status)
{
	struct machine *m = arg;

	m->status = status;
	m->ops->process_ended(m);
}

int machine_init(struct machine *m, const struct hv_backend *backend, const struct machine_ops *ops,
		 struct event_base *base, const char *dir, hv_event_cb cb, void *arg)
{
	*m = (struct machine){ .m.backend = backend, .ops = ops, .base = base, .cb = cb, .arg = arg,
			       .status = MACHINE_RUNS, .base_ram = -1,
			       .oom_kills = proc_oom_kills() };
	snprintf(m->dir, sizeof(m->dir), "%s", dir);
	STAILQ_INIT(&m->news);
	STAILQ_INIT(&m->wishes);
	m->notify = event_new(base, -1, 0, notify, m);
	return m->notify ? 0 : -ENOMEM;
}

void machine_fini(struct machine *m)
{
	struct news *n;

	proc_unwatch(m->proc);
	machine_drop_wishes(m, false);
	ram_put(m->ram);
	saved_close(&m->base_ram);
	while ((n = STAILQ_FIRST(&m->news))) {
		STAILQ_REMOVE_HEAD(&m->news, link);
		free(n);
	}
	if (m->notify)
		event_free(m->notify);
}

static bool runs(const char *dir, struct hv_record *rec)
{
	struct proc_stat st;

	return hv_record_read(dir, rec, NULL) == 0 && proc_stat(rec->pid, &st) == 0 && !st.ended &&
	       st.start_time == rec->start_time && st.uid == rec->owner;
}

int machine_may_start(const struct hv_conf *conf, struct err *err)
{
	struct hv_record before;

	if (geteuid() != 0)
		return err_set(err, -EPERM, "%s: only root can start a machine", conf->name);
	if (runs(conf->dir, &before))
		return err_set(err, -EBUSY, "%s: process %d runs in %s already", conf->name,
			       (int)before.pid, conf->dir);
	return 0;
}

void machine_fill_record(struct machine *m, const struct hv_conf *conf)
{
	snprintf(m->rec.backend, sizeof(m->rec.backend), "%s", m->m.backend->name);
	m->rec.owner = conf->uid;
	m->rec.memory_mib = conf->memory_mib;
	m->rec.cpus = conf->cpus;
	m->rec.nic_count = conf->nic_count;
	for (unsigned i = 0; i < conf->nic_count; i++)
		if (!conf->nics[i].vhost_user)
			snprintf(m->rec.sockets[i], SOCK_PATH_MAX, "%s",
				 strrchr(conf->nics[i].local, '/') + 1);
}

int machine_began(struct machine *m, const struct hv_conf *conf, struct err *err)
{
	struct proc_stat st;
	int code = proc_stat(m->rec.pid, &st); /* our child: there until we have waited for it */

	if (!code)
		code = proc_watch(m->base, m->rec.pid, st.start_time, process_ended, m, &m->proc);
	if (code) {
		err_sys(err, code, "%s: process %d", conf->name, (int)m->rec.pid);
	} else {
		m->rec.start_time = st.start_time;
		code = hv_record_write(conf->dir, &m->rec, err);
	}
	if (code) {
		kill(m->rec.pid, SIGKILL);
		waitpid(m->rec.pid, NULL, 0);
	}
	return code;
}

int machine_find(const char *dir, struct hv_record *rec, struct err *err)
{
	if (strlen(dir) >= SOCK_PATH_MAX || !runs(dir, rec))
		return err_set(err, -ENOENT, "%s: no machine runs there", dir);
	return 0;
}

int machine_adopt(struct machine *m, const struct hv_record *rec, struct err *err)
{
	int code;

	m->rec = *rec;
	code = proc_watch(m->base, rec->pid, rec->start_time, process_ended, m, &m->proc);
	if (code == -ESRCH)
		return err_set(err, -ENOENT, "%s: no machine runs there", m->dir);
	return code ? err_sys(err, code, "%s", m->dir) : 0;
}

void machine_stop(struct hv_machine *hm)
{
	struct machine *m = (struct machine *)hm;

	m->stop_asked = true;
	proc_kill(m->proc);
}

pid_t machine_pid(const struct hv_machine *m)
{
	return ((const struct machine *)m)->rec.pid;
}

const char *machine_accel(const struct hv_machine *m)
{
	return ((const struct machine *)m)->rec.accel;
}
