/* SPDX-License-Identifier: Apache-2.0 */
#include "control/cli/cli.h"

#include "control/cli/table.h"
#include "control/topology.h"

#include <ctype.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* One line, cleaned: sentences may quote what a guest or a file said. */
static void say(const struct cli *cli, const char *fmt, va_list ap, const char *tail)
{
	char text[2048];

	vsnprintf(text, sizeof(text), fmt, ap);
	text_clean(text);
	fflush(stdout);
	fprintf(stderr, "weft: %s: %s%s\n", cli->verb->name, text, tail);
}

int cli_usage(const struct cli *cli, const char *fmt, ...)
{
	char tail[128];
	va_list ap;

	snprintf(tail, sizeof(tail), "; see `weft %s --help`", cli->verb->name);
	va_start(ap, fmt);
	say(cli, fmt, ap, tail);
	va_end(ap);
	return CLI_USAGE;
}

int cli_fail(const struct cli *cli, int exit_code, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	say(cli, fmt, ap, "");
	va_end(ap);
	return exit_code;
}

int cli_report(const struct cli *cli, int code, const struct err *err)
{
	return cli_fail(cli, code == -ENOTCONN ? CLI_UNREACHABLE : CLI_FAILED, "%s", err->text);
}

static int set_format(struct cli *cli, const char *format)
{
	if (strcmp(format, "json") && strcmp(format, "table")) {
		cli->status = cli_usage(cli, "--format %s is neither table nor json", format);
		return CLI_OPTION_STOP;
	}
	cli->json = !strcmp(format, "json");
	return 0;
}

static int next_option(struct cli *cli, int argc, char **argv, const char *brief,
		       const struct option *options)
{
	int c;

	opterr = 0;
	do {
		int at = optind ? optind : 1;

		c = getopt_long(argc, argv, brief, options, NULL);
		if (c == 'h') {
			cli_verb_help(cli->verb);
			cli->status = CLI_OK;
			return CLI_OPTION_STOP;
		}
		if (c == ':') {
			cli->status = cli_usage(cli, "option '%s' needs a value", argv[optind - 1]);
			return CLI_OPTION_STOP;
		}
		if (c == '?') {
			cli->status = cli_usage(cli, "option '%s' is not known",
						argv[optind > at ? optind - 1 : at]);
			return CLI_OPTION_STOP;
		}
		if (c == CLI_OPTION_FORMAT && set_format(cli, optarg))
			return CLI_OPTION_STOP;
	} while (c == CLI_OPTION_FORMAT);
	return c;
}

int cli_option(struct cli *cli, int argc, char **argv, const struct option *options)
{
	return next_option(cli, argc, argv, ":h", options);
}

int cli_option_brief(struct cli *cli, int argc, char **argv, const char *brief,
		     const struct option *options)
{
	return next_option(cli, argc, argv, brief, options);
}

int cli_option_first(struct cli *cli, int argc, char **argv, const struct option *options)
{
	return next_option(cli, argc, argv, "+:h", options);
}

bool cli_args(struct cli *cli, int argc, char **argv, const struct option *options, int min,
	      int max)
{
	static const struct option plain[] = { CLI_HELP, { 0 } };
	int n;

	if (cli_option(cli, argc, argv, options ? options : plain) != CLI_OPTION_END)
		return false;
	n = argc - optind;
	if (n >= min && n <= max)
		return true;
	if (n > max)
		cli->status = cli_usage(cli, "'%s' is one argument too many", argv[optind + max]);
	else
		cli->status = cli_usage(cli, "an argument is missing");
	return false;
}

bool cli_name_valid(const char *name)
{
	size_t n = strlen(name);
	bool ok = n > 0 && n < TOPOLOGY_NAME_MAX && isalnum((unsigned char)*name);

	for (size_t i = 0; ok && i < n; i++)
		ok = isalnum((unsigned char)name[i]) || strchr("-_.", name[i]);
	return ok;
}

bool cli_name_ok(const struct cli *cli, const char *what, const char *name)
{
	if (cli_name_valid(name))
		return true;
	cli_usage(cli, "'%s' cannot be a %s's name (1 to %d of letters, digits, '-_.')", name, what,
		  TOPOLOGY_NAME_MAX - 1);
	return false;
}
