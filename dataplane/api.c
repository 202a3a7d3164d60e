/* SPDX-License-Identifier: Apache-2.0 */
#include "dataplane/api_priv.h"

#include "base/log.h"
#include "dataplane/capture_priv.h"
#include "dataplane/engine_priv.h"
#include "dataplane/objects_priv.h"
#include "dataplane/request_priv.h"

#include <errno.h>
#include <event2/event.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

enum { REPLY_PATIENCE_MS = 2000, SOCKET_BUFFER = 4 << 20 };

struct api {
	struct engine *engine;
	struct event_base *base;
	int listen_fd, fd; /* fd: the client, -1 when there is none */
	struct event *accepting, *reading;
	uint8_t *buffer;
	bool broken; /* the client did not take a reply */
};

int api_bind(const char *path, int *out, struct err *err)
{
	struct sockaddr_un un = { .sun_family = AF_UNIX };
	int fd, probe, rc;
	mode_t mask;

	if (strlen(path) >= sizeof(un.sun_path))
		return err_set(err, -ENAMETOOLONG, "%s: too long for a socket", path);
	memcpy(un.sun_path, path, strlen(path));
	/* A living engine would take a right connection for its next client and drop the one it
	 * has; one of the wrong type fails with EPROTOTYPE, where a dead one's is refused. */
	probe = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	rc = connect(probe, (struct sockaddr *)&un, sizeof(un)) < 0 ? errno : 0;
	close(probe);
	if (!rc || rc == EPROTOTYPE || rc == EAGAIN)
		return err_set(err, -EADDRINUSE, "%s: another engine serves it", path);
	if (rc == ECONNREFUSED)
		unlink(path);
	fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	mask = umask(0177);
	rc = fd < 0 || bind(fd, (struct sockaddr *)&un, sizeof(un)) < 0 || listen(fd, 4) < 0;
	rc = rc ? -errno : 0;
	umask(mask);
	if (rc) {
		close(fd);
		return err_sys(err, rc, "%s", path);
	}
	*out = fd;
	return 0;
}

static void api_hang_up(struct api *api)
{
	if (api->fd < 0)
		return;
	event_free(api->reading);
	close(api->fd);
	api->reading = NULL;
	api->fd = -1;
	objects_forget_syncs(api->engine);
	captures_end(api->engine, NULL);
	engine_reclaim(api->engine);
}

static void api_reply(void *arg, const void *bytes, size_t len)
{
	struct api *api = arg;
	struct pollfd pfd = { .fd = api->fd, .events = POLLOUT };

	while (!api->broken && send(api->fd, bytes, len, MSG_NOSIGNAL | MSG_DONTWAIT) < 0) {
		if ((errno != EAGAIN && errno != EINTR) || poll(&pfd, 1, REPLY_PATIENCE_MS) <= 0)
			api->broken = true;
	}
}

static unsigned api_take_fds(struct msghdr *msg, int *fds)
{
	unsigned n = 0;

	for (struct cmsghdr *c = CMSG_FIRSTHDR(msg); c; c = CMSG_NXTHDR(msg, c)) {
		if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS)
			continue;
		for (size_t at = CMSG_LEN(0); at + sizeof(int) <= c->cmsg_len && n < DP_FDS_MAX;
		     at += sizeof(int))
			memcpy(&fds[n++], (uint8_t *)c + at, sizeof(int));
	}
	return n;
}

static void api_readable(evutil_socket_t fd, short what, void *arg)
{
	struct api *api = arg;
	union {
		struct cmsghdr align;
		char bytes[CMSG_SPACE(DP_FDS_MAX * sizeof(int))];
	} control;
	struct iovec iov = { api->buffer, DP_DATAGRAM_MAX };
	struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1, .msg_control = &control,
			      .msg_controllen = sizeof(control) };
	int fds[DP_FDS_MAX];
	unsigned fd_count;
	ssize_t len = recvmsg(fd, &msg, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);

	if (len < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	fd_count = len < 0 ? 0 : api_take_fds(&msg, fds);
	if (len > 0 && !(msg.msg_flags & (MSG_TRUNC | MSG_CTRUNC)))
		request_handle(api->engine, api->buffer, (size_t)len, fds, fd_count, api_reply,
			       api);
	else if (len > 0)
		api->broken = true;
	for (unsigned i = 0; i < fd_count; i++)
		if (fds[i] >= 0)
			close(fds[i]);
	if (len > 0 && !api->broken)
		return;
	log_info(len > 0 ? "client dropped: it breaks the protocol" : "client left");
	api_hang_up(api);
}

static void api_acceptable(evutil_socket_t fd, short what, void *arg)
{
	struct api *api = arg;
	int client = accept4(fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK), size = SOCKET_BUFFER;

	if (client < 0)
		return;
	api_hang_up(api);
	setsockopt(client, SOL_SOCKET, SO_SNDBUF, &size, sizeof(size));
	api->reading = event_new(api->base, client, EV_READ | EV_PERSIST, api_readable, api);
	if (!api->reading || event_add(api->reading, NULL) < 0) {
		if (api->reading)
			event_free(api->reading);
		api->reading = NULL;
		close(client);
		return;
	}
	api->fd = client;
	api->broken = false;
	api->engine->request_failed = false;
	log_info("client connected");
}

int api_create(struct engine *e, struct event_base *base, int fd, struct api **out,
	       struct err *err)
{
	struct api *api = calloc(1, sizeof(*api));

	if (!api)
		return err_set(err, -ENOMEM, "out of memory");
	*api = (struct api){ .engine = e, .base = base, .listen_fd = -1, .fd = -1 };
	api->buffer = malloc(DP_DATAGRAM_MAX);
	api->accepting = event_new(base, fd, EV_READ | EV_PERSIST, api_acceptable, api);
	if (!api->buffer || !api->accepting || event_add(api->accepting, NULL) < 0) {
		api_destroy(api);
		return err_set(err, -ENOMEM, "out of memory");
	}
	api->listen_fd = fd;
	*out = api;
	return 0;
}

void api_destroy(struct api *api)
{
	if (!api)
		return;
	api_hang_up(api);
	if (api->accepting)
		event_free(api->accepting);
	if (api->listen_fd >= 0)
		close(api->listen_fd);
	free(api->buffer);
	free(api);
}
