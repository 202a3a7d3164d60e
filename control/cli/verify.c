/* SPDX-License-Identifier: Apache-2.0 */
/* Routers' kernels, intakes and FIBs side by side; with --watch over and over. */
#include "control/cli/verify.h"

#include "control/cli/cli.h"
#include "control/cli/client.h"
#include "control/cli/json.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define WATCH_S	     10
#define ABSENT_MAX_S 10 /* that a weftd may be away while it is asked again and again */

static int on_line(void *arg, const json_t *router, struct err *err)
{
	if (!*json_text(router, "node") || !*json_text(router, "state"))
		return err_set(err, -EBADMSG, "weftd's answer is not what docs/api.md says; compare "
					      "both versions with `weft version`");
	json_array_append((json_t *)arg, (json_t *)(uintptr_t)router);
	return 0;
}

static int ask(struct client *client, const char *path, json_t **routers, struct err *err)
{
	int code;

	*routers = json_array();
	code = client_stream(client, "GET", path, NULL, on_line, *routers, err);
	if (code) {
		json_decref(*routers);
		*routers = NULL;
	}
	return code;
}

static int exit_code(const json_t *routers)
{
	int code = CLI_OK;
	const json_t *router;
	size_t i;

	json_array_foreach (routers, i, router) {
		const char *state = json_text(router, "state");

		if (!strcmp(state, "differs"))
			return CLI_DIFFERS;
		if (!strcmp(state, "unknown"))
			code = CLI_FAILED;
	}
	return code;
}

/* What is shown of a router, and told again only when it is another. */
static bool as_before(const json_t *router, const json_t *before)
{
	const json_t *old;
	size_t i;

	json_array_foreach (before, i, old)
		if (!strcmp(json_text(old, "node"), json_text(router, "node")))
			return !strcmp(json_text(old, "state"), json_text(router, "state")) &&
			       json_equal(json_object_get(old, "differences"),
					  json_object_get(router, "differences"));
	return !strcmp(json_text(router, "state"), "same");
}

static void show_changes(const struct cli *cli, const json_t *routers, const json_t *before)
{
	const json_t *router;
	size_t i;

	json_array_foreach (routers, i, router) {
		if (as_before(router, before))
			continue;
		if (!cli->json) {
			verify_show_line(router);
			continue;
		}
		json_dumpf(router, stdout, JSON_COMPACT);
		putchar('\n');
		fflush(stdout);
	}
}

/* One that is restarted meanwhile comes back. */
static bool comes_back(const struct client *client, unsigned *absent_s)
{
	if (!client_absent(client))
		*absent_s = 0;
	else if (++*absent_s > ABSENT_MAX_S)
		return false;
	sleep(1);
	return true;
}

static int watch(const struct cli *cli, struct client *client, const char *path, unsigned pause_s,
		 struct err *err)
{
	json_t *before = NULL, *routers;
	unsigned absent_s = 0;
	int code;

	for (;;) {
		code = ask(client, path, &routers, err);
		if ((code == -EIO || code == -ENOTCONN) && comes_back(client, &absent_s))
			continue;
		if (code)
			break;
		show_changes(cli, routers, before);
		json_decref(before);
		before = routers;
		sleep(pause_s);
	}
	json_decref(before);
	return code;
}

static int once(const struct cli *cli, struct client *client, const char *path, int *status,
		struct err *err)
{
	json_t *routers, *o;
	int code = ask(client, path, &routers, err);

	if (code)
		return code;
	*status = exit_code(routers);
	if (cli->json) {
		o = json_pack("{s:O}", "routers", routers);
		json_print(o);
		json_decref(o);
	} else {
		verify_show(routers);
	}
	json_decref(routers);
	return 0;
}

/* "/v1/vnets/red/verify?nodes=r1,r2" */
static bool make_path(const struct cli *cli, char **names, int count, char path[1024])
{
	size_t n = (size_t)snprintf(path, 1024, "/v1/vnets/%s/verify", names[0]);

	if (!cli_name_ok(cli, "vnet", names[0]))
		return false;
	for (int i = 1; i < count; i++) {
		if (!cli_name_ok(cli, "node", names[i]))
			return false;
		if (n < 1024)
			n += (size_t)snprintf(path + n, 1024 - n, "%s%s", i == 1 ? "?nodes=" : ",", names[i]);
	}
	if (n < 1024)
		return true;
	cli_usage(cli, "so many nodes are too long for one request");
	return false;
}

int cli_verify(struct cli *cli, int argc, char **argv)
{
	static const struct option options[] = { CLI_HELP, CLI_FORMAT,
						 { "watch", optional_argument, NULL, 'w' }, { 0 } };
	unsigned long pause_s = 0;
	struct client *client;
	char path[1024], *end;
	int c, code, status = CLI_OK;
	struct err err;

	while ((c = cli_option(cli, argc, argv, options)) >= 0) {
		pause_s = optarg ? strtoul(optarg, &end, 10) : WATCH_S;
		if (optarg && (*end || !pause_s || pause_s > 86400))
			return cli_usage(cli, "'%s' is no number of seconds of 1 to 86400", optarg);
	}
	if (c == CLI_OPTION_STOP)
		return cli->status;
	if (optind == argc)
		return cli_usage(cli, "an argument is missing");
	if (!make_path(cli, argv + optind, argc - optind, path))
		return CLI_USAGE;
	code = client_create(cli->run, &client, &err);
	if (code)
		return cli_report(cli, code, &err);
	code = pause_s ? watch(cli, client, path, (unsigned)pause_s, &err) :
			 once(cli, client, path, &status, &err);
	client_destroy(client);
	return code ? cli_report(cli, code, &err) : status;
}
