/* SPDX-License-Identifier: Apache-2.0 */
/* What happens, as it happens; a weftd that is restarted meanwhile is asked again from where it was. */
#include "control/cli/cli.h"
#include "control/cli/client.h"
#include "control/cli/json.h"
#include "control/cli/table.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#define ABSENT_MAX_S 10 /* that a weftd may be away */

struct follow {
	bool json;
	const char *vnet; /* NULL: all */
	bool to_the_end;
	char cursor[40]; /* of the last event that was shown; "": none yet */
};

static bool cursor_ok(const char *text)
{
	return !strcmp(text, "now") || (*text && strlen(text) < sizeof(((struct follow *)NULL)->cursor) &&
					 !text[strspn(text, "0123456789.")]);
}

static void show_when(double time)
{
	time_t s = (time_t)time;
	char text[32];
	struct tm tm;

	if (time < 0 || !localtime_r(&s, &tm) || !strftime(text, sizeof(text), "%F %T", &tm))
		return;
	printf("%s.%03u", text, (unsigned)((time - (double)s) * 1000));
}

static void show(const json_t *e)
{
	char text[2048];
	const json_t *count = json_object_get(e, "count");

	if (!strcmp(json_text(e, "type"), "missed")) {
		if (json_is_integer(count))
			printf("%llu events were missed\n", (unsigned long long)json_count(e, "count"));
		else
			puts("what happened before this weftd started is not known any more");
		return;
	}
	if (!strcmp(json_text(e, "type"), "now"))
		return;
	show_when(json_number_at(e, "time"));
	snprintf(text, sizeof(text), "%s%s%s%s%s %s%s%s%s", json_text(e, "vnet"),
		 *json_text(e, "vnet") ? " " : "", json_text(e, "type"), *json_text(e, "name") ? " " : "",
		 json_text(e, "name"), json_text(e, "state"), *json_text(e, "why") ? " (" : "",
		 json_text(e, "why"), *json_text(e, "why") ? ")" : "");
	text_clean(text);
	printf("  %s\n", text);
}

static int on_line(void *arg, const json_t *e, struct err *err)
{
	const char *cursor = json_text(e, "cursor"), *type = json_text(e, "type");
	struct follow *f = arg;

	if (!*cursor || !cursor_ok(cursor) || !*type)
		return err_set(err, -EBADMSG, "weftd's answer is not what docs/api.md says; compare "
					      "both versions with `weft version`");
	snprintf(f->cursor, sizeof(f->cursor), "%s", cursor);
	if (f->json) {
		json_dumpf(e, stdout, JSON_COMPACT | JSON_REAL_PRECISION(13));
		putchar('\n');
	} else {
		show(e);
	}
	/* Nobody reads any more, as with `| head`. */
	return fflush(stdout) ? err_sys(err, -EPIPE, "cannot write to standard output") : 0;
}

static int ask(struct client *client, struct follow *f, struct err *err)
{
	char path[256];

	snprintf(path, sizeof(path), "/v1/events?follow=%d%s%s%s%s", !f->to_the_end,
		 f->vnet ? "&vnet=" : "", f->vnet ? f->vnet : "", *f->cursor ? "&since=" : "", f->cursor);
	return client_stream(client, "GET", path, NULL, on_line, f, err);
}

/* The connection broke, or weftd ended it: it may be there again soon. */
static bool comes_back(const struct client *client)
{
	const struct timespec pause = { .tv_nsec = 100000000 };

	for (int i = 0; i < ABSENT_MAX_S * 10 && client_absent(client); i++)
		nanosleep(&pause, NULL);
	return !client_absent(client);
}

static int follow(struct client *client, struct follow *f, struct err *err)
{
	int code;

	for (;;) {
		code = ask(client, f, err);
		if ((code && code != -EIO) || f->to_the_end)
			return code;
		if (!comes_back(client))
			return err_set(err, -ENOTCONN, "weftd has ended");
	}
}

int cli_events(struct cli *cli, int argc, char **argv)
{
	static const struct option options[] = { CLI_HELP, CLI_FORMAT,
						 { "since", required_argument, NULL, 's' },
						 { "no-follow", no_argument, NULL, 'n' }, { 0 } };
	struct follow f = { .vnet = NULL };
	struct client *client;
	struct err err;
	int c, code;

	while ((c = cli_option(cli, argc, argv, options)) >= 0) {
		f.to_the_end |= c == 'n';
		if (c == 's' && !cursor_ok(optarg))
			return cli_usage(cli, "'%s' is no cursor, as 12.345 or now", optarg);
		if (c == 's')
			snprintf(f.cursor, sizeof(f.cursor), "%s", optarg);
	}
	if (c == CLI_OPTION_STOP)
		return cli->status;
	if (optind + 1 < argc)
		return cli_usage(cli, "'%s' is one argument too many", argv[optind + 1]);
	f.vnet = argv[optind];
	if (f.vnet && !cli_name_ok(cli, "vnet", f.vnet))
		return CLI_USAGE;
	f.json = cli->json;
	code = client_create(cli->run, &client, &err);
	if (code)
		return cli_report(cli, code, &err);
	code = follow(client, &f, &err);
	client_destroy(client);
	return code && code != -EPIPE ? cli_report(cli, code, &err) : CLI_OK;
}
