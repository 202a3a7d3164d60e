/* SPDX-License-Identifier: Apache-2.0 */
#include "control/cli/cli.h"
#include "control/cli/client.h"
#include "control/cli/json.h"
#include "control/cli/table.h"
#include "control/quota.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CALL_TIMEOUT_S 30

/* "4", "0.5" where there are parts, "none". */
static json_t *parse_quota(const char *text, unsigned parts)
{
	char *end;
	double v;

	if (!strcmp(text, "none"))
		return json_null();
	v = strtod(text, &end);
	if (!*text || *end || text[strspn(text, "0123456789.")] || v * parts > (double)QUOTA_MAX)
		return NULL;
	return parts == 1 && !strchr(text, '.') ? json_integer((json_int_t)v) : json_real(v);
}

static void name_quotas(struct option options[QUOTA_COUNT + 3])
{
	unsigned i;

	for (i = 0; i < QUOTA_COUNT; i++)
		options[i] = (struct option){ quota_infos[i].name, required_argument, NULL, 256 + (int)i };
	options[i++] = (struct option)CLI_HELP;
	options[i++] = (struct option)CLI_FORMAT;
	options[i] = (struct option){ 0 };
}

/* The options, into quotas; false: cli->status. */
static bool parse(struct cli *cli, int argc, char **argv, json_t *quotas)
{
	struct option options[QUOTA_COUNT + 3];
	int c;

	name_quotas(options);
	while ((c = cli_option(cli, argc, argv, options)) >= 256) {
		const struct quota_info *info = &quota_infos[c - 256];
		json_t *value = parse_quota(optarg, info->parts);

		if (!value) {
			cli->status = cli_usage(cli, "--%s %s is neither a number nor none", info->name, optarg);
			return false;
		}
		json_object_set_new(quotas, info->name, value);
	}
	return c == CLI_OPTION_END;
}

static void show(const json_t *user)
{
	struct table *t = table_create("QUOTA", ">USED", ">OF", "", NULL);
	const json_t *quota = json_map(user, "quota"), *used = json_map(user, "used");
	json_t *vnet;
	size_t i;

	printf("%s:", json_text(user, "name"));
	json_array_foreach (json_list(user, "vnets"), i, vnet)
		printf(" %s", json_string_value(vnet) ? json_string_value(vnet) : "?");
	printf("%s\n", json_array_size(json_list(user, "vnets")) ? "" : " no vnets");
	for (unsigned k = 0; k < QUOTA_COUNT; k++) {
		double most = json_number_at(quota, quota_infos[k].name);

		table_cell(t, "%s", quota_infos[k].name);
		table_cell(t, "%.15g", json_number_at(used, quota_infos[k].name));
		if (most < 0)
			table_cell(t, "%s", "");
		else
			table_cell(t, "%.15g", most);
		table_cell(t, "%s", quota_infos[k].what);
	}
	table_print(t, stdout);
	table_destroy(t);
}

static int list(const struct cli *cli, struct client *client, const char *name, struct err *err)
{
	json_t *answer = NULL, *user;
	bool found = false;
	size_t i;
	int code = client_call(client, "GET", "/v1/users", NULL, CALL_TIMEOUT_S, &answer, err);

	if (code)
		return code;
	if (cli->json && !name)
		json_print(answer);
	json_array_foreach (json_list(answer, "users"), i, user) {
		if (name && strcmp(json_text(user, "name"), name) != 0)
			continue;
		if (cli->json && name)
			json_print(user);
		else if (!cli->json)
			printf("%s", found ? "\n" : ""), show(user);
		found = true;
	}
	json_decref(answer);
	return name && !found ? err_set(err, -ENOENT, "no user %s", name) : 0;
}

/* The token, and nothing else, on standard output: for a file. */
static int call(const struct cli *cli, struct client *client, const char *form, const char *name,
		const json_t *quotas, struct err *err)
{
	static const struct {
		const char *form, *method, *tail, *done;
	} calls[] = { { "add", "PUT", "", NULL },
		      { "set", "POST", "", "is changed" },
		      { "token", "POST", "/token", NULL },
		      { "remove", "DELETE", "", "is removed" } };
	json_t *answer = NULL;
	char path[128];
	unsigned i = 0;
	int code;

	while (strcmp(calls[i].form, form) != 0)
		i++;
	snprintf(path, sizeof(path), "/v1/users/%s%s", name, calls[i].tail);
	code = client_call(client, calls[i].method, path, i < 2 ? quotas : NULL, CALL_TIMEOUT_S, &answer, err);
	if (!code && cli->json)
		json_print(answer);
	else if (!code && calls[i].done)
		printf("%s %s\n", name, calls[i].done);
	else if (!code)
		printf("%s\n", json_text(answer, "token"));
	json_decref(answer);
	return code;
}

static bool is_form(const char *form)
{
	static const char *const forms[] = { "add", "set", "token", "remove", "list" };

	for (unsigned i = 0; i < sizeof(forms) / sizeof(forms[0]); i++)
		if (!strcmp(form, forms[i]))
			return true;
	return false;
}

/* What was said, checked; false: cli->status. */
static bool check(struct cli *cli, int argc, char **argv, const json_t *quotas)
{
	const char *form = optind < argc ? argv[optind] : "";
	bool listing = !strcmp(form, "list"), takes = !strcmp(form, "add") || !strcmp(form, "set");
	int names = argc - optind - 1;

	cli->status = CLI_USAGE;
	if (!is_form(form))
		cli_usage(cli, "'%s' is none of add, set, token, remove, list", form);
	else if (names > 1)
		cli_usage(cli, "'%s' is one argument too many", argv[optind + 2]);
	else if (!names && !listing)
		cli_usage(cli, "which NAME?");
	else if (json_object_size(quotas) && !takes)
		cli_usage(cli, "quotas are for add and set");
	else if (!json_object_size(quotas) && !strcmp(form, "set"))
		cli_usage(cli, "set which quota?");
	else if (!names || cli_name_ok(cli, "user", argv[optind + 1]))
		cli->status = CLI_OK;
	return cli->status == CLI_OK;
}

int cli_user(struct cli *cli, int argc, char **argv)
{
	json_t *quotas = json_object();
	struct client *client;
	const char *form, *name;
	struct err err;
	int code;

	if (!parse(cli, argc, argv, quotas) || !check(cli, argc, argv, quotas)) {
		json_decref(quotas);
		return cli->status;
	}
	form = argv[optind];
	name = argv[optind + 1];
	code = client_create(cli->run, &client, &err);
	if (!code) {
		code = strcmp(form, "list") ? call(cli, client, form, name, quotas, &err) :
					      list(cli, client, name, &err);
		client_destroy(client);
	}
	json_decref(quotas);
	return code ? cli_report(cli, code, &err) : CLI_OK;
}
