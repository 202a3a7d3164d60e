/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A machine of weft-vmm's is saved: by a connection of its own it is given the files to write, and
 * says when it has. What it writes is its own affair, also later, while it has them: the next
 * machine does not trust it.
 */
#include "hv/weft_vmm_priv.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

int weft_vmm_save_connect(const struct machine *m, struct err *err)
{
	char path[PATH_MAX];
	int fd;

	snprintf(path, sizeof(path), "%s/control.sock", m->dir);
	fd = sock_connect_unix(path, m->rec.owner);
	return fd < 0 ? err_sys(err, fd, "%s", path) : fd;
}

/* What it writes are the pages that differ from the memory which it went on from. If that cannot be
 * shared (it is gone, or in another file system), it writes all. */
static int open_writer(struct save *s, struct err *err)
{
	int code = save_open_writer(s, s->conf.as_template, err);

	if (code || s->conf.as_template || !s->conf.saved.id[0] || saved_writer_shares(s->writer))
		return code;
	saved_writer_destroy(s->writer);
	s->writer = NULL;
	return save_open_writer(s, true, err);
}

static int ask(struct save *s, struct err *err)
{
	static const char line[] = "{\"id\": 1, \"command\": \"save\"}\n";
	struct iovec iov = { (void *)(uintptr_t)line, sizeof(line) - 1 };
	union {
		struct cmsghdr align;
		char bytes[CMSG_SPACE(2 * sizeof(int))];
	} extra = { 0 };
	struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1, .msg_control = extra.bytes };
	struct cmsghdr *h = &extra.align;
	int fds[2];
	size_t bytes = saved_writer_files(s->writer, fds) * sizeof(fds[0]);

	msg.msg_controllen = CMSG_SPACE(bytes);
	*h = (struct cmsghdr){ CMSG_LEN(bytes), SOL_SOCKET, SCM_RIGHTS };
	memcpy(CMSG_DATA(h), fds, bytes);
	if (sendmsg(s->conf.source, &msg, MSG_NOSIGNAL) == (ssize_t)iov.iov_len)
		return 0;
	return errno == EPIPE ? err_set(err, -EIO, "the machine ended") :
				err_sys(err, -errno, "asking the machine for its state");
}

/* 1: it has not said yet. */
static int judge(const char *text, size_t len, struct err *err)
{
	struct weft_vmm_line line;

	if (weft_vmm_line_read(text, len, &line) < 0)
		return err_set(err, -EBADMSG, "the machine's answer is none");
	if (line.kind == WEFT_VMM_REFUSED)
		return err_set(err, -EIO, "%s", line.text);
	if (line.kind == WEFT_VMM_ENDED)
		return err_set(err, -EIO, "the machine ended");
	return line.kind != WEFT_VMM_DONE;
}

static int hear(struct save *s, struct err *err)
{
	char text[2048], *end;
	size_t len = 0;
	int code;

	while ((code = save_await(s, s->conf.source, SAVE_DURATION_MS, err)) == 0) {
		ssize_t n = read(s->conf.source, text + len, sizeof(text) - len);

		if (n < 0 && (errno == EAGAIN || errno == EINTR))
			continue;
		if (n <= 0)
			return err_set(err, -EIO, "the machine ended");
		len += (size_t)n;
		for (code = 1; code > 0 && (end = memchr(text, '\n', len));) {
			code = judge(text, (size_t)(end - text), err);
			len -= (size_t)(end + 1 - text);
			memmove(text, end + 1, len);
		}
		if (code <= 0)
			return code;
		if (len == sizeof(text))
			return err_set(err, -EBADMSG, "the machine's answer is too long");
	}
	return code;
}

int weft_vmm_save_take(struct save *s, struct err *err)
{
	int code = open_writer(s, err);

	if (!code)
		code = ask(s, err);
	return code ? code : hear(s, err);
}
