/* SPDX-License-Identifier: Apache-2.0 */
#include "control/cli/cli.h"

#include "base/buf.h"
#include "base/file.h"

#include <curl/curl.h>
#include <locale.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define TOKEN_FILE_MAX 4096

static void from_env(char out[PATH_MAX], const char *name, const char *otherwise)
{
	const char *v = getenv(name);

	snprintf(out, PATH_MAX, "%s", v && *v ? v : otherwise);
}

static void init(struct cli *cli)
{
	struct err err;

	from_env(cli->run, "WEFT_RUN", "/run/weft");
	from_env(cli->state, "WEFT_STATE", "/var/lib/weft");
	from_env(cli->share, "WEFT_SHARE", "");
	if (!*cli->share && file_beside(cli->share, "../share/weft", &err))
		*cli->share = 0;
}

static int unknown(const char *name)
{
	const struct verb *near = cli_verb_nearest(name);

	if (near)
		fprintf(stderr, "weft: there is no verb '%s'; did you mean '%s'?\n", name,
			near->name);
	else
		fprintf(stderr, "weft: there is no verb '%s'; `weft --help` lists them\n", name);
	return CLI_USAGE;
}

static int run_verb(int argc, char **argv)
{
	struct cli cli = { 0 };
	int status;

	init(&cli);
	cli.verb = cli_verb_find(argv[1]);
	if (!cli.verb)
		return unknown(argv[1]);
	if (curl_global_init(CURL_GLOBAL_DEFAULT))
		return cli_fail(&cli, CLI_FAILED, "libcurl does not start");
	status = cli.verb->run(&cli, argc - 1, argv + 1);
	curl_global_cleanup();
	/* A full disk or a closed pipe must not look like success. */
	if ((fflush(stdout) || ferror(stdout)) && status == CLI_OK)
		status = cli_fail(&cli, CLI_FAILED, "cannot write to standard output");
	return status;
}

/* The first line of the file is the token, for all that follows. */
static int use_token(const char *file)
{
	struct buf text = { 0 };
	struct err err;

	if (file_read(file, TOKEN_FILE_MAX, &text, &err)) {
		fprintf(stderr, "weft: --token-file: %s\n", err.text);
		return CLI_USAGE;
	}
	buf_u8(&text, 0);
	if (!text.bad)
		text.data[strcspn((char *)text.data, "\r\n")] = 0;
	if (text.bad || !text.data[0] || setenv("WEFT_TOKEN", (char *)text.data, 1)) {
		fprintf(stderr, "weft: --token-file: %s has no token\n", file);
		return CLI_USAGE;
	}
	buf_free(&text);
	return CLI_OK;
}

int main(int argc, char **argv)
{
	setlocale(LC_CTYPE, "C.UTF-8");
	if (argc > 2 && !strcmp(argv[1], "--token-file")) {
		if (use_token(argv[2]) != CLI_OK)
			return CLI_USAGE;
		argv += 2;
		argc -= 2;
	}
	if (argc < 2) {
		fputs("weft: what shall be done? `weft --help` lists the verbs\n", stderr);
		return CLI_USAGE;
	}
	if (!strcmp(argv[1], "--help") || !strcmp(argv[1], "-h")) {
		cli_help();
		return CLI_OK;
	}
	if (!strcmp(argv[1], "--version"))
		argv[1] = "version";
	return run_verb(argc, argv);
}
