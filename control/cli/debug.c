/* SPDX-License-Identifier: Apache-2.0 */
#include "control/cli/cli.h"
#include "control/cli/socket.h"

#include <signal.h>
#include <unistd.h>

/* Between gdb, whose pipe standard input and output are, and the machine. */
int cli_debug(struct cli *cli, int argc, char **argv)
{
	struct err err;
	int fd = -1, code;
	bool gone;

	if (!cli_args(cli, argc, argv, NULL, 2, 2))
		return cli->status;
	if (!cli_name_ok(cli, "vnet", argv[optind]) || !cli_name_ok(cli, "node", argv[optind + 1]))
		return CLI_USAGE;
	if (isatty(STDIN_FILENO))
		return cli_fail(cli, CLI_FAILED, "it is for gdb to run: "
				"gdb -ex 'target remote | weft debug %s %s'", argv[optind],
				argv[optind + 1]);
	signal(SIGPIPE, SIG_IGN);
	signal(SIGINT, SIG_IGN); /* Ctrl-C is gdb's, which passes it on in its own words */
	code = socket_open(cli, argv[optind], argv[optind + 1], "debug", &fd, &err);
	if (code)
		return cli_report(cli, code, &err);
	gone = socket_relay(fd, -1, -1);
	close(fd);
	return gone ? cli_fail(cli, CLI_FAILED, "the machine of %s/%s ended", argv[optind],
			       argv[optind + 1]) : CLI_OK;
}
