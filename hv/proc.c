/* SPDX-License-Identifier: Apache-2.0 */
#include "hv/proc_priv.h"

#include <errno.h>
#include <event2/event.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

struct proc {
	int fd; /* pidfd */
	struct event *ev;
	proc_end_cb cb;
	void *arg;
};

/* The command name, field 2, may hold anything, parentheses too: count from the last one. */
static int parse_stat(const char *text, struct proc_stat *out)
{
	const char *p = strrchr(text, ')');
	unsigned long long start;
	char state;

	if (!p || sscanf(p + 1,
			 " %c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %*u %*u %*d %*d %*d %*d"
			 " %*d %*d %llu",
			 &state, &start) != 2)
		return -ESRCH;
	out->start_time = start;
	out->ended = state == 'Z' || state == 'X';
	return 0;
}

/* Reads /proc/PID/NAME; returns its length or -ESRCH. */
static ssize_t read_proc(pid_t pid, const char *name, char *text, size_t size)
{
	char path[64];
	ssize_t n;
	int fd;

	snprintf(path, sizeof(path), "/proc/%d/%s", (int)pid, name);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return -ESRCH;
	n = read(fd, text, size - 1);
	close(fd);
	if (n <= 0)
		return -ESRCH;
	text[n] = 0;
	return n;
}

uint64_t proc_oom_kills(void)
{
	FILE *f = fopen("/proc/vmstat", "re");
	unsigned long long kills = 0;
	char line[128];

	while (f && fgets(line, sizeof(line), f))
		if (sscanf(line, "oom_kill %llu", &kills) == 1)
			break;
	if (f)
		fclose(f);
	return kills;
}

int proc_stat(pid_t pid, struct proc_stat *out)
{
	char text[4096];
	const char *uid;
	unsigned long real;
	ssize_t n = read_proc(pid, "status", text, sizeof(text));

	if (n < 0)
		return (int)n;
	/* The name on the first line is escaped, so that no name can look like another line. */
	uid = strstr(text, "\nUid:\t");
	if (!uid || sscanf(uid + 6, "%lu", &real) != 1)
		return -ESRCH;
	out->uid = (uid_t)real;
	n = read_proc(pid, "stat", text, sizeof(text));
	return n < 0 ? (int)n : parse_stat(text, out);
}

static void ended(evutil_socket_t fd, short what, void *arg)
{
	struct proc *p = arg;
	siginfo_t info = { 0 };
	int status = -1;

	if (waitid((idtype_t)P_PIDFD, (id_t)p->fd, &info, WEXITED | WNOHANG) == 0 && info.si_pid)
		status = info.si_code == CLD_EXITED ? W_EXITCODE(info.si_status, 0) :
						      W_EXITCODE(0, info.si_status);
	event_del(p->ev);
	p->cb(p->arg, status); /* may unwatch */
}

int proc_watch(struct event_base *base, pid_t pid, uint64_t start_time, proc_end_cb cb, void *arg,
	       struct proc **out)
{
	struct proc *p = calloc(1, sizeof(*p));
	struct proc_stat st;
	int code;

	if (!p)
		return -ENOMEM;
	*p = (struct proc){ .cb = cb, .arg = arg };
	p->fd = (int)syscall(SYS_pidfd_open, pid, 0);
	if (p->fd < 0) {
		code = -errno;
		goto free_proc;
	}
	/* Only now: what the descriptor holds cannot be recycled any more. */
	code = proc_stat(pid, &st);
	if (!code && st.start_time != start_time)
		code = -ESRCH;
	if (code)
		goto close_fd;
	p->ev = event_new(base, p->fd, EV_READ | EV_PERSIST, ended, p);
	if (!p->ev || event_add(p->ev, NULL) < 0) {
		code = -ENOMEM;
		goto free_event;
	}
	*out = p;
	return 0;

free_event:
	if (p->ev)
		event_free(p->ev);
close_fd:
	close(p->fd);
free_proc:
	free(p);
	return code;
}

int proc_fd(const struct proc *p)
{
	return p->fd;
}

void proc_kill(struct proc *p)
{
	syscall(SYS_pidfd_send_signal, p->fd, SIGKILL, NULL, 0);
}

void proc_unwatch(struct proc *p)
{
	if (!p)
		return;
	event_free(p->ev);
	close(p->fd);
	free(p);
}
