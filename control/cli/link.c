/* SPDX-License-Identifier: Apache-2.0 */
#include "control/cli/cli.h"
#include "control/cli/client.h"

#include <stdio.h>
#include <string.h>

static int set_link(const struct cli *cli, const char *vnet, const char *end, bool up)
{
	struct client *client;
	struct err err;
	char path[256];
	json_t *body;
	int code = client_create(cli->run, &client, &err);

	if (code)
		return cli_report(cli, code, &err);
	snprintf(path, sizeof(path), "/v1/vnets/%s/links/%s", vnet, end);
	body = json_pack("{s:b}", "up", (int)up);
	code = client_call(client, "POST", path, body, 60, NULL, &err);
	json_decref(body);
	client_destroy(client);
	if (code)
		return cli_report(cli, code, &err);
	printf("%s: the link at %s is %s\n", vnet, end, up ? "up" : "down");
	return CLI_OK;
}

int cli_link(struct cli *cli, int argc, char **argv)
{
	const char *vnet, *end, *colon;
	char node[64], port[64];
	bool up;

	if (!cli_args(cli, argc, argv, NULL, 3, 3))
		return cli->status;
	up = !strcmp(argv[optind], "up");
	if (!up && strcmp(argv[optind], "down"))
		return cli_usage(cli, "'%s' is neither up nor down", argv[optind]);
	vnet = argv[optind + 1];
	end = argv[optind + 2];
	colon = strchr(end, ':');
	if (!colon)
		return cli_usage(cli, "'%s' is not NODE:PORT, as in r1:eth1", end);
	snprintf(node, sizeof(node), "%.*s", (int)(colon - end), end);
	snprintf(port, sizeof(port), "%s", colon + 1);
	if (!cli_name_ok(cli, "vnet", vnet) || !cli_name_ok(cli, "node", node) ||
	    !cli_name_ok(cli, "port", port))
		return CLI_USAGE;
	return set_link(cli, vnet, end, up);
}
