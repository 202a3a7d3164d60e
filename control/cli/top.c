/* SPDX-License-Identifier: Apache-2.0 */
/* What the engine does for each vnet, as it goes: the difference of two inspections, over and over. */
#include "control/cli/cli.h"
#include "control/cli/client.h"
#include "control/cli/json.h"
#include "control/cli/table.h"
#include "control/cli/top.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

double top_now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (double)ts.tv_sec + (double)ts.tv_nsec / 1e9;
}

static const json_t *same_vnet(const json_t *vnets, const json_t *vnet)
{
	json_t *o;
	size_t i;

	json_array_foreach (vnets, i, o)
		if (!strcmp(json_text(o, "name"), json_text(vnet, "name")))
			return o;
	return NULL;
}

double top_rate(uint64_t now, uint64_t before, double seconds)
{
	return now > before ? (double)(now - before) / seconds : 0;
}

static uint64_t punts(const json_t *counters, const char *key)
{
	uint64_t sum = 0;
	const char *class;
	json_t *o;

	json_object_foreach (json_map(counters, "punts"), class, o)
		sum += json_count(o, key);
	return sum;
}

json_t *top_drops(const json_t *now, const json_t *before, double seconds)
{
	json_t *out = json_object(), *n;
	const char *why;

	json_object_foreach ((json_t *)(uintptr_t)now, why, n) {
		double r = top_rate(json_count(now, why), json_count(before, why), seconds);

		if (r > 0)
			json_object_set_new(out, why, json_real(r));
	}
	return out;
}

/* What a vnet did between the two inspections. */
static json_t *vnet_rates(const json_t *now, const json_t *before, double seconds)
{
	const json_t *a = json_map(now, "counters"), *b = json_map(before, "counters");
	double cpu = json_number_at(a, "cpu_s") - json_number_at(b, "cpu_s");

	return json_pack(
		"{s:s, s:s, s:I, s:f, s:f, s:f, s:f, s:f, s:o}", "name", json_text(now, "name"),
		"state", json_text(now, "state"), "weight", (json_int_t)json_count(now, "weight"),
		"core_percent", cpu > 0 ? 100 * cpu / seconds : 0, "forwarded_per_s",
		top_rate(json_count(a, "forwarded"), json_count(b, "forwarded"), seconds),
		"injected_per_s", top_rate(json_count(a, "injected"), json_count(b, "injected"), seconds),
		"punts_per_s", top_rate(punts(a, "passed"), punts(b, "passed"), seconds),
		"policed_per_s", top_rate(punts(a, "policed"), punts(b, "policed"), seconds),
		"drops_per_s", top_drops(json_map(a, "drops"), json_map(b, "drops"), seconds));
}

static int by_core(const void *a, const void *b)
{
	double x = json_number_at(*(json_t *const *)a, "core_percent");
	double y = json_number_at(*(json_t *const *)b, "core_percent");

	return x < y ? 1 : x > y ? -1 : 0;
}

/* An array of vnet_rates(), those first that took most of the cores. NULL: no memory. */
static json_t *sample(const json_t *now, const json_t *before, double seconds)
{
	size_t n = json_array_size(now), used = 0, i;
	json_t **rows = calloc(n + 1, sizeof(*rows)), *out = json_array(), *vnet;

	json_array_foreach ((json_t *)(uintptr_t)now, i, vnet) {
		const json_t *old = same_vnet(before, vnet);

		if (rows && old)
			rows[used++] = vnet_rates(vnet, old, seconds);
	}
	if (rows)
		qsort(rows, used, sizeof(*rows), by_core);
	for (i = 0; i < used; i++)
		json_array_append_new(out, rows[i]);
	free(rows);
	return out;
}

void top_cell(struct table *t, double r)
{
	char text[32];

	table_cell(t, "%s", text_count(text, (unsigned long long)(r + 0.5)));
}

void top_cell_drops(struct table *t, const json_t *drops)
{
	const char *why, *most = "";
	double sum = 0, max = 0;
	json_t *n;

	json_object_foreach ((json_t *)(uintptr_t)drops, why, n) {
		sum += json_real_value(n);
		if (json_real_value(n) > max) {
			max = json_real_value(n);
			most = why;
		}
	}
	top_cell(t, sum);
	table_cell(t, "%s", most);
}

void top_begin(void)
{
	if (isatty(STDOUT_FILENO))
		fputs("\033[H\033[J", stdout);
}

void top_end(void)
{
	if (!isatty(STDOUT_FILENO))
		putchar('\n');
}

static void show(const json_t *rows)
{
	struct table *t = table_create("VNET", "STATE", ">WEIGHT", ">CORE %", ">FORWARDED/s",
				       ">INJECTED/s", ">PUNTS/s", ">POLICED/s", ">DROPS/s",
				       "MOSTLY", NULL);
	const json_t *vnet;
	size_t i;

	json_array_foreach (rows, i, vnet) {
		table_cell(t, "%s", json_text(vnet, "name"));
		table_cell(t, "%s", json_text(vnet, "state"));
		table_cell(t, "%llu", (unsigned long long)json_count(vnet, "weight"));
		table_cell(t, "%.1f", json_number_at(vnet, "core_percent"));
		top_cell(t, json_number_at(vnet, "forwarded_per_s"));
		top_cell(t, json_number_at(vnet, "injected_per_s"));
		top_cell(t, json_number_at(vnet, "punts_per_s"));
		top_cell(t, json_number_at(vnet, "policed_per_s"));
		top_cell_drops(t, json_map(vnet, "drops_per_s"));
	}
	top_begin();
	table_print(t, stdout);
	top_end();
	table_destroy(t);
}

static void print(const struct cli *cli, json_t *rows)
{
	if (cli->json) {
		json_t *line = json_pack("{s:I, s:O}", "time", (json_int_t)time(NULL), "vnets", rows);

		json_dumpf(line, stdout, JSON_COMPACT | JSON_REAL_PRECISION(6));
		putchar('\n');
		json_decref(line);
	} else {
		show(rows);
	}
	fflush(stdout);
}

static int watch(const struct cli *cli, struct client *client, const struct top *top,
		 struct err *err)
{
	json_t *before = NULL, *now = NULL;
	double then = 0;
	int code = 0;

	for (unsigned long n = 0; !code && (!top->count || n <= top->count); n++) {
		double at;

		if (n)
			usleep((useconds_t)(top->interval * 1e6));
		code = client_call(client, "GET", "/v1/vnets", NULL, 60, &now, err);
		at = top_now();
		if (!code)
			code = vnets_check(now, err);
		if (!code && n) {
			json_t *rows = sample(json_list(now, "vnets"), json_list(before, "vnets"),
					      at - then);

			print(cli, rows);
			json_decref(rows);
		}
		json_decref(before);
		before = now;
		now = NULL;
		then = at;
	}
	json_decref(before);
	return code;
}

int cli_top(struct cli *cli, int argc, char **argv)
{
	static const struct option options[] = {
		CLI_HELP, CLI_FORMAT, { "interval", required_argument, NULL, 'i' },
		{ "count", required_argument, NULL, 'n' }, { 0 }
	};
	struct top top = { .interval = 2 };
	struct client *client;
	struct err err;
	char *end;
	int c, code;

	while ((c = cli_option(cli, argc, argv, options)) >= 0) {
		if (c == 'i')
			top.interval = strtod(optarg, &end);
		else
			top.count = strtoul(optarg, &end, 10);
		if (*end || top.interval < 0.1 || top.interval > 3600 || (c == 'n' && !top.count))
			return cli_usage(cli, "'%s' is no %s", optarg,
					 c == 'i' ? "interval, which is 0.1 to 3600 seconds" :
						    "count, which is 1 or more");
	}
	if (c == CLI_OPTION_STOP)
		return cli->status;
	if (optind + 1 < argc)
		return cli_usage(cli, "'%s' is one argument too many", argv[optind + 1]);
	if (optind < argc && !cli_name_ok(cli, "vnet", argv[optind]))
		return CLI_USAGE;
	code = client_create(cli->run, &client, &err);
	if (code)
		return cli_report(cli, code, &err);
	code = optind < argc ? top_vnet(cli, client, argv[optind], &top, &err) :
			       watch(cli, client, &top, &err);
	client_destroy(client);
	return code ? cli_report(cli, code, &err) : CLI_OK;
}
