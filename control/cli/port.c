/* SPDX-License-Identifier: Apache-2.0 */
#include "control/cli/cli.h"
#include "control/cli/client.h"
#include "control/cli/json.h"
#include "control/cli/table.h"

#include <stdio.h>
#include <string.h>

static const char *rate_text(char out[32], const json_t *o, const char *key)
{
	static const char *const units[] = { "", "k", "M", "G" };
	double rate = (double)json_count(o, key);
	unsigned unit = 0;

	for (; rate >= 1000 && unit < 3; unit++)
		rate /= 1000;
	snprintf(out, 32, "%g%sbit", rate, units[unit]);
	return rate ? out : "";
}

static void view_slice(struct table *t, const json_t *slice)
{
	char text[32];

	table_cell(t, "%s", json_text(slice, "name"));
	table_cell(t, "%s", json_text(slice, "vnet"));
	table_cell(t, "%s", json_text(slice, "peer"));
	table_cell(t, "%s", json_is_true(json_object_get(slice, "carrier")) ? "up" : "down");
	table_cell(t, "%s", rate_text(text, slice, "guarantee"));
	table_cell(t, "%s", rate_text(text, slice, "ceiling"));
	table_cell(t, "%s", text_count(text, (unsigned long long)json_count(slice, "received")));
	table_cell(t, "%s", text_count(text, (unsigned long long)json_count(slice, "sent")));
}

static void view_ports(const json_t *ports)
{
	struct table *t = table_create("PORT", "DRIVER", "LINK", ">RATE", "IS", ">SLICES", "WHY", NULL);
	struct table *s = table_create("SLICE", "VNET", "PEER", "CARRIER", ">GUARANTEE", ">CEILING", ">RECEIVED",
				       ">SENT", NULL);
	json_t *port, *slice;
	char text[32];
	size_t i, k;

	json_array_foreach (ports, i, port) {
		const char *interface = json_text(port, "interface");

		table_cell(t, "%s", json_text(port, "name"));
		table_cell(t, "%s", json_text(port, "driver"));
		table_cell(t, "%s", json_text(port, "state"));
		table_cell(t, "%s", rate_text(text, port, "rate"));
		table_cell(t, "%s", *interface ? interface : json_text(port, "device"));
		table_cell(t, "%zu", json_array_size(json_list(port, "slices")));
		table_cell(t, "%s", json_text(port, "why"));
		json_array_foreach (json_list(port, "slices"), k, slice)
			view_slice(s, slice);
	}
	table_print(t, stdout);
	if (table_rows(s)) {
		putchar('\n');
		table_print(s, stdout);
	}
	table_destroy(t);
	table_destroy(s);
}

int cli_port(struct cli *cli, int argc, char **argv)
{
	static const struct option options[] = { CLI_HELP, CLI_FORMAT, { 0 } };
	struct client *client;
	json_t *answer = NULL;
	struct err err;
	bool reload;
	int code;

	if (!cli_args(cli, argc, argv, options, 1, 1))
		return cli->status;
	reload = !strcmp(argv[optind], "reload");
	if (!reload && strcmp(argv[optind], "list") != 0)
		return cli_usage(cli, "'%s' is neither list nor reload", argv[optind]);
	code = client_create(cli->run, &client, &err);
	if (code)
		return cli_report(cli, code, &err);
	code = client_call(client, reload ? "POST" : "GET", reload ? "/v1/ports/reload" : "/v1/ports", NULL, 60,
			   &answer, &err);
	client_destroy(client);
	if (code)
		return cli_report(cli, code, &err);
	if (cli->json)
		json_print(answer);
	else
		view_ports(json_list(answer, "ports"));
	if (*json_text(answer, "error"))
		code = cli_fail(cli, CLI_FAILED, "%s", json_text(answer, "error"));
	json_decref(answer);
	return code;
}
