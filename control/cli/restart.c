/* SPDX-License-Identifier: Apache-2.0 */
#include "control/cli/cli.h"
#include "control/cli/client.h"

#include <stdio.h>

int cli_restart(struct cli *cli, int argc, char **argv)
{
	struct client *client;
	struct err err;
	char path[256];
	int code;

	if (!cli_args(cli, argc, argv, NULL, 2, 2))
		return cli->status;
	if (!cli_name_ok(cli, "vnet", argv[optind]) || !cli_name_ok(cli, "node", argv[optind + 1]))
		return CLI_USAGE;
	code = client_create(cli->run, &client, &err);
	if (code)
		return cli_report(cli, code, &err);
	snprintf(path, sizeof(path), "/v1/vnets/%s/nodes/%s/restart", argv[optind], argv[optind + 1]);
	code = client_call(client, "POST", path, NULL, 60, NULL, &err);
	client_destroy(client);
	if (code)
		return cli_report(cli, code, &err);
	printf("%s/%s restarts; `weft inspect %s` shows when it is ready\n", argv[optind],
	       argv[optind + 1], argv[optind]);
	return CLI_OK;
}
