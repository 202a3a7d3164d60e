/* SPDX-License-Identifier: Apache-2.0 */
/* A machine of QEMU's is saved: it connects to a socket in its directory and sends its stream. */
#include "hv/qemu_save_priv.h"

#include "hv/qemu_stream_priv.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

/* The path is in a directory of the machine's: who connects must be that very process.
 * Its stream takes the listener's place. */
static int accept_machine(struct save *s, struct err *err)
{
	char path[SOCK_PATH_MAX + 16];
	struct ucred peer;
	socklen_t len = sizeof(peer);
	int code = save_await(s, s->conf.source, SAVE_SILENCE_MS, err), stream;

	if (code)
		return code;
	stream = accept4(s->conf.source, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
	if (stream < 0)
		return err_sys(err, -errno, "%s/" SAVE_SOCKET, s->machine);
	saved_close(&s->conf.source);
	s->conf.source = stream;
	if (getsockopt(stream, SOL_SOCKET, SO_PEERCRED, &peer, &len) < 0 ||
	    peer.pid != s->conf.pid || peer.uid != s->conf.uid)
		return err_set(err, -EACCES, "%s/" SAVE_SOCKET ": somebody else connected", s->machine);
	snprintf(path, sizeof(path), "%s/" SAVE_SOCKET, s->machine);
	unlink(path);
	return 0;
}

static ssize_t read_stream(void *arg, void *bytes, size_t len, struct err *err)
{
	struct save *s = arg;

	for (;;) {
		ssize_t n = read(s->conf.source, bytes, len);
		int code;

		if (n >= 0)
			return n;
		if (errno != EAGAIN && errno != EINTR)
			return err_sys(err, -errno, "the machine's state");
		code = save_await(s, s->conf.source, SAVE_SILENCE_MS, err);
		if (code)
			return code;
	}
}

static int write_state(void *arg, const void *bytes, size_t len, struct err *err)
{
	return saved_writer_state(((struct save *)arg)->writer, bytes, len, err);
}

static int take_page(void *arg, uint64_t offset, const uint8_t *bytes, struct err *err)
{
	return saved_writer_page(((struct save *)arg)->writer, offset, bytes, err);
}

int qemu_save_take(struct save *s, struct err *err)
{
	static const struct qemu_stream_ops ops = { read_stream, write_state, take_page };
	uint64_t memory = (uint64_t)s->conf.saved.memory_mib << 20;
	int code = accept_machine(s, err);

	if (!code)
		code = save_open_writer(s, s->conf.as_template, err);
	if (!code)
		code = qemu_stream_filter(&ops, s, memory, err);
	if (!code && s->verdict != SAVE_COMPLETE) /* the end of what it sent proves nothing */
		code = save_await(s, -1, SAVE_SILENCE_MS, err);
	return code;
}

int qemu_save_listen(const char *dir, uid_t uid, struct err *err)
{
	struct sockaddr_un sa = { .sun_family = AF_UNIX };
	int fd, path = -1, code = 0;
	struct stat st;

	if (snprintf(sa.sun_path, sizeof(sa.sun_path), "%s/" SAVE_SOCKET, dir) >=
	    (int)sizeof(sa.sun_path))
		return err_sys(err, -ENAMETOOLONG, "%s/" SAVE_SOCKET, dir);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return err_sys(err, -errno, "%s", sa.sun_path);
	unlink(sa.sun_path);
	if (bind(fd, (struct sockaddr *)&sa, sizeof(sa)) < 0 || listen(fd, 1) < 0)
		code = -errno;
	/* It is given away by descriptor: the path may be something else by now. */
	if (!code)
		path = open(sa.sun_path, O_PATH | O_NOFOLLOW | O_CLOEXEC);
	if (!code && (path < 0 || fstat(path, &st) < 0))
		code = -errno;
	if (!code && (!S_ISSOCK(st.st_mode) || st.st_uid != geteuid()))
		code = -EACCES;
	if (!code && fchownat(path, "", uid, uid, AT_EMPTY_PATH) < 0)
		code = -errno;
	saved_close(&path);
	if (!code)
		return fd;
	close(fd);
	return err_sys(err, code, "%s", sa.sun_path);
}
