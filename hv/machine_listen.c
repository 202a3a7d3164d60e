/* SPDX-License-Identifier: Apache-2.0 */
/* A socket in a machine's own network namespace, where nobody is but the machine itself. */
#include "hv/machine_priv.h"

#include "hv/proc_priv.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <sched.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

enum { BACKLOG = 4 };

/* Not this program's own: the jail has not made one yet, or the process is none of its. */
static bool is_other(int own)
{
	int now = open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC);
	struct stat a, b;
	bool other = now >= 0 && fstat(own, &a) == 0 && fstat(now, &b) == 0 &&
		     (a.st_ino != b.st_ino || a.st_dev != b.st_dev);

	if (now >= 0)
		close(now);
	return other;
}

static int make_listener(uint16_t port)
{
	const struct sockaddr_in at = { .sin_family = AF_INET, .sin_port = htons(port),
					.sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0), on = 1, code;

	if (fd < 0)
		return -errno;
	if (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) == 0 &&
	    bind(fd, (const struct sockaddr *)&at, sizeof(at)) == 0 && listen(fd, BACKLOG) == 0)
		return fd;
	code = -errno;
	close(fd);
	return code;
}

int hv_listen(const struct hv_machine *hm, uint16_t port, struct err *err)
{
	const struct machine *m = (const struct machine *)hm;
	int own = open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC), fd;

	if (own < 0)
		return err_sys(err, -errno, "/proc/thread-self/ns/net");
	if (setns(proc_fd(m->proc), CLONE_NEWNET) < 0) {
		fd = err_sys(err, -errno, "%s: its network", m->dir);
		close(own);
		return fd;
	}
	fd = is_other(own) ? make_listener(port) : -EAGAIN;
	/* Going back to where this program lives cannot fail short of a broken kernel. */
	if (setns(own, CLONE_NEWNET) < 0)
		abort();
	close(own);
	return fd < 0 ? err_sys(err, fd, "%s: no socket in its network", m->dir) : fd;
}
