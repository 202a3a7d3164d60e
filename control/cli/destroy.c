/* SPDX-License-Identifier: Apache-2.0 */
#include "control/cli/cli.h"
#include "control/cli/client.h"
#include "control/cli/json.h"
#include "control/cli/load.h"
#include "control/cli/progress.h"
#include "control/cli/start.h"

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/pidfd.h>
#include <time.h>
#include <unistd.h>

#define DESTROY_TIMEOUT_S 300
#define SHUTDOWN_TIMEOUT_S 60

struct destroy {
	const char *what; /* for the progress line */
	struct progress progress;
};

static void tick(void *arg)
{
	struct destroy *d = arg;

	progress_show(&d->progress, -1, "%s", d->what);
}

static int destroy_vnet(struct client *client, const char *name, struct err *err)
{
	char path[128], what[64];
	struct destroy d = { .what = what };
	int code;

	snprintf(path, sizeof(path), "/v1/vnets/%s", name);
	snprintf(what, sizeof(what), "destroying %s", name);
	progress_init(&d.progress);
	client_on_tick(client, tick, &d);
	code = client_call(client, "DELETE", path, NULL, DESTROY_TIMEOUT_S, NULL, err);
	client_on_tick(client, NULL, NULL);
	progress_fini(&d.progress);
	if (!code)
		printf("%s is destroyed\n", name);
	fflush(stdout);
	return code;
}

static int destroy_each(struct client *client, struct err *err)
{
	json_t *answer = NULL, *vnet;
	size_t i;
	int code = client_call(client, "GET", "/v1/vnets", NULL, 60, &answer, err);

	if (!code)
		code = vnets_check(answer, err);
	json_array_foreach (code ? NULL : json_object_get(answer, "vnets"), i, vnet) {
		code = destroy_vnet(client, json_text(vnet, "name"), err);
		if (code == -ENOENT) /* somebody else was faster */
			code = 0;
		if (code)
			break;
	}
	json_decref(answer);
	return code;
}

/* Waits until the process of pidfd and the socket are gone. */
static int await_end(struct client *client, int pidfd, struct err *err)
{
	struct pollfd p = { .fd = pidfd, .events = POLLIN };
	const struct timespec pause = { .tv_nsec = 50000000 };
	struct progress progress;
	bool gone = pidfd < 0;

	progress_init(&progress);
	while (!gone || !client_absent(client)) {
		if (progress_seconds(&progress) > SHUTDOWN_TIMEOUT_S) {
			progress_fini(&progress);
			return err_set(err, -ETIMEDOUT, "weftd does not end; look at its log");
		}
		if (gone)
			nanosleep(&pause, NULL);
		else
			gone = poll(&p, 1, 500) > 0;
		progress_show(&progress, -1, "waiting for weftd to end");
	}
	progress_fini(&progress);
	return 0;
}

static int shut_down(struct client *client, struct err *err)
{
	json_t *version = NULL;
	int code, pidfd = -1;
	uint64_t pid;

	code = client_call(client, "GET", "/v1/version", NULL, 10, &version, err);
	if (code)
		return code;
	pid = json_count(version, "pid");
	json_decref(version);
	/* Taken before weftd is asked to end, so that the number cannot be another process's. */
	if (pid > 1 && pid <= INT_MAX)
		pidfd = pidfd_open((pid_t)pid, 0);
	code = client_call(client, "POST", "/v1/shutdown", NULL, SHUTDOWN_TIMEOUT_S, NULL, err);
	if (!code)
		code = await_end(client, pidfd, err);
	if (pidfd >= 0)
		close(pidfd);
	if (!code)
		puts("weftd has ended");
	return code;
}

/* weftd's lock goes when it ends with nothing to leave, so where it is something may be left. */
static bool has_state(const struct cli *cli)
{
	char path[PATH_MAX + 16];

	snprintf(path, sizeof(path), "%s/weftd.lock", cli->run);
	return access(path, F_OK) == 0;
}

static int destroy_all(const struct cli *cli, struct client *client)
{
	struct err err;
	int code;

	if (client_absent(client) && !has_state(cli)) {
		puts("nothing to destroy: weftd does not run");
		return CLI_OK;
	}
	/* A weftd that died has left its vnets running: a new one finds and ends them. */
	code = start_weftd(cli, client, &err);
	if (!code)
		code = destroy_each(client, &err);
	if (!code && !client_token()) /* a user's are all gone, and weftd is not theirs to end */
		code = shut_down(client, &err);
	return code ? cli_report(cli, code, &err) : CLI_OK;
}

static bool is_file(const char *arg)
{
	size_t n = strlen(arg);

	return strchr(arg, '/') || (n > 4 && !strcmp(arg + n - 4, ".yml")) ||
	       (n > 5 && !strcmp(arg + n - 5, ".yaml"));
}

static int destroy_one(const struct cli *cli, struct client *client, const char *arg)
{
	struct loaded loaded = { 0 };
	const char *name = arg;
	struct err err;
	int status, code;

	if (is_file(arg)) {
		status = load_topology(cli, arg, &loaded);
		if (status)
			return status;
		name = loaded.topology->name;
	} else if (!cli_name_ok(cli, "vnet", arg)) {
		return CLI_USAGE;
	}
	code = destroy_vnet(client, name, &err);
	status = !code		  ? CLI_OK
		 : code == -ENOENT ? cli_fail(cli, CLI_FAILED, "there is no vnet '%s'; `weft inspect` "
					      "lists them", name)
				   : cli_report(cli, code, &err);
	load_free(&loaded);
	return status;
}

int cli_destroy(struct cli *cli, int argc, char **argv)
{
	static const struct option options[] = {
		CLI_HELP, { "all", no_argument, NULL, 'a' }, { 0 }
	};
	struct client *client;
	bool all = false;
	struct err err;
	int c, status = CLI_OK;

	while ((c = cli_option(cli, argc, argv, options)) == 'a')
		all = true;
	if (c == CLI_OPTION_STOP)
		return cli->status;
	if (all == (optind < argc))
		return cli_usage(cli, "%s", all ? "--all goes without names" : "which VNET, or --all?");
	c = client_create(cli->run, &client, &err);
	if (c)
		return cli_report(cli, c, &err);
	if (all)
		status = destroy_all(cli, client);
	/* The others are destroyed even when one cannot be; the first failure is the exit code. */
	for (; optind < argc; optind++) {
		int one = destroy_one(cli, client, argv[optind]);

		status = status ? status : one;
	}
	client_destroy(client);
	return status;
}
