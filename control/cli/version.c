/* SPDX-License-Identifier: Apache-2.0 */
#include "control/cli/cli.h"
#include "control/cli/client.h"
#include "control/cli/json.h"
#include "control/cli/table.h"

#include <errno.h>
#include <stdio.h>

static void print_json(const json_t *weftd)
{
	json_t *v = json_pack("{s:s, s:O?}", "weft", WEFT_VERSION, "weftd", weftd);

	json_print(v);
	json_decref(v);
}

static void print_text(const json_t *weftd, bool absent)
{
	const json_t *engine = json_map(weftd, "engine");
	char version[64];

	printf("weft   %s\n", WEFT_VERSION);
	if (!weftd) {
		if (absent)
			puts("weftd  not running");
		return;
	}
	snprintf(version, sizeof(version), "%s", json_text(weftd, "version"));
	text_clean(version);
	printf("weftd  %s, pid %llu\n", version, (unsigned long long)json_count(weftd, "pid"));
	if (engine)
		printf("engine pid %llu, %s hugepages\n",
		       (unsigned long long)json_count(engine, "pid"),
		       json_true_at(engine, "hugepages") || json_count(engine, "hugepages")
			       ? "with"
			       : "without");
	else
		puts("engine not running");
}

int cli_version(struct cli *cli, int argc, char **argv)
{
	static const struct option options[] = { CLI_HELP, CLI_FORMAT, { 0 } };
	struct client *client;
	json_t *weftd = NULL;
	struct err err;
	bool absent;
	int code;

	if (!cli_args(cli, argc, argv, options, 0, 0))
		return cli->status;
	code = client_create(cli->run, &client, &err);
	if (code)
		return cli_report(cli, code, &err);
	absent = client_absent(client);
	if (!absent)
		code = client_call(client, "GET", "/v1/version", NULL, 10, &weftd, &err);
	if (!code && weftd && !*json_text(weftd, "version"))
		code = err_set(&err, -EBADMSG, "what answers on %s is not weftd",
			       client_socket(client));
	if (cli->json)
		print_json(code ? NULL : weftd);
	else
		print_text(code ? NULL : weftd, absent);
	json_decref(weftd);
	client_destroy(client);
	return code ? cli_report(cli, code, &err) : CLI_OK;
}
