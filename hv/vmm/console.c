/* SPDX-License-Identifier: Apache-2.0 */
#include "hv/vmm/console_priv.h"

#include "hv/vmm/layout_priv.h"

#include <errno.h>
#include <event2/event.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* The log's bound, and that of what is collected. */
enum { LOG_MAX = 16 << 20, SAID_MAX = 65536 };

/* What follows within so long is passed on together: a guest that writes without pause, a byte an exit,
 * would else wake the loop for each. What comes after silence is passed on at once. */
static const struct timeval together = { 0, CONSOLE_TOGETHER_MS * 1000 };

static void pass_on(struct console *c)
{
	size_t n = c->said.len;

	if (c->log >= 0 && c->logged + n <= LOG_MAX && write(c->log, c->said.data, n) == (ssize_t)n)
		c->logged += n;
	if (c->terminal && write(STDOUT_FILENO, c->said.data, n) < 0 && errno != EAGAIN)
		c->terminal = false; /* nobody reads it any more */
	stream_write(c->stream, c->said.data, n);
	buf_reset(&c->said);
}

void console_flush(struct console *c)
{
	if (c->said.len)
		pass_on(c);
}

static void on_flush(evutil_socket_t fd, short what, void *arg)
{
	struct console *c = arg;

	pthread_mutex_lock(c->lock);
	if (c->said.len) {
		pass_on(c);
		event_add(c->flush, &together);
	}
	pthread_mutex_unlock(c->lock);
}

static void output(void *arg, uint8_t byte)
{
	struct console *c = arg;

	if (!c->said.len && !event_pending(c->flush, EV_TIMEOUT, NULL))
		event_active(c->flush, EV_TIMEOUT, 0);
	buf_u8(&c->said, byte);
	if (c->said.len >= SAID_MAX)
		pass_on(c);
}

static void line(void *arg, bool level)
{
	struct console *c = arg;

	kvm_line(c->kvm, IRQ_SERIAL, level);
}

static void ready(void *arg)
{
	struct console *c = arg;

	stream_go_on(c->stream);
}

static size_t input(void *arg, const void *bytes, size_t len)
{
	struct console *c = arg;

	return serial_input(&c->serial, bytes, len);
}

/* Standard input, where it is something that one can wait for. */
static int adopt_terminal(struct console *c)
{
	struct stat st;
	int fd;

	c->terminal = true;
	if (fstat(STDIN_FILENO, &st) < 0 || S_ISREG(st.st_mode) ||
	    (S_ISCHR(st.st_mode) && !isatty(STDIN_FILENO)))
		return 0;
	fd = dup(STDIN_FILENO);
	return fd < 0 ? -errno : stream_adopt(c->stream, fd);
}

int console_create(struct console *c, struct event_base *base, pthread_mutex_t *lock, struct kvm *kvm,
		   const char *path, const char *log, struct err *err)
{
	const struct serial_ops serial = { output, line, ready, c };
	const struct stream_ops stream = { .input = input, .arg = c };
	bool stdio = path && strcmp(path, "-") == 0;
	int code;

	*c = (struct console){ .lock = lock, .kvm = kvm, .log = -1 };
	serial_init(&c->serial, &serial);
	if (log) {
		c->log = open(log, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0600);
		if (c->log < 0)
			return err_sys(err, -errno, "%s", log);
	}
	c->flush = event_new(base, -1, 0, on_flush, c);
	code = stream_create(base, lock, stdio ? NULL : path, &stream, &c->stream, err);
	if (!code && stdio)
		code = adopt_terminal(c) < 0 ? err_set(err, -EIO, "standard input") : 0;
	return code || c->flush ? code : err_sys(err, -ENOMEM, "console");
}

void console_destroy(struct console *c)
{
	if (c->stream)
		console_flush(c);
	stream_destroy(c->stream);
	if (c->flush)
		event_free(c->flush);
	if (c->log >= 0)
		close(c->log);
	buf_free(&c->said);
}

int console_adopt(struct console *c, int fd)
{
	return stream_adopt(c->stream, fd);
}
