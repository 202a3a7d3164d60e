/* SPDX-License-Identifier: Apache-2.0 */
#include "control/cli/cli.h"
#include "control/cli/client.h"
#include "control/cli/json.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <termios.h>
#include <unistd.h>

#define LEAVE 0x1d /* Ctrl-] */

static int open_console(const char *path, int *out, struct err *err)
{
	struct sockaddr_un to = { .sun_family = AF_UNIX };
	int fd, code;

	if (*path != '/' || strlen(path) >= sizeof(to.sun_path))
		return err_set(err, -EBADMSG, "weftd names no usable socket for the console");
	memcpy(to.sun_path, path, strlen(path) + 1);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return err_sys(err, -errno, "socket");
	if (connect(fd, (struct sockaddr *)&to, sizeof(to)) < 0) {
		code = -errno;
		close(fd);
		return err_sys(err, code == -ENOTCONN ? -EIO : code,
			       "cannot connect to the console at %s", path);
	}
	*out = fd;
	return 0;
}

static int ask_console(const struct cli *cli, const char *vnet, const char *node, int *fd,
		       struct err *err)
{
	struct client *client;
	json_t *answer = NULL;
	char path[256];
	int code = client_create(cli->run, &client, err);

	if (code)
		return code;
	snprintf(path, sizeof(path), "/v1/vnets/%s/nodes/%s/console", vnet, node);
	code = client_call(client, "GET", path, NULL, 30, &answer, err);
	client_destroy(client);
	if (!code)
		code = open_console(json_text(answer, "path"), fd, err);
	json_decref(answer);
	return code;
}

static bool forward(int to, const char *bytes, size_t len)
{
	while (len) {
		ssize_t n = write(to, bytes, len);

		if (n < 0 && errno != EINTR)
			return false;
		if (n > 0) {
			bytes += n;
			len -= (size_t)n;
		}
	}
	return true;
}

/* Until Ctrl-], a signal, or the end of either side. Returns true when the router's side ended. */
static bool relay(int fd, int signals)
{
	struct pollfd p[] = { { .fd = STDIN_FILENO, .events = POLLIN },
			      { .fd = fd, .events = POLLIN },
			      { .fd = signals, .events = POLLIN } };
	char bytes[4096], *leave;
	ssize_t n;

	for (;;) {
		if (poll(p, 3, -1) < 0) {
			if (errno == EINTR)
				continue;
			return false;
		}
		if (p[2].revents)
			return false;
		if (p[1].revents) {
			n = read(fd, bytes, sizeof(bytes));
			if (n <= 0 || !forward(STDOUT_FILENO, bytes, (size_t)n))
				return n <= 0;
		}
		if (p[0].revents) {
			n = read(STDIN_FILENO, bytes, sizeof(bytes));
			if (n <= 0)
				return false;
			leave = memchr(bytes, LEAVE, (size_t)n);
			if (!forward(fd, bytes, leave ? (size_t)(leave - bytes) : (size_t)n))
				return true;
			if (leave)
				return false;
		}
	}
}

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
	*gone = relay(fd, signals);
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
	code = ask_console(cli, argv[optind], argv[optind + 1], &fd, &err);
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
