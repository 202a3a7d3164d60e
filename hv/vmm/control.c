/* SPDX-License-Identifier: Apache-2.0 */
#include "hv/vmm/control_priv.h"

#include "base/sock.h"

#include <errno.h>
#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/event.h>
#include <event2/listener.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

enum { LINE_MAX_LEN = 65536, OUT_MAX = 1 << 20 };

struct client {
	LIST_ENTRY(client) link;
	struct control *control;
	struct bufferevent *bev; /* to the client */
	struct event *readable;	 /* from it: bufferevents know no descriptors */
	struct evbuffer *in;
	struct control_files files; /* of the next line */
};

struct control {
	struct event_base *base;
	struct vmm *m;
	struct evconnlistener *listener;
	struct sockaddr_un path;
	LIST_HEAD(, client) clients;
};

static void close_files(struct client *c)
{
	while (c->files.count)
		close(c->files.fd[--c->files.count]);
}

static void free_client(struct client *c)
{
	if (c->readable)
		event_free(c->readable);
	if (c->bev)
		bufferevent_free(c->bev);
	if (c->in)
		evbuffer_free(c->in);
	free(c);
}

static void close_client(struct client *c)
{
	LIST_REMOVE(c, link);
	close_files(c);
	free_client(c);
}

/* What waits to be written, as far as the connection takes it now; nothing is written after. */
static void write_now(struct client *c)
{
	struct evbuffer *out = bufferevent_get_output(c->bev);
	size_t len = evbuffer_get_length(out);
	const void *bytes = evbuffer_pullup(out, -1);

	bufferevent_disable(c->bev, EV_WRITE);
	if (len && write(bufferevent_getfd(c->bev), bytes, len) < 0)
		return; /* its loss */
}

/* Takes the connection out of here; what the client sent behind the command is lost. */
static void become_console(struct client *c)
{
	struct vmm *m = c->control->m;
	int fd = dup(bufferevent_getfd(c->bev));

	write_now(c);
	close_client(c);
	if (fd >= 0 && vmm_console(m, fd) < 0)
		close(fd);
}

static void take_lines(struct client *c)
{
	struct evbuffer *out = bufferevent_get_output(c->bev);
	size_t len;
	char *line;

	while ((line = evbuffer_readln(c->in, &len, EVBUFFER_EOL_LF))) {
		bool fits = len <= LINE_MAX_LEN && evbuffer_get_length(out) <= OUT_MAX;
		enum control_next next = CONTROL_CLOSE;

		if (fits)
			next = control_line(c->control->m, line, len, &c->files, out);
		free(line);
		close_files(c);
		if (next == CONTROL_CLOSE)
			close_client(c);
		else if (next == CONTROL_CONSOLE)
			become_console(c);
		if (next != CONTROL_GO_ON)
			return;
	}
	if (evbuffer_get_length(c->in) > LINE_MAX_LEN)
		close_client(c);
}

/* Those that are too many are closed. */
static void take_files(struct client *c, struct msghdr *msg)
{
	for (struct cmsghdr *h = CMSG_FIRSTHDR(msg); h; h = CMSG_NXTHDR(msg, h)) {
		if (h->cmsg_level != SOL_SOCKET || h->cmsg_type != SCM_RIGHTS)
			continue;
		for (size_t i = 0; CMSG_LEN((i + 1) * sizeof(int)) <= h->cmsg_len; i++) {
			int fd;

			memcpy(&fd, CMSG_DATA(h) + i * sizeof(fd), sizeof(fd));
			if (c->files.count < CONTROL_FILES_MAX)
				c->files.fd[c->files.count++] = fd;
			else
				close(fd);
		}
	}
}

static void on_readable(evutil_socket_t fd, short what, void *arg)
{
	struct client *c = arg;
	union {
		struct cmsghdr align;
		char bytes[CMSG_SPACE(CONTROL_FILES_MAX * sizeof(int))];
	} extra;
	char bytes[4096];
	struct iovec iov = { bytes, sizeof(bytes) };
	struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1, .msg_control = extra.bytes,
			      .msg_controllen = sizeof(extra.bytes) };
	ssize_t n = recvmsg(fd, &msg, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n > 0)
		take_files(c, &msg);
	if (n > 0 && evbuffer_add(c->in, bytes, (size_t)n) == 0)
		take_lines(c);
	else
		close_client(c);
}

static void on_event(struct bufferevent *bev, short what, void *arg)
{
	close_client(arg);
}

static void on_accept(struct evconnlistener *l, evutil_socket_t fd, struct sockaddr *from, int len,
		      void *arg)
{
	struct control *control = arg;
	struct client *c = calloc(1, sizeof(*c));

	if (!c) {
		close(fd);
		return;
	}
	c->control = control;
	c->bev = bufferevent_socket_new(control->base, fd, BEV_OPT_CLOSE_ON_FREE);
	c->readable = event_new(control->base, fd, EV_READ | EV_PERSIST, on_readable, c);
	c->in = evbuffer_new();
	if (!c->bev || !c->readable || !c->in || event_add(c->readable, NULL) < 0) {
		if (!c->bev)
			close(fd);
		free_client(c);
		return;
	}
	LIST_INSERT_HEAD(&control->clients, c, link);
	bufferevent_setcb(c->bev, NULL, NULL, on_event, c);
	bufferevent_enable(c->bev, EV_WRITE);
}

int control_create(struct event_base *base, const char *path, struct control **out, struct err *err)
{
	struct control *c = calloc(1, sizeof(*c));
	int code;

	if (!c)
		return err_sys(err, -ENOMEM, "%s", path);
	c->base = base;
	LIST_INIT(&c->clients);
	code = sock_address(&c->path, path, err);
	if (code) {
		free(c);
		return code;
	}
	unlink(path);
	c->listener = evconnlistener_new_bind(base, on_accept, c,
					      LEV_OPT_CLOSE_ON_FREE | LEV_OPT_CLOSE_ON_EXEC, 8,
					      (struct sockaddr *)&c->path, sizeof(c->path));
	if (!c->listener) {
		code = err_sys(err, -errno, "%s", path);
		free(c);
		return code;
	}
	evconnlistener_disable(c->listener);
	*out = c;
	return 0;
}

void control_serve(struct control *c, struct vmm *m)
{
	c->m = m;
	evconnlistener_enable(c->listener);
}

/* The process is about to end: written now, as far as the client takes it. */
void control_ended(struct control *c, enum vmm_end end, const char *why)
{
	struct client *client;

	LIST_FOREACH(client, &c->clients, link) {
		control_event(end, why, bufferevent_get_output(client->bev));
		write_now(client);
	}
}

void control_destroy(struct control *c)
{
	if (!c)
		return;
	while (!LIST_EMPTY(&c->clients))
		close_client(LIST_FIRST(&c->clients));
	evconnlistener_free(c->listener);
	unlink(c->path.sun_path);
	free(c);
}
