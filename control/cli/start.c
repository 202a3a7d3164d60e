/* SPDX-License-Identifier: Apache-2.0 */
#include "control/cli/start.h"

#include "control/cli/progress.h"

#include "base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/wait.h>
#include <systemd/sd-daemon.h>
#include <time.h>
#include <unistd.h>

#define START_TIMEOUT_S 30.0
#define RETRY_MS 50
#define SERVICE "weftd.service"

extern char **environ;

/* Installed from the package on a machine that systemd runs: weftd is a service there, and keeps the
 * usual places. */
static bool is_service(void)
{
	char unit[PATH_MAX];
	struct err err;

	return sd_booted() > 0 && !getenv("WEFT_RUN") && !getenv("WEFT_STATE") &&
	       !file_beside(unit, "../lib/systemd/system/" SERVICE, &err) && !access(unit, R_OK);
}

/* A session of its own, nothing on its standard input, its words in the log. */
static int spawn(char *const argv[], const char *log, pid_t *pid, struct err *err)
{
	posix_spawn_file_actions_t files;
	posix_spawnattr_t attr;
	int code;

	posix_spawn_file_actions_init(&files);
	posix_spawnattr_init(&attr);
	posix_spawn_file_actions_addopen(&files, 0, "/dev/null", O_RDONLY, 0);
	posix_spawn_file_actions_addopen(&files, 1, log, O_WRONLY | O_CREAT | O_APPEND, 0640);
	posix_spawn_file_actions_adddup2(&files, 1, 2);
	posix_spawn_file_actions_addclosefrom_np(&files, 3);
	posix_spawnattr_setflags(&attr, POSIX_SPAWN_SETSID);
	code = posix_spawnp(pid, argv[0], &files, &attr, argv, environ);
	posix_spawnattr_destroy(&attr);
	posix_spawn_file_actions_destroy(&files);
	return code ? err_set(err, -ENOTCONN, "cannot start %s: %s", argv[0], strerror(code)) : 0;
}

/* Until weftd answers; systemctl ends when it does. */
static int await(struct client *client, pid_t pid, const char *log, struct err *err)
{
	const struct timespec pause = { .tv_nsec = RETRY_MS * 1000000L };
	struct progress progress;
	int code = -ENOTCONN, status;

	progress_init(&progress);
	while (client_absent(client)) {
		if (waitpid(pid, &status, WNOHANG) == pid && client_absent(client)) {
			err_set(err, code, "weftd was started and ended at once; %s says why", log);
			goto out;
		}
		if (progress_seconds(&progress) > START_TIMEOUT_S) {
			err_set(err, code, "weftd (pid %d) was started and does not answer; see %s",
				(int)pid, log);
			goto out;
		}
		progress_show(&progress, -1, "starting weftd");
		nanosleep(&pause, NULL);
	}
	code = 0;
out:
	progress_fini(&progress);
	return code;
}

int start_weftd(const struct cli *cli, struct client *client, struct err *err)
{
	char program[PATH_MAX], log[PATH_MAX + 32];
	char *own[] = { program, NULL }, *service[] = { "systemctl", "start", SERVICE, NULL };
	int lock, code;
	pid_t pid;

	if (!client_absent(client))
		return 0;
	if (geteuid() != 0)
		return err_set(err, -ENOTCONN, "weftd does not answer on %s, and only root may start "
			       "it: run this as root", client_socket(client));
	snprintf(log, sizeof(log), "%s/log", cli->state);
	code = file_beside(program, "weftd", err);
	if (code)
		return err_prefix(err, -ENOTCONN, "weftd");
	if (access(program, X_OK) < 0)
		return err_set(err, -ENOTCONN, "weftd does not answer on %s, and there is no %s to "
			       "start", client_socket(client), program);
	if (file_mkdirs(log, 0755, err))
		return err_prefix(err, -ENOTCONN, "cannot make a place for weftd's log");
	/* Two deploys at once start one weftd: the second waits here, and finds it running. */
	lock = open(log, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (lock < 0 || flock(lock, LOCK_EX) < 0) {
		code = err_set(err, -ENOTCONN, "%s: %s", log, strerror(errno));
		goto out;
	}
	code = 0;
	if (!client_absent(client))
		goto out;
	strcat(log, "/weftd.log");
	code = spawn(is_service() ? service : own, log, &pid, err);
	if (!code)
		code = await(client, pid, is_service() ? "`journalctl -u weftd`" : log, err);
out:
	if (lock >= 0)
		close(lock);
	return code;
}
