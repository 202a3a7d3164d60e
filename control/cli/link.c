/* SPDX-License-Identifier: Apache-2.0 */
#include "control/cli/cli.h"
#include "control/cli/client.h"
#include "control/cli/json.h"
#include "control/cli/table.h"
#include "control/impairment.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define ONE_WAY 'o'

/* What a link is asked for; takes body. done: what is said then. */
static int change_link(const struct cli *cli, const char *vnet, const char *end, json_t *body,
		       const char *done)
{
	struct client *client;
	struct err err;
	char path[256];
	int code = client_create(cli->run, &client, &err);

	if (!code) {
		snprintf(path, sizeof(path), "/v1/vnets/%s/links/%s", vnet, end);
		code = client_call(client, "POST", path, body, 60, NULL, &err);
		client_destroy(client);
	}
	json_decref(body);
	if (code)
		return cli_report(cli, code, &err);
	printf("%s: the link at %s %s\n", vnet, end, done);
	return CLI_OK;
}

/* KEY VALUE KEY VALUE ..., or none. NULL: wrong, and it is said. */
static json_t *parse_impairments(const struct cli *cli, int argc, char **argv)
{
	json_t *o = json_object();
	struct impairment im = { 0 };
	struct err err;
	int code = 0;

	if (argc == 1 && !strcmp(argv[0], "none"))
		return o;
	for (int i = 0; !code && i + 1 < argc; i += 2) {
		code = impairment_set(&im, argv[i], argv[i + 1], &err);
		json_object_set_new(o, argv[i], json_string(argv[i + 1]));
	}
	if (!code)
		code = impairment_finish(&im, &err);
	if (!code && argc && argc % 2 == 0)
		return o;
	json_decref(o);
	if (code)
		cli_usage(cli, "%s", err.text);
	else if (argc)
		cli_usage(cli, "'%s' has no value", argv[argc - 1]);
	else
		cli_usage(cli, "an impairment is missing, as in delay 10ms, or none");
	return NULL;
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

/* Both may stand in a path of the API. */
static bool check_names(const struct cli *cli, const char *vnet, const char *end)
{
	const char *colon = end ? strchr(end, ':') : NULL;
	char node[64], port[64];

	if (!cli_name_ok(cli, "vnet", vnet))
		return false;
	if (!end)
		return true;
	if (!colon) {
		cli_usage(cli, "'%s' is not NODE:PORT, as in r1:eth1", end);
		return false;
	}
	snprintf(node, sizeof(node), "%.*s", (int)(colon - end), end);
	snprintf(port, sizeof(port), "%s", colon + 1);
	return cli_name_ok(cli, "node", node) && cli_name_ok(cli, "port", port);
}

static json_t *impair_body(json_t *impair, bool one_way)
{
	return json_pack("{s:o, s:b}", "impair", impair, "one_way", (int)one_way);
}

static int run(const struct cli *cli, const char *what, int argc, char **argv, bool one_way)
{
	const char *vnet = argv[0], *end = argc > 1 ? argv[1] : NULL;
	json_t *impair;

	if (!strcmp(what, "show"))
		return show(cli, vnet, end);
	if (!strcmp(what, "up") || !strcmp(what, "down"))
		return change_link(cli, vnet, end, json_pack("{s:b}", "up", !strcmp(what, "up")),
				   what[0] == 'u' ? "is up" : "is down");
	if (!strcmp(what, "clear"))
		return change_link(cli, vnet, end, impair_body(json_null(), one_way),
				   "does what the topology says");
	impair = parse_impairments(cli, argc - 2, argv + 2);
	if (!impair)
		return CLI_USAGE;
	return change_link(cli, vnet, end, impair_body(impair, one_way), "is set");
}

int cli_link(struct cli *cli, int argc, char **argv)
{
	static const struct option options[] = {
		CLI_HELP, CLI_FORMAT, { "one-way", no_argument, NULL, ONE_WAY }, { 0 }
	};
	static const struct {
		const char *what;
		int min, max;
	} whats[] = { { "down", 2, 2 }, { "up", 2, 2 }, { "set", 2, 32 }, { "clear", 2, 2 }, { "show", 1, 2 } };
	bool one_way = false;
	unsigned i = 0;
	int c;

	while ((c = cli_option(cli, argc, argv, options)) == ONE_WAY)
		one_way = true;
	if (c != CLI_OPTION_END)
		return cli->status;
	argc -= optind;
	argv += optind;
	if (!argc)
		return cli_usage(cli, "an argument is missing");
	while (i < 5 && strcmp(argv[0], whats[i].what) != 0)
		i++;
	if (i == 5)
		return cli_usage(cli, "'%s' is none of down, up, set, clear and show", argv[0]);
	if (--argc < whats[i].min)
		return cli_usage(cli, "an argument is missing");
	if (argc > whats[i].max)
		return cli_usage(cli, "'%s' is one argument too many", argv[1 + whats[i].max]);
	if (!check_names(cli, argv[1], argc > 1 ? argv[2] : NULL))
		return CLI_USAGE;
	return run(cli, whats[i].what, argc, argv + 1, one_way);
}
