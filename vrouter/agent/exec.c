/* SPDX-License-Identifier: Apache-2.0 */
/* Commands the host runs, several at once, and files it writes. */
#include "vrouter/agent/agent_priv.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;

enum {
	COMMANDS_MAX = 32,
	STDIN_MAX = 8 << 20, /* a command that reads so much too slowly is killed */
};

struct command {
	struct source out, err, in;
	uint32_t id;
	pid_t pid; /* 0: slot is free */
	bool unseen, dead, in_eof;
	int status;
	struct buf in_buf;
};

static struct command commands[COMMANDS_MAX];
static struct source children = { .fd = -1 };

static struct command *find(uint32_t id)
{
	for (unsigned i = 0; i < COMMANDS_MAX; i++)
		if (commands[i].pid && !commands[i].unseen && commands[i].id == id)
			return &commands[i];
	return NULL;
}

/* A command is over when it has ended and what it wrote has been sent. A child of it that still
 * holds the pipes does not keep it. */
static void finish(struct command *c)
{
	if (!c->unseen)
		port_send_i32(AGENT_EXIT, c->id, c->status);
	source_close(&c->out);
	source_close(&c->err);
	source_close(&c->in);
	buf_free(&c->in_buf);
	memset(c, 0, sizeof(*c));
}

/* Returns false when there is nothing more to read now. */
static bool read_output(struct command *c, struct source *s, enum agent_type type)
{
	static uint8_t part[16384];
	ssize_t n;

	if (s->fd < 0)
		return false;
	n = read(s->fd, part, sizeof(part));
	if (n > 0 && !c->unseen)
		port_send(type, c->id, part, (size_t)n);
	if (n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR))
		source_close(s);
	return n > 0;
}

static void output_ready(struct command *c, struct source *s, enum agent_type type)
{
	if (!read_output(c, s, type) && c->dead && !read_output(c, &c->out, AGENT_STDOUT) &&
	    !read_output(c, &c->err, AGENT_STDERR))
		finish(c);
}

static void stdout_ready(struct source *s, uint32_t events)
{
	output_ready((struct command *)((char *)s - offsetof(struct command, out)), s, AGENT_STDOUT);
}

static void stderr_ready(struct source *s, uint32_t events)
{
	output_ready((struct command *)((char *)s - offsetof(struct command, err)), s, AGENT_STDERR);
}

static void stdin_ready(struct source *s, uint32_t events)
{
	struct command *c = (struct command *)((char *)s - offsetof(struct command, in));
	ssize_t n = c->in_buf.len ? write(s->fd, c->in_buf.data, c->in_buf.len) : 0;

	if (n > 0)
		buf_consume(&c->in_buf, (size_t)n);
	if ((n < 0 && errno != EAGAIN) || (c->in_eof && !c->in_buf.len)) {
		source_close(s);
		buf_free(&c->in_buf);
		return;
	}
	source_idle(s, !c->in_buf.len);
}

/* Ended, and its pipes are empty (or it is unseen): over. Else the pipes' readers find out. */
static void child_ended(struct command *c, int status)
{
	c->dead = true;
	c->status = WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
	if (c->unseen || (c->out.fd < 0 && c->err.fd < 0)) {
		finish(c);
		return;
	}
	/* Unless output is paused, take what is there now: no event comes from a pipe that a
	 * grandchild keeps open and silent. */
	while ((c->out.added && read_output(c, &c->out, AGENT_STDOUT)) ||
	       (c->err.added && read_output(c, &c->err, AGENT_STDERR)))
		;
	if ((c->out.fd < 0 || c->out.added) && (c->err.fd < 0 || c->err.added))
		finish(c);
}

static void children_ready(struct source *s, uint32_t events)
{
	struct signalfd_siginfo info;
	int status;

	while (read(s->fd, &info, sizeof(info)) > 0)
		;
	for (unsigned i = 0; i < COMMANDS_MAX; i++) {
		struct command *c = &commands[i];

		if (c->pid && !c->dead && waitpid(c->pid, &status, WNOHANG) == c->pid)
			child_ended(c, status);
	}
}

void exec_init(void)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGCHLD);
	sigprocmask(SIG_BLOCK, &set, NULL);
	source_open(&children, signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC), EPOLLIN, false,
		    children_ready);
}

static int spawn(pid_t *pid, const char **argv, const char **env, const int fds[3])
{
	posix_spawn_file_actions_t actions;
	posix_spawnattr_t attr;
	sigset_t none, defaults;
	int code;

	sigemptyset(&none);
	sigemptyset(&defaults);
	sigaddset(&defaults, SIGPIPE);
	posix_spawn_file_actions_init(&actions);
	for (int i = 0; i < 3; i++)
		posix_spawn_file_actions_adddup2(&actions, fds[i], i);
	posix_spawnattr_init(&attr);
	posix_spawnattr_setflags(&attr, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF |
						POSIX_SPAWN_SETSID);
	posix_spawnattr_setsigmask(&attr, &none);
	posix_spawnattr_setsigdefault(&attr, &defaults);
	code = -posix_spawnp(pid, argv[0], &actions, &attr, (char *const *)(uintptr_t)argv,
			     (char *const *)(uintptr_t)env);
	posix_spawnattr_destroy(&attr);
	posix_spawn_file_actions_destroy(&actions);
	return code;
}

static int start(struct command *c, struct rd payload)
{
	static const char *argv[HOST_WORDS_MAX + 1], *env[2 * HOST_WORDS_MAX + 1];
	int in[2] = { -1, -1 }, out[2] = { -1, -1 }, err[2] = { -1, -1 };
	unsigned env_count = 0;
	uint32_t flags;
	int code;

	while (environ[env_count] && env_count < HOST_WORDS_MAX) {
		env[env_count] = environ[env_count];
		env_count++;
	}
	code = host_argv(payload, argv, env + env_count, &flags);
	if (code)
		return code;
	if (pipe2(out, O_CLOEXEC) < 0 || pipe2(err, O_CLOEXEC) < 0 ||
	    (flags & AGENT_EXEC_STDIN && pipe2(in, O_CLOEXEC) < 0))
		code = -errno;
	if (!(flags & AGENT_EXEC_STDIN))
		in[0] = open("/dev/null", O_RDONLY | O_CLOEXEC);
	if (!code)
		code = spawn(&c->pid, argv, env, (int[]){ in[0], out[1], err[1] });
	close(in[0]);
	close(out[1]);
	close(err[1]);
	if (code) {
		close(in[1]);
		close(out[0]);
		close(err[0]);
		return code;
	}
	fcntl(out[0], F_SETFL, O_NONBLOCK);
	fcntl(err[0], F_SETFL, O_NONBLOCK);
	if (in[1] >= 0)
		fcntl(in[1], F_SETFL, O_NONBLOCK);
	source_open(&c->out, out[0], EPOLLIN, true, stdout_ready);
	source_open(&c->err, err[0], EPOLLIN, true, stderr_ready);
	c->in = (struct source){ .fd = -1 };
	if (in[1] >= 0) {
		source_open(&c->in, in[1], EPOLLOUT, false, stdin_ready);
		source_idle(&c->in, true);
	}
	return 0;
}

void exec_start(uint32_t id, struct rd payload)
{
	struct command *c = NULL;
	int code = -EAGAIN;

	for (unsigned i = 0; i < COMMANDS_MAX && !c; i++)
		if (!commands[i].pid)
			c = &commands[i];
	if (find(id))
		code = -EEXIST;
	else if (c)
		code = start(c, payload);
	if (code) {
		if (c)
			c->pid = 0;
		port_send_i32(AGENT_EXIT, id, code);
		return;
	}
	c->id = id;
}

void exec_stdin(uint32_t id, struct rd payload)
{
	struct command *c = find(id);

	if (!c || c->in.fd < 0 || c->in_eof)
		return;
	if (payload.left)
		buf_put(&c->in_buf, payload.p, payload.left);
	else
		c->in_eof = true;
	if (c->in_buf.bad || c->in_buf.len > STDIN_MAX) {
		kill(-c->pid, SIGKILL);
		source_close(&c->in);
		buf_free(&c->in_buf);
		return;
	}
	source_idle(&c->in, false);
}

void exec_kill(uint32_t id, struct rd payload)
{
	struct command *c = find(id);
	uint32_t sig = rd_u32(&payload);

	if (c && !c->dead && !payload.bad && sig > 0 && sig < NSIG)
		kill(-c->pid, (int)sig);
}

void exec_forget_all(void)
{
	for (unsigned i = 0; i < COMMANDS_MAX; i++) {
		struct command *c = &commands[i];

		if (!c->pid)
			continue;
		c->unseen = true;
		c->in_eof = true;
		if (c->in.fd >= 0)
			source_idle(&c->in, false);
		if (c->dead)
			finish(c);
	}
}

static int make_parents(char *path)
{
	for (char *p = strchr(path + 1, '/'); p; p = strchr(p + 1, '/')) {
		*p = 0;
		if (mkdir(path, 0755) < 0 && errno != EEXIST)
			return -errno;
		*p = '/';
	}
	return 0;
}

int32_t file_put(struct rd r)
{
	uint32_t mode, flags;
	char path[PATH_MAX];
	int fd, code = host_file(&r, path, sizeof(path), &mode, &flags);

	if (code)
		return code;
	code = make_parents(path);
	if (code)
		return code;
	fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC | O_NONBLOCK |
				(flags & AGENT_FILE_APPEND ? O_APPEND : O_TRUNC), mode & 07777);
	if (fd < 0)
		return -errno;
	while (r.left && !code) {
		ssize_t n = write(fd, r.p, r.left);

		if (n < 0)
			code = -errno;
		else
			rd_skip(&r, (size_t)n);
	}
	if (!code && fchmod(fd, mode & 07777) < 0)
		code = -errno;
	close(fd);
	return code;
}
