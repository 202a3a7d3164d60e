/* SPDX-License-Identifier: Apache-2.0 */
#include "control/command.h"

#include "base/buf.h"
#include "base/oom.h"
#include "control/netns.h"

#include <errno.h>
#include <event2/event.h>
#include <fcntl.h>
#include <grp.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/pidfd.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#define PROCESSES_MAX 1024 /* of a confined host */
#define SAFE_PATH     "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

struct command {
	struct command_conf conf;
	pid_t pid;
	int pidfd;
	int in, out[2]; /* pipes: its stdin, stdout, stderr; -1 when closed */
	struct buf input;
	struct event *writable, *readable[2], *death;
};

static void event_close(struct event **ev, int *fd)
{
	if (*ev)
		event_free(*ev);
	*ev = NULL;
	if (*fd >= 0)
		close(*fd);
	*fd = -1;
}

static void command_free(struct command *c)
{
	event_close(&c->writable, &c->in);
	event_close(&c->readable[0], &c->out[0]);
	event_close(&c->readable[1], &c->out[1]);
	event_close(&c->death, &c->pidfd);
	buf_free(&c->input);
	free(c);
}

/* Reads what there is; false at the end of the stream. */
static bool drain(struct command *c, int i)
{
	char bytes[16384];
	ssize_t n = read(c->out[i], bytes, sizeof(bytes));

	if (n > 0)
		c->conf.output(c->conf.arg, i + 1, bytes, (size_t)n);
	return n > 0 || (n < 0 && (errno == EAGAIN || errno == EINTR));
}

static void on_output(evutil_socket_t fd, short what, void *arg)
{
	struct command *c = arg;
	int i = fd == c->out[1];

	if (!drain(c, i))
		event_close(&c->readable[i], &c->out[i]);
}

/* What is in a pipe now. Not more: a daemon that was left behind may fill it for ever. */
static void drain_last(struct command *c, int i)
{
	int left = 0;

	if (c->out[i] < 0 || ioctl(c->out[i], FIONREAD, &left) < 0)
		return;
	while (left > 0) {
		char bytes[16384];
		size_t want = (size_t)left < sizeof(bytes) ? (size_t)left : sizeof(bytes);
		ssize_t n = read(c->out[i], bytes, want);

		if (n <= 0)
			return;
		c->conf.output(c->conf.arg, i + 1, bytes, (size_t)n);
		left -= (int)n;
	}
}

/* A daemon that the command left behind may hold the pipes open, so its own death is the end. */
static void on_death(evutil_socket_t fd, short what, void *arg)
{
	struct command *c = arg;
	siginfo_t info = { 0 };

	if (waitid(P_PIDFD, (id_t)c->pidfd, &info, WEXITED) < 0) {
		info.si_code = CLD_EXITED;
		info.si_status = 255;
	}
	drain_last(c, 0);
	drain_last(c, 1);
	c->conf.done(c->conf.arg,
		     info.si_code == CLD_EXITED ? info.si_status : 128 + info.si_status);
	command_free(c);
}

static void on_writable(evutil_socket_t fd, short what, void *arg)
{
	struct command *c = arg;
	ssize_t n = write(c->in, c->input.data, c->input.len);

	if (n > 0)
		buf_consume(&c->input, (size_t)n);
	if (c->input.len == 0 || (n < 0 && errno != EAGAIN && errno != EINTR))
		event_close(&c->writable, &c->in);
}

/* What of this machine it may take at most; and where memory is short, it goes first. */
static bool bound(void)
{
	const struct rlimit processes = { PROCESSES_MAX, PROCESSES_MAX }, core = { 0, 0 };

	return oom_adjust("1000") && setrlimit(RLIMIT_NPROC, &processes) == 0 && setrlimit(RLIMIT_CORE, &core) == 0;
}

/* user: the user namespace that ns belongs to, or -1. */
static bool enter(int ns, int user)
{
	if (user < 0)
		return setns(ns, CLONE_NEWNET) == 0;
	if (clearenv() || setenv("PATH", SAFE_PATH, 1) || setenv("HOME", "/", 1))
		return false;
	return bound() && setgroups(0, NULL) == 0 && setns(user, CLONE_NEWUSER) == 0 &&
	       setns(ns, CLONE_NEWNET) == 0 && setresgid(0, 0, 0) == 0 && setresuid(0, 0, 0) == 0;
}

static void child(const struct command_conf *conf, int ns, int user, int in, int out, int errors)
{
	sigset_t none;

	setsid();
	oom_adjust("0"); /* not what weftd's service has for it */
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	signal(SIGPIPE, SIG_DFL);
	dup2(in, STDIN_FILENO);
	dup2(out, STDOUT_FILENO);
	dup2(errors, STDERR_FILENO);
	if (!enter(ns, user) || unshare(CLONE_NEWNS | CLONE_NEWUTS) < 0 ||
	    mount("", "/", NULL, MS_REC | MS_SLAVE, NULL) < 0 ||
	    mount("sysfs", "/sys", "sysfs", 0, NULL) < 0 ||
	    sethostname(conf->hostname, strlen(conf->hostname)) < 0 || chdir("/") < 0) {
		dprintf(STDERR_FILENO, "%s: %s\n", conf->hostname, strerror(errno));
		_exit(126);
	}
	close_range(3, ~0u, 0);
	for (const char *const *e = conf->env; e && *e; e++)
		putenv((char *)*e);
	execvp(conf->argv[0], (char *const *)conf->argv);
	dprintf(STDERR_FILENO, "%s: %s\n", conf->argv[0], strerror(errno));
	_exit(errno == ENOENT ? 127 : 126);
}

static int start_process(struct command *c, int ns, int user)
{
	int in[2] = { -1, -1 }, out[2] = { -1, -1 }, errors[2] = { -1, -1 }, code = 0;

	if (c->conf.input ? pipe2(in, O_CLOEXEC) < 0 :
			    (in[0] = open("/dev/null", O_RDONLY | O_CLOEXEC)) < 0)
		return -errno;
	if (pipe2(out, O_CLOEXEC) < 0 || pipe2(errors, O_CLOEXEC) < 0 || (c->pid = fork()) < 0)
		code = -errno;
	else if (c->pid == 0)
		child(&c->conf, ns, user, in[0], out[1], errors[1]);
	close(in[0]);
	close(out[1]);
	close(errors[1]);
	c->in = in[1];
	c->out[0] = out[0];
	c->out[1] = errors[0];
	if (code)
		return code;
	c->pidfd = pidfd_open(c->pid, 0);
	return c->pidfd < 0 ? -errno : 0;
}

static int watch(struct command *c)
{
	for (int i = 0; i < 2; i++) {
		fcntl(c->out[i], F_SETFL, O_NONBLOCK);
		c->readable[i] = event_new(c->conf.base, c->out[i], EV_READ | EV_PERSIST, on_output, c);
		if (!c->readable[i] || event_add(c->readable[i], NULL) < 0)
			return -ENOMEM;
	}
	if (c->in >= 0) {
		fcntl(c->in, F_SETFL, O_NONBLOCK);
		buf_put(&c->input, c->conf.input, c->conf.input_len);
		c->writable = event_new(c->conf.base, c->in, EV_WRITE | EV_PERSIST, on_writable, c);
		if (!c->writable || event_add(c->writable, NULL) < 0)
			return -ENOMEM;
	}
	c->death = event_new(c->conf.base, c->pidfd, EV_READ, on_death, c);
	return c->death && event_add(c->death, NULL) == 0 ? 0 : -ENOMEM;
}

int command_start(const struct command_conf *conf, struct command **out, struct err *err)
{
	struct command *c = calloc(1, sizeof(*c));
	char path[256];
	int ns, user = -1, code;

	if (!c)
		return err_sys(err, -ENOMEM, "%s", conf->argv[0]);
	c->conf = *conf;
	c->in = c->out[0] = c->out[1] = c->pidfd = -1;
	snprintf(path, sizeof(path), "/run/netns/%s", conf->netns);
	ns = open(path, O_RDONLY | O_CLOEXEC);
	code = ns < 0 ? -errno : netns_user(ns, &user);
	if (!code && conf->confined && user < 0)
		code = -EPERM;
	if (!code)
		code = start_process(c, ns, user);
	if (ns >= 0)
		close(ns);
	if (user >= 0)
		close(user);
	if (!code)
		code = watch(c);
	c->conf.argv = c->conf.env = NULL; /* the caller's, used up */
	if (code) {
		if (c->pid > 0) {
			kill(c->pid, SIGKILL);
			waitpid(c->pid, NULL, 0);
		}
		command_free(c);
		return err_sys(err, code, "%s", conf->argv[0]);
	}
	if (out)
		*out = c;
	return 0;
}

void command_pause(struct command *c, bool paused)
{
	for (int i = 0; i < 2; i++) {
		if (c->readable[i] && paused)
			event_del(c->readable[i]);
		else if (c->readable[i])
			event_add(c->readable[i], NULL);
	}
}

void command_cancel(struct command *c)
{
	kill(-c->pid, SIGKILL); /* its session: setsid() in the child */
	kill(c->pid, SIGKILL);
	waitpid(c->pid, NULL, 0);
	command_free(c);
}
