/* SPDX-License-Identifier: Apache-2.0 */
#include "hv/vmm/stream_priv.h"

#include "base/buf.h"
#include "base/sock.h"

#include <errno.h>
#include <event2/event.h>
#include <event2/util.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

enum { IN_MAX = 16384, OUT_MAX = 1 << 18 };

struct stream {
	struct event_base *base;
	pthread_mutex_t *lock;
	struct stream_ops ops;
	struct sockaddr_un path;
	int listener, fd; /* -1: none */
	struct event *accept, *readable, *writable;
	struct buf in, out;
	bool full; /* the owner waits for drained */
};

static void forget_event(struct event **e)
{
	if (*e)
		event_free(*e);
	*e = NULL;
}

/* What it has not been sent yet, as far as it takes it now. */
static void say_goodbye(struct stream *s)
{
	if (s->fd >= 0 && s->out.len && write(s->fd, s->out.data, s->out.len) < 0)
		return;
}

static void close_client(struct stream *s)
{
	forget_event(&s->readable);
	forget_event(&s->writable);
	say_goodbye(s);
	if (s->fd >= 0)
		close(s->fd);
	s->fd = -1;
	buf_reset(&s->in);
	buf_reset(&s->out);
	s->full = false;
}

static void client_gone(struct stream *s)
{
	close_client(s);
	if (s->ops.opened)
		s->ops.opened(s->ops.arg, false);
	if (s->accept)
		event_add(s->accept, NULL);
}

/* Offers what was read, and reads on when there is room. */
static void feed(struct stream *s)
{
	if (s->in.len)
		buf_consume(&s->in, s->ops.input(s->ops.arg, s->in.data, s->in.len));
	if (s->fd < 0) /* the owner made another one the client */
		return;
	if (s->in.len < IN_MAX)
		event_add(s->readable, NULL);
	else
		event_del_noblock(s->readable);
}

static void on_readable(evutil_socket_t fd, short what, void *arg)
{
	struct stream *s = arg;
	uint8_t bytes[IN_MAX];
	ssize_t n;

	pthread_mutex_lock(s->lock);
	n = s->in.len < IN_MAX ? read(fd, bytes, IN_MAX - s->in.len) : -1;
	if (n > 0) {
		buf_put(&s->in, bytes, (size_t)n);
		feed(s);
	} else if (n == 0 || (s->in.len < IN_MAX && errno != EAGAIN && errno != EINTR)) {
		client_gone(s);
	}
	pthread_mutex_unlock(s->lock);
}

static void on_writable(evutil_socket_t fd, short what, void *arg)
{
	struct stream *s = arg;
	ssize_t n;

	pthread_mutex_lock(s->lock);
	n = s->out.len ? write(fd, s->out.data, s->out.len) : 0;
	if (n < 0 && errno != EAGAIN && errno != EINTR) {
		client_gone(s);
	} else {
		buf_consume(&s->out, n > 0 ? (size_t)n : 0);
		if (s->out.len)
			event_add(s->writable, NULL);
		if (s->full && s->out.len < OUT_MAX / 2) {
			s->full = false;
			if (s->ops.drained)
				s->ops.drained(s->ops.arg);
		}
	}
	pthread_mutex_unlock(s->lock);
}

int stream_adopt(struct stream *s, int fd)
{
	if (s->fd >= 0) {
		close_client(s);
		if (s->ops.opened)
			s->ops.opened(s->ops.arg, false);
	}
	s->fd = fd;
	evutil_make_socket_nonblocking(fd);
	s->readable = event_new(s->base, fd, EV_READ | EV_PERSIST, on_readable, s);
	s->writable = event_new(s->base, fd, EV_WRITE, on_writable, s);
	if (!s->readable || !s->writable || event_add(s->readable, NULL) < 0) {
		s->fd = -1; /* stays the caller's */
		close_client(s);
		return -ENOMEM;
	}
	if (s->accept)
		event_del_noblock(s->accept);
	if (s->ops.opened)
		s->ops.opened(s->ops.arg, true);
	return 0;
}

static void on_accept(evutil_socket_t listener, short what, void *arg)
{
	struct stream *s = arg;
	int fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);

	if (fd < 0)
		return;
	pthread_mutex_lock(s->lock);
	if (stream_adopt(s, fd) < 0)
		close(fd);
	pthread_mutex_unlock(s->lock);
}

size_t stream_write(struct stream *s, const void *bytes, size_t len)
{
	size_t room = OUT_MAX - s->out.len, n = len < room ? len : room;

	if (s->fd < 0)
		return len;
	buf_put(&s->out, bytes, n);
	event_add(s->writable, NULL);
	s->full |= n < len;
	return n;
}

void stream_go_on(struct stream *s)
{
	if (s->fd >= 0)
		feed(s);
}

static int listen_at(struct stream *s, const char *path, struct err *err)
{
	int code = sock_address(&s->path, path, err);

	if (code)
		return code;
	s->listener = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	unlink(path);
	if (s->listener < 0 || bind(s->listener, (struct sockaddr *)&s->path, sizeof(s->path)) < 0 ||
	    listen(s->listener, 8) < 0)
		return err_sys(err, -errno, "%s", path);
	s->accept = event_new(s->base, s->listener, EV_READ | EV_PERSIST, on_accept, s);
	return s->accept && event_add(s->accept, NULL) == 0 ? 0 : err_sys(err, -ENOMEM, "%s", path);
}

int stream_create(struct event_base *base, pthread_mutex_t *lock, const char *path,
		  const struct stream_ops *ops, struct stream **out, struct err *err)
{
	struct stream *s = calloc(1, sizeof(*s));
	int code = 0;

	if (!s)
		return err_sys(err, -ENOMEM, "%s", path ? path : "a stream");
	*s = (struct stream){ .base = base, .lock = lock, .ops = *ops, .listener = -1, .fd = -1 };
	if (path)
		code = listen_at(s, path, err);
	if (code)
		stream_destroy(s);
	else
		*out = s;
	return code;
}

void stream_destroy(struct stream *s)
{
	if (!s)
		return;
	close_client(s);
	forget_event(&s->accept);
	if (s->listener >= 0) {
		close(s->listener);
		unlink(s->path.sun_path);
	}
	buf_free(&s->in);
	buf_free(&s->out);
	free(s);
}
