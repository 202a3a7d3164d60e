/* SPDX-License-Identifier: Apache-2.0 */
#include "control/cli/cli.h"
#include "control/cli/socket.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <sys/signalfd.h>
#include <termios.h>
#include <unistd.h>

#define LEAVE 0x1d /* Ctrl-] */

/* Signals that would end us arrive by a descriptor instead, so that every way out restores the
 * terminal. */
static int attach(int fd, bool *gone, struct err *err)
{
	struct termios before, raw;
	sigset_t ends;
	int signals;

	sigemptyset(&ends);
	sigaddset(&ends, SIGINT);
	sigaddset(&ends, SIGTERM);
	sigaddset(&ends, SIGHUP);
	sigaddset(&ends, SIGQUIT);
	sigprocmask(SIG_BLOCK, &ends, NULL);
	signal(SIGPIPE, SIG_IGN);
	signals = signalfd(-1, &ends, SFD_CLOEXEC);
	if (signals < 0)
		return err_sys(err, -errno, "signalfd");
	if (tcgetattr(STDIN_FILENO, &before) < 0) {
		int code = -errno;

		close(signals);
		return err_sys(err, code, "terminal");
	}
	raw = before;
	cfmakeraw(&raw);
	tcsetattr(STDIN_FILENO, TCSADRAIN, &raw);
	*gone = socket_relay(fd, LEAVE, signals);
	tcsetattr(STDIN_FILENO, TCSADRAIN, &before);
	close(signals);
	return 0;
}

int cli_console(struct cli *cli, int argc, char **argv)
{
	struct err err;
	bool gone = false;
	int fd = -1, code;

	if (!cli_args(cli, argc, argv, NULL, 2, 2))
		return cli->status;
	if (!cli_name_ok(cli, "vnet", argv[optind]) || !cli_name_ok(cli, "node", argv[optind + 1]))
		return CLI_USAGE;
	if (!isatty(STDIN_FILENO))
		return cli_fail(cli, CLI_FAILED, "standard input is no terminal; "
						 "use `weft exec` in scripts");
	code = socket_open(cli, argv[optind], argv[optind + 1], "console", &fd, &err);
	if (code)
		return cli_report(cli, code, &err);
	fprintf(stderr, "console of %s/%s; Ctrl-] leaves\n", argv[optind], argv[optind + 1]);
	code = attach(fd, &gone, &err);
	close(fd);
	if (code)
		return cli_report(cli, code, &err);
	fputc('\n', stderr);
	if (gone)
		return cli_fail(cli, CLI_FAILED, "the console of %s/%s ended", argv[optind],
				argv[optind + 1]);
	return CLI_OK;
}
