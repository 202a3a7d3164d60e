/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CONTROL_CLI_CLI_H
#define CONTROL_CLI_CLI_H

/*
 * `weft`: what the verbs share. A verb is one file with one entry in the table of verbs.c; it
 * gets its own argv, talks to weftd through client.h, and returns an exit code.
 */

#include "base/err.h"

#include <getopt.h>
#include <limits.h>
#include <stdbool.h>

enum {
	CLI_OK = 0,
	CLI_FAILED = 1,
	CLI_USAGE = 2,	     /* wrong usage */
	CLI_TOPOLOGY = 3,    /* the topology is wrong */
	CLI_UNREACHABLE = 4, /* weftd cannot be reached */
	CLI_DIFFERS = 5,     /* verify: something differs */
};

struct verb;

struct cli {
	const struct verb *verb;
	char run[PATH_MAX];   /* $WEFT_RUN */
	char state[PATH_MAX]; /* $WEFT_STATE */
	char share[PATH_MAX]; /* $WEFT_SHARE, or that of this installation */
	int status;	      /* the exit code after CLI_OPTION_STOP */
	bool json;	      /* --format json */
};

struct verb {
	const char *name, *group;
	const char *usage;   /* what follows "weft ": "deploy FILE [--no-wait]"; lines by '\n' */
	const char *summary; /* one line of `weft --help` */
	const char *help;    /* options and examples, below the usage */
	int (*run)(struct cli *cli, int argc, char **argv); /* argv[0] is the verb */
};

/* Every verb, in the order of the help; ends with a NULL name. */
extern const struct verb cli_verbs[];

const struct verb *cli_verb_find(const char *name);	     /* or NULL */
const struct verb *cli_verb_nearest(const char *name);	     /* a likely typo's verb, or NULL */
void cli_help(void);					     /* on stdout */
void cli_verb_help(const struct verb *verb);		     /* on stdout */

int cli_deploy(struct cli *cli, int argc, char **argv);
int cli_destroy(struct cli *cli, int argc, char **argv);
int cli_inspect(struct cli *cli, int argc, char **argv);
int cli_top(struct cli *cli, int argc, char **argv);
int cli_events(struct cli *cli, int argc, char **argv);
int cli_exec(struct cli *cli, int argc, char **argv);
int cli_console(struct cli *cli, int argc, char **argv);
int cli_debug(struct cli *cli, int argc, char **argv);
int cli_restart(struct cli *cli, int argc, char **argv);
int cli_sleep(struct cli *cli, int argc, char **argv); /* pause, resume, hibernate */
int cli_trace(struct cli *cli, int argc, char **argv);
int cli_routes(struct cli *cli, int argc, char **argv);
int cli_verify(struct cli *cli, int argc, char **argv);
int cli_link(struct cli *cli, int argc, char **argv);
int cli_port(struct cli *cli, int argc, char **argv);
int cli_capture(struct cli *cli, int argc, char **argv);
int cli_run(struct cli *cli, int argc, char **argv);
int cli_image(struct cli *cli, int argc, char **argv);
int cli_user(struct cli *cli, int argc, char **argv);
int cli_version(struct cli *cli, int argc, char **argv);
int cli_help_verb(struct cli *cli, int argc, char **argv);

/*
 * getopt_long() with the messages of this program. "-h/--help" is known to every verb, and
 * "--format FORMAT" to those whose table lists CLI_FORMAT: both are handled inside. Returns the
 * option's val, CLI_OPTION_END, or CLI_OPTION_STOP: return cli->status.
 */
#define CLI_OPTION_END	(-1)
#define CLI_OPTION_STOP (-2)
#define CLI_OPTION_FORMAT 'f'
#define CLI_HELP	{ "help", no_argument, NULL, 'h' }
#define CLI_FORMAT	{ "format", required_argument, NULL, CLI_OPTION_FORMAT }
int cli_option(struct cli *cli, int argc, char **argv, const struct option *options);
int cli_option_brief(struct cli *cli, int argc, char **argv, const char *brief,
		     const struct option *options); /* brief: ":h" and more */
int cli_option_first(struct cli *cli, int argc, char **argv, const struct option *options);

/* For verbs without options of their own: checks that min..max arguments follow. Returns false
 * with cli->status set. */
bool cli_args(struct cli *cli, int argc, char **argv, const struct option *options, int min,
	      int max);

/* "weft: VERB: text" on stderr; return their exit code. */
int cli_usage(const struct cli *cli, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
int cli_fail(const struct cli *cli, int exit_code, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

/* Says what failed; CLI_UNREACHABLE when code is -ENOTCONN (see client.h), else CLI_FAILED. */
int cli_report(const struct cli *cli, int code, const struct err *err);

/* Whether it can name a vnet, node or port (topology.h), and so stand in a path of the API;
 * cli_name_ok() says so when not. */
bool cli_name_valid(const char *name);
bool cli_name_ok(const struct cli *cli, const char *what, const char *name);

#endif
