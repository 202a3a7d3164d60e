/* SPDX-License-Identifier: Apache-2.0 */
#include "base/sock.h"

#include <assert.h>
#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

int sock_address(struct sockaddr_un *out, const char *path, struct err *err)
{
	static_assert(sizeof(out->sun_path) == SOCK_PATH_MAX, "SOCK_PATH_MAX");
	*out = (struct sockaddr_un){ .sun_family = AF_UNIX };
	if (strlen(path) >= SOCK_PATH_MAX)
		return err_set(err, -ENAMETOOLONG, "%s is longer than the %d bytes of a socket's path", path,
			       SOCK_PATH_MAX - 1);
	strcpy(out->sun_path, path);
	return 0;
}

int sock_connect_unix(const char *path, uid_t uid)
{
	struct sockaddr_un sun;
	struct err err;
	struct ucred cred;
	socklen_t len = sizeof(cred);
	int fd, code;

	code = sock_address(&sun, path, &err);
	if (code)
		return code;
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -errno;
	if (connect(fd, (struct sockaddr *)&sun, sizeof(sun)) < 0 ||
	    getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &cred, &len) < 0)
		code = -errno;
	else
		code = cred.uid == uid ? 0 : -EACCES;
	if (code) {
		close(fd);
		return code;
	}
	return fd;
}
