/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `weft-agent vty COMMAND SOCKET...`: runs one line of configuration in FRR daemons. vtysh knows
 * which daemon may see which line, and keeps some from all of them: `hostname` is one.
 *
 * The daemons' protocol: a line with its terminating 0 there; text, then three zeroes and a status
 * byte back.
 */
#include "vrouter/agent/agent_priv.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

enum { DONE = 0, WARNED = 1 }; /* enum cmd_return_value of FRR: all others are failures */

/* The status, or -1. */
static int say(int fd, const char *line)
{
	unsigned zeroes = 0;
	uint8_t byte;

	if (write(fd, line, strlen(line) + 1) < 0)
		return -1;
	while (read(fd, &byte, 1) == 1) {
		if (zeroes >= 3)
			return byte;
		zeroes = byte ? 0 : zeroes + 1;
	}
	return -1;
}

static int configure(const char *path, const char *line)
{
	const char *const lines[] = { "enable", "configure terminal", line, "end" };
	struct sockaddr_un to = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0), status = -1;

	snprintf(to.sun_path, sizeof(to.sun_path), "%s", path);
	if (connect(fd, (struct sockaddr *)&to, sizeof(to)) < 0)
		fprintf(stderr, "weft-agent: %s: %s\n", path, strerror(errno));
	else
		for (unsigned i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
			status = say(fd, lines[i]);
			if (status != DONE && status != WARNED)
				break;
		}
	close(fd);
	return status;
}

int vty_main(char **argv)
{
	for (char **path = argv + 1; *path; path++) {
		int status = configure(*path, argv[0]);

		if (status != DONE && status != WARNED) {
			fprintf(stderr, "weft-agent: %s refuses \"%s\"\n", *path, argv[0]);
			return 1;
		}
	}
	return 0;
}
