/* SPDX-License-Identifier: Apache-2.0 */
#include "control/cli/cli.h"
#include "control/cli/client.h"
#include "control/cli/json.h"
#include "control/cli/progress.h"
#include "control/cli/view.h"

#include <errno.h>
#include <stdio.h>

static void tick(void *arg)
{
	progress_show(arg, -1, "asking weftd and the guests");
}

static int ask(struct client *client, const char *path, json_t **answer, struct err *err)
{
	struct progress progress;
	int code;

	progress_init(&progress);
	client_on_tick(client, tick, &progress);
	code = client_call(client, "GET", path, NULL, 60, answer, err);
	client_on_tick(client, NULL, NULL);
	progress_fini(&progress);
	return code;
}

static int inspect_list(const struct cli *cli, struct client *client, const char *query,
			struct err *err)
{
	json_t *answer = NULL;
	char path[64];
	int code;

	snprintf(path, sizeof(path), "/v1/vnets%s", query);
	code = ask(client, path, &answer, err);
	if (!code)
		code = vnets_check(answer, err);
	if (!code && cli->json)
		json_print(answer);
	else if (!code)
		view_vnets(json_object_get(answer, "vnets"));
	json_decref(answer);
	return code;
}

static int inspect_one(const struct cli *cli, struct client *client, const char *vnet,
		       const char *node, struct err *err)
{
	json_t *answer = NULL, *found;
	char path[128];
	int code;

	snprintf(path, sizeof(path), "/v1/vnets/%s?protocols=1", vnet);
	code = ask(client, path, &answer, err);
	if (!code)
		code = vnet_check(answer, err);
	if (code)
		goto out;
	found = node ? vnet_node(answer, node) : NULL;
	if (node && !found)
		code = err_set(err, -ENOENT, "%s has no node '%s'; `weft inspect %s` lists them",
			       vnet, node, vnet);
	else if (cli->json)
		json_print(node ? found : answer);
	else if (node)
		view_node(found);
	else
		view_vnet(answer);
out:
	json_decref(answer);
	return code;
}

int cli_inspect(struct cli *cli, int argc, char **argv)
{
	static const struct option options[] = {
		CLI_HELP, CLI_FORMAT, { "protocols", no_argument, NULL, 'p' }, { 0 }
	};
	struct client *client;
	const char *query = "";
	struct err err;
	int c, code;

	while ((c = cli_option(cli, argc, argv, options)) == 'p')
		query = "?protocols=1";
	if (c == CLI_OPTION_STOP)
		return cli->status;
	if (argc - optind > 2)
		return cli_usage(cli, "'%s' is one argument too many", argv[optind + 2]);
	if ((optind < argc && !cli_name_ok(cli, "vnet", argv[optind])) ||
	    (optind + 1 < argc && !cli_name_ok(cli, "node", argv[optind + 1])))
		return CLI_USAGE;
	code = client_create(cli->run, &client, &err);
	if (code)
		return cli_report(cli, code, &err);
	if (optind == argc)
		code = inspect_list(cli, client, query, &err);
	else
		code = inspect_one(cli, client, argv[optind],
				   optind + 1 < argc ? argv[optind + 1] : NULL, &err);
	client_destroy(client);
	return code ? cli_report(cli, code, &err) : CLI_OK;
}
