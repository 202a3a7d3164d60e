/* SPDX-License-Identifier: Apache-2.0 */
#include "control/cli/cli.h"
#include "control/cli/client.h"
#include "control/cli/json.h"
#include "control/cli/table.h"

#include <errno.h>
#include <stdio.h>

/* The first next hop stands in the route's row, each other one in a row below it. */
static void view_route(struct table *t, const json_t *route)
{
	const json_t *list = json_list(route, "via");
	size_t n = json_array_size(list);

	for (size_t i = 0; i < (n ? n : 1); i++) {
		const json_t *via = json_array_get(list, i);

		table_cell(t, "%s", i ? " " : json_text(route, "prefix"));
		table_cell(t, "%s", i ? " " : json_text(route, "kind"));
		table_cell(t, "%s", json_text(via, "port"));
		table_cell(t, "%s", json_text(via, "mac"));
		if (i)
			table_cell(t, "%s", " ");
		else
			table_cell(t, "%llu", (unsigned long long)json_count(route, "table"));
	}
}

static int view_routes(const json_t *answer, struct err *err)
{
	const json_t *routes = json_object_get(answer, "routes");
	struct table *t;
	json_t *route;
	size_t i;

	if (!json_is_array(routes))
		return err_set(err, -EBADMSG, "weftd's answer holds no routes; compare both versions "
					      "with `weft version`");
	t = table_create("PREFIX", "KIND", "PORT", "NEXT HOP", ">TABLE", NULL);
	json_array_foreach (routes, i, route)
		view_route(t, route);
	table_print(t, stdout);
	table_destroy(t);
	return 0;
}

int cli_routes(struct cli *cli, int argc, char **argv)
{
	static const struct option options[] = { CLI_HELP, CLI_FORMAT, { 0 } };
	struct client *client;
	json_t *answer = NULL;
	struct err err;
	char path[256];
	int code;

	if (!cli_args(cli, argc, argv, options, 2, 2))
		return cli->status;
	if (!cli_name_ok(cli, "vnet", argv[optind]) || !cli_name_ok(cli, "node", argv[optind + 1]))
		return CLI_USAGE;
	code = client_create(cli->run, &client, &err);
	if (code)
		return cli_report(cli, code, &err);
	snprintf(path, sizeof(path), "/v1/vnets/%s/nodes/%s/routes", argv[optind], argv[optind + 1]);
	code = client_call(client, "GET", path, NULL, 60, &answer, &err);
	if (!code && cli->json)
		json_print(answer);
	else if (!code)
		code = view_routes(answer, &err);
	json_decref(answer);
	client_destroy(client);
	return code ? cli_report(cli, code, &err) : CLI_OK;
}
