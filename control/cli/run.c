/* SPDX-License-Identifier: Apache-2.0 */
/* A scenario: calls of the API at their times, and a line of JSON about each. */
#include "control/cli/cli.h"
#include "control/cli/client.h"
#include "control/cli/json.h"
#include "control/scenario.h"

#include "base/buf.h"
#include "base/file.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

static double seconds(clockid_t clock)
{
	struct timespec t;

	clock_gettime(clock, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void log_line(json_t *o)
{
	json_dumpf(o, stdout, JSON_COMPACT | JSON_REAL_PRECISION(16));
	putchar('\n');
	fflush(stdout);
	json_decref(o);
}

static void sleep_until(double t)
{
	struct timespec ts = { .tv_sec = (time_t)t, .tv_nsec = (long)((t - (double)(time_t)t) * 1e9) };

	while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &ts, NULL) == EINTR)
		;
}

/* Whether the vnet has what the step names. */
static bool has_target(const json_t *vnet, const struct scenario_step *step)
{
	const json_t *link;
	size_t i;

	if (!step->target)
		return true;
	if (!strchr(step->target, ':'))
		return vnet_node(vnet, step->target) != NULL;
	json_array_foreach (json_list(vnet, "links"), i, link)
		if (!strcmp(json_text(link, "a"), step->target) ||
		    !strcmp(json_text(link, "b"), step->target))
			return true;
	return false;
}

static int check(const struct cli *cli, struct client *client, const char *file,
		 const struct scenario *s)
{
	json_t *vnet = NULL;
	char path[128];
	struct err err;
	int code;

	snprintf(path, sizeof(path), "/v1/vnets/%s", s->vnet);
	code = client_call(client, "GET", path, NULL, 60, &vnet, &err);
	if (code)
		return cli_report(cli, code, &err);
	code = CLI_OK;
	for (unsigned i = 0; code == CLI_OK && i < s->count; i++)
		if (!has_target(vnet, &s->steps[i]))
			code = cli_fail(cli, CLI_FAILED, "%s:%u: vnet %s has no %s %s", file,
					s->steps[i].line, s->vnet,
					strchr(s->steps[i].target, ':') ? "link at" : "node",
					s->steps[i].target);
	json_decref(vnet);
	return code;
}

static bool do_step(struct client *client, const char *vnet, const struct scenario_step *step,
		    double start)
{
	json_t *body = step->body ? json_loads(step->body, 0, NULL) : NULL, *line;
	double now, time;
	char path[256];
	struct err err;
	int code;

	snprintf(path, sizeof(path), "/v1/vnets/%s/%s", vnet, step->path);
	sleep_until(start + step->at);
	now = seconds(CLOCK_MONOTONIC);
	time = seconds(CLOCK_REALTIME);
	code = client_call(client, "POST", path, body, 0, NULL, &err);
	line = json_pack("{s:f, s:f, s:f, s:f, s:i, s:s, s:b}", "at", step->at, "began", now - start,
			 "took", seconds(CLOCK_MONOTONIC) - now, "time", time, "line", (int)step->line,
			 "do", step->text, "ok", !code);
	if (code)
		json_object_set_new(line, "error", json_string(err.text));
	log_line(line);
	json_decref(body);
	return !code;
}

static int run(const struct cli *cli, const char *file, const struct scenario *s)
{
	struct client *client;
	unsigned failed = 0;
	struct err err;
	double start;
	int code = client_create(cli->run, &client, &err);

	if (code)
		return cli_report(cli, code, &err);
	code = check(cli, client, file, s);
	if (code == CLI_OK) {
		start = seconds(CLOCK_MONOTONIC);
		log_line(json_pack("{s:s, s:s, s:i, s:f}", "vnet", s->vnet, "file", file, "steps",
				   (int)s->count, "time", seconds(CLOCK_REALTIME)));
		for (unsigned i = 0; i < s->count; i++)
			failed += !do_step(client, s->vnet, &s->steps[i], start);
		if (failed)
			code = cli_fail(cli, CLI_FAILED, "%u of %u steps failed; the lines say why", failed,
					s->count);
	}
	client_destroy(client);
	return code;
}

int cli_run(struct cli *cli, int argc, char **argv)
{
	struct scenario *s;
	struct buf text = { 0 };
	struct err err;
	int code;

	if (!cli_args(cli, argc, argv, NULL, 1, 1))
		return cli->status;
	code = file_read(argv[optind], TOPOLOGY_FILE_MAX, &text, &err);
	if (code) {
		buf_free(&text);
		return cli_report(cli, code, &err);
	}
	code = scenario_load(argv[optind], (const char *)text.data, text.len, &s, &err);
	buf_free(&text);
	if (code) /* the sentence begins with the file's name */
		return cli_fail(cli, CLI_TOPOLOGY, "%s", err.text);
	code = run(cli, argv[optind], s);
	scenario_free(s);
	return code;
}
