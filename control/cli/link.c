/* SPDX-License-Identifier: Apache-2.0 */
#include "control/cli/cli.h"
#include "control/cli/client.h"
#include "control/cli/json.h"
#include "control/cli/table.h"
#include "control/scenario.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ONE_WAY 'o'

static int call(const struct cli *cli, const char *what, const char *vnet,
		const struct scenario_step *step)
{
	const char *done = !strcmp(what, "clear") ? "does what the topology says" :
			   !strcmp(what, "set")   ? "is set" :
			   !strcmp(what, "up")	  ? "is up" : "is down";
	json_t *body = json_loads(step->body, 0, NULL);
	struct client *client;
	struct err err;
	char path[256];
	int code = client_create(cli->run, &client, &err);

	if (!code) {
		snprintf(path, sizeof(path), "/v1/vnets/%s/%s", vnet, step->path);
		code = client_call(client, "POST", path, body, 60, NULL, &err);
		client_destroy(client);
	}
	json_decref(body);
	if (code)
		return cli_report(cli, code, &err);
	printf("%s: the link at %s %s\n", vnet, step->target, done);
	return CLI_OK;
}

static const char *impair_text(char *out, size_t size, const json_t *impair)
{
	const char *key;
	json_t *value;
	size_t n = 0;

	*out = 0;
	json_object_foreach ((json_t *)impair, key, value)
		if (n < size)
			n += (size_t)snprintf(out + n, size - n, "%s%s %s", n ? ", " : "", key,
					      json_string_value(value));
	return out;
}

static void view_link(struct table *t, const json_t *link)
{
	char text[512], n[32];
	json_t *way;
	size_t i;

	json_array_foreach (json_list(link, "ways"), i, way) {
		static const char *const counts[] = { "sent", "lost", "link_full", "on_wire",
						      "corrupted", "duplicated", "reordered" };
		bool live = json_is_true(json_object_get(way, "live"));

		table_cell(t, "%s", json_text(way, "from"));
		table_cell(t, "%s", json_text(way, "to"));
		table_cell(t, "%s", json_is_true(json_object_get(link, "carrier")) ? "up" : "down");
		table_cell(t, "%s", impair_text(text, sizeof(text), json_object_get(way, "impair")));
		table_cell(t, "%s", live ? "set" : "file");
		for (size_t k = 0; k < sizeof(counts) / sizeof(counts[0]); k++)
			table_cell(t, "%s", text_count(n, (unsigned long long)json_count(way, counts[k])));
	}
}

/* Takes what is not of the end out of the list; end NULL: nothing. */
static void keep_end(json_t *links, const char *end)
{
	for (size_t i = json_array_size(links); end && i-- > 0;) {
		const json_t *link = json_array_get(links, i);

		if (strcmp(json_text(link, "a"), end) != 0 && strcmp(json_text(link, "b"), end) != 0)
			json_array_remove(links, i);
	}
}

static int show(const struct cli *cli, const char *vnet, const char *end)
{
	struct client *client;
	json_t *answer = NULL, *links, *link;
	struct table *t;
	struct err err;
	char path[256];
	size_t i;
	int code = client_create(cli->run, &client, &err);

	if (code)
		return cli_report(cli, code, &err);
	snprintf(path, sizeof(path), "/v1/vnets/%s", vnet);
	code = client_call(client, "GET", path, NULL, 60, &answer, &err);
	client_destroy(client);
	if (code)
		return cli_report(cli, code, &err);
	links = json_object_get(answer, "links");
	keep_end(links, end);
	if (end && !json_array_size(links)) {
		json_decref(answer);
		return cli_fail(cli, CLI_FAILED, "vnet %s has no link at %s", vnet, end);
	}
	if (cli->json) {
		json_print(links);
	} else {
		t = table_create("FROM", "TO", "LINK", "DOES", "BY", ">SENT", ">LOST", ">FULL", ">ON WIRE",
				 ">CORRUPT", ">DUPLICATE", ">REORDER", NULL);
		json_array_foreach (links, i, link)
			view_link(t, link);
		table_print(t, stdout);
		table_destroy(t);
	}
	json_decref(answer);
	return CLI_OK;
}

/* One of down, up, set and clear. */
static int change(const struct cli *cli, int argc, char **argv, bool one_way)
{
	char *words[SCENARIO_WORDS_MAX] = { (char *)"link", argv[0] };
	struct scenario_step step = { 0 };
	unsigned n = 2;
	struct err err;
	int code;

	if (argc > SCENARIO_WORDS_MAX - 2)
		return cli_usage(cli, "'%s' is one argument too many", argv[SCENARIO_WORDS_MAX - 2]);
	for (int i = 2; i < argc; i++)
		words[n++] = argv[i];
	if (one_way)
		words[n++] = (char *)"--one-way";
	code = scenario_command(n, words, &step, &err);
	code = code ? cli_usage(cli, "%s", err.text) : call(cli, argv[0], argv[1], &step);
	free(step.target);
	free(step.path);
	free(step.body);
	return code;
}

int cli_link(struct cli *cli, int argc, char **argv)
{
	static const struct option options[] = {
		CLI_HELP, CLI_FORMAT, { "one-way", no_argument, NULL, ONE_WAY }, { 0 }
	};
	bool one_way = false;
	int c;

	while ((c = cli_option(cli, argc, argv, options)) == ONE_WAY)
		one_way = true;
	if (c != CLI_OPTION_END)
		return cli->status;
	argc -= optind;
	argv += optind;
	if (argc < 2)
		return cli_usage(cli, "an argument is missing");
	if (!cli_name_ok(cli, "vnet", argv[1]))
		return CLI_USAGE;
	if (strcmp(argv[0], "show") != 0)
		return change(cli, argc, argv, one_way);
	if (argc > 3)
		return cli_usage(cli, "'%s' is one argument too many", argv[3]);
	return show(cli, argv[1], argc > 2 ? argv[2] : NULL);
}
