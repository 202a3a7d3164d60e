/* SPDX-License-Identifier: Apache-2.0 */
/* Runs the recipe (build.sh) and reads what it says; see there for the language. */
#include "vrouter/image.h"

#include "base/file.h"
#include "vrouter/image/image_priv.h"

#include <errno.h>
#include <fcntl.h>
#include <spawn.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;

/* One build at a time in a store: a second one waits, and then finds the work done. */
static int lock_store(const char *store, struct err *err)
{
	char path[4096];
	int fd, code = file_mkdirs(store, 0755, err);

	if (code)
		return code;
	snprintf(path, sizeof(path), "%s/lock", store);
	fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	if (fd < 0)
		return err_sys(err, -errno, "%s", path);
	while (flock(fd, LOCK_EX) < 0) {
		if (errno == EINTR)
			continue;
		code = err_sys(err, -errno, "%s", path);
		close(fd);
		return code;
	}
	return fd;
}

static int spawn(const char *const argv[], FILE **out, FILE *errors, pid_t *pid)
{
	posix_spawn_file_actions_t actions;
	int fds[2], code;

	if (pipe2(fds, O_CLOEXEC) < 0)
		return -errno;
	posix_spawn_file_actions_init(&actions);
	posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0);
	posix_spawn_file_actions_adddup2(&actions, fds[1], 1);
	posix_spawn_file_actions_adddup2(&actions, fileno(errors), 2);
	code = -posix_spawn(pid, "/bin/sh", &actions, NULL, (char *const *)(uintptr_t)argv, environ);
	posix_spawn_file_actions_destroy(&actions);
	close(fds[1]);
	if (code) {
		close(fds[0]);
		return code;
	}
	*out = fdopen(fds[0], "r");
	return *out ? 0 : -ENOMEM;
}

/* The recipe's last complaint, without its newline. */
static void last_line(FILE *errors, char *to, size_t size)
{
	char line[512];

	snprintf(to, size, "no reason given");
	rewind(errors);
	while (fgets(line, sizeof(line), errors)) {
		line[strcspn(line, "\n")] = 0;
		if (line[0])
			snprintf(to, size, "%s", line);
	}
}

static void follow(FILE *out, void (*progress)(void *arg, const char *what, double share),
		   void *arg)
{
	char line[512], what[256];
	double share;

	while (fgets(line, sizeof(line), out))
		if (progress && sscanf(line, "progress %lf %255[^\n]", &share, what) == 2)
			progress(arg, what, share);
}

static int run(const char *store, const char *name, const char *agent, bool force,
	       void (*progress)(void *arg, const char *what, double share), void *arg,
	       struct err *err)
{
	char script[PATH_MAX], why[512];
	const char *argv[] = { "/bin/sh", script, name, store, agent, force ? "force" : NULL, NULL };
	FILE *errors = tmpfile(), *out = NULL;
	int status, code;
	pid_t pid;

	if (!errors)
		return err_sys(err, -errno, "image %s: temporary file", name);
	code = file_beside(script, "../share/weft/image/build.sh", err);
	if (code) {
		fclose(errors);
		return code;
	}
	code = spawn(argv, &out, errors, &pid);
	if (code) {
		fclose(errors);
		return err_sys(err, code, "image %s: %s", name, script);
	}
	follow(out, progress, arg);
	fclose(out);
	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	if (!WIFEXITED(status) || WEXITSTATUS(status)) {
		last_line(errors, why, sizeof(why));
		code = err_set(err, -EIO, "image %s cannot be built: %s", name, why);
	}
	fclose(errors);
	return code;
}

int image_build(const char *store, const char *name, const char *agent, bool force,
		void (*progress)(void *arg, const char *what, double share), void *arg,
		struct image *out, struct err *err)
{
	int lock, code;

	if (!image_name_ok(name))
		return err_set(err, -EINVAL, "\"%s\" cannot be the name of an image", name);
	lock = lock_store(store, err);
	if (lock < 0)
		return lock;
	code = run(store, name, agent, force, progress, arg, err);
	if (!code)
		code = image_find(store, name, out, err);
	close(lock);
	return code;
}
