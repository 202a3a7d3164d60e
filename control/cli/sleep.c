/* SPDX-License-Identifier: Apache-2.0 */
/* pause, resume and hibernate: one call each, which answers when it is done. */
#include "control/cli/cli.h"
#include "control/cli/client.h"
#include "control/cli/json.h"
#include "control/cli/progress.h"
#include "control/cli/table.h"

#include <stdio.h>
#include <string.h>

struct sleep {
	const char *vnet, *verb;
	struct progress progress;
};

static void tick(void *arg)
{
	static const char *const doing[][2] = { { "pause", "pausing" }, { "resume", "resuming" },
						{ "hibernate", "saving" } };
	struct sleep *s = arg;

	for (unsigned i = 0; i < sizeof(doing) / sizeof(doing[0]); i++)
		if (!strcmp(s->verb, doing[i][0]))
			progress_show(&s->progress, -1, "%s %s", doing[i][1], s->vnet);
}

static void say(const struct sleep *s, const json_t *o)
{
	unsigned long long routers = json_count(o, "routers");
	double ms = (double)json_count(o, "spread_us") / 1000;
	char bytes[32];

	if (!strcmp(s->verb, "hibernate") && !routers)
		printf("%s is hibernated already\n", s->vnet);
	else if (!strcmp(s->verb, "hibernate"))
		printf("%s: %llu router%s hibernated in %.1f s, %s on disk\n", s->vnet, routers,
		       routers == 1 ? "" : "s", json_number_at(o, "seconds"),
		       text_bytes(bytes, json_count(o, "bytes")));
	else
		printf("%s: %llu router%s %sd within %.1f ms\n", s->vnet, routers,
		       routers == 1 ? "" : "s", s->verb, ms);
}

int cli_sleep(struct cli *cli, int argc, char **argv)
{
	static const struct option options[] = { CLI_HELP, CLI_FORMAT, { 0 } };
	struct sleep s = { .verb = cli->verb->name };
	struct client *client;
	json_t *answer = NULL;
	struct err err;
	char path[128];
	int code;

	if (!cli_args(cli, argc, argv, options, 1, 1))
		return cli->status;
	s.vnet = argv[optind];
	if (!cli_name_ok(cli, "vnet", s.vnet))
		return CLI_USAGE;
	code = client_create(cli->run, &client, &err);
	if (code)
		return cli_report(cli, code, &err);
	snprintf(path, sizeof(path), "/v1/vnets/%s/%s", s.vnet, s.verb);
	progress_init(&s.progress);
	client_on_tick(client, tick, &s);
	code = client_call(client, "POST", path, NULL, 0, &answer, &err);
	progress_fini(&s.progress);
	client_destroy(client);
	if (code)
		return cli_report(cli, code, &err);
	if (cli->json)
		json_print(answer);
	else
		say(&s, answer);
	json_decref(answer);
	return CLI_OK;
}
