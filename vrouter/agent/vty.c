/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `weft-agent vty LINES SOCKET...`: sends lines to FRR daemons, each through the socket that vtysh
 * uses, and prints the answers. Starting vtysh costs half a second under emulation, and it keeps
 * some lines from all daemons: `hostname` is one.
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
enum { LINE_MAX_LEN = 512 };

/* Prints the answer; returns its status, or -1. */
static int answer(int fd)
{
	uint8_t bytes[16384];
	unsigned zeroes = 0;
	ssize_t n;

	while ((n = read(fd, bytes, sizeof(bytes))) > 0) {
		size_t text = 0;

		for (ssize_t i = 0; i < n; i++) {
			if (zeroes == 3) {
				fwrite(bytes, 1, text, stdout);
				return bytes[i];
			}
			zeroes = bytes[i] ? 0 : zeroes + 1;
			if (bytes[i])
				bytes[text++] = bytes[i];
		}
		fwrite(bytes, 1, text, stdout);
	}
	return -1;
}

static int say(int fd, const char *lines)
{
	int status = DONE;

	while (*lines && (status == DONE || status == WARNED)) {
		size_t len = strcspn(lines, "\n");
		char line[LINE_MAX_LEN];

		if (len >= sizeof(line))
			return -1;
		memcpy(line, lines, len);
		line[len] = 0;
		status = write(fd, line, len + 1) < 0 ? -1 : answer(fd);
		lines += len + (lines[len] == '\n');
	}
	return status;
}

int vty_main(char **argv)
{
	for (char **path = argv + 1; argv[0] && *path; path++) {
		struct sockaddr_un to = { .sun_family = AF_UNIX };
		int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0), status = -1;

		snprintf(to.sun_path, sizeof(to.sun_path), "%s", *path);
		if (connect(fd, (struct sockaddr *)&to, sizeof(to)) < 0)
			fprintf(stderr, "weft-agent: %s: %s\n", *path, strerror(errno));
		else
			status = say(fd, argv[0]);
		close(fd);
		if (status != DONE && status != WARNED) {
			fprintf(stderr, "weft-agent: %s refuses \"%s\"\n", *path, argv[0]);
			return 1;
		}
	}
	return 0;
}
