/* SPDX-License-Identifier: Apache-2.0 */
#include "control/cli/socket.h"

#include "control/cli/client.h"
#include "control/cli/json.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

static int open_path(const char *path, int *out, struct err *err)
{
	struct sockaddr_un to = { .sun_family = AF_UNIX };
	int fd, code;

	if (*path != '/' || strlen(path) >= sizeof(to.sun_path))
		return err_set(err, -EBADMSG, "weftd names no usable socket");
	memcpy(to.sun_path, path, strlen(path) + 1);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return err_sys(err, -errno, "socket");
	if (connect(fd, (struct sockaddr *)&to, sizeof(to)) < 0) {
		code = -errno;
		close(fd);
		return err_sys(err, code == -ENOTCONN ? -EIO : code,
			       "cannot connect to its machine at %s", path);
	}
	*out = fd;
	return 0;
}

int socket_open(const struct cli *cli, const char *vnet, const char *node, const char *what, int *fd,
		struct err *err)
{
	struct client *client;
	json_t *answer = NULL;
	char path[256];
	int code = client_create(cli->run, &client, err);

	if (code)
		return code;
	snprintf(path, sizeof(path), "/v1/vnets/%s/nodes/%s/%s", vnet, node, what);
	code = client_call(client, "GET", path, NULL, 30, &answer, err);
	client_destroy(client);
	if (!code)
		code = open_path(json_text(answer, "path"), fd, err);
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

bool socket_relay(int fd, int leave, int signals)
{
	struct pollfd p[] = { { .fd = STDIN_FILENO, .events = POLLIN },
			      { .fd = fd, .events = POLLIN },
			      { .fd = signals, .events = POLLIN } };
	char bytes[4096], *end;
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
			end = leave < 0 ? NULL : memchr(bytes, leave, (size_t)n);
			if (!forward(fd, bytes, end ? (size_t)(end - bytes) : (size_t)n))
				return true;
			if (end)
				return false;
		}
	}
}
