/* SPDX-License-Identifier: Apache-2.0 */
#include "hv/ram_priv.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/queue.h>
#include <sys/stat.h>
#include <unistd.h>

enum { CHUNK = 1 << 20 };

struct ram {
	LIST_ENTRY(ram) link;
	unsigned refs;
	int file; /* kept open, so that its inode's number cannot come to name another file */
	int memfd;
	dev_t dev;
	ino_t ino;
};

static LIST_HEAD(, ram) all = LIST_HEAD_INITIALIZER(all);

static int copy_range(int from, int to, off_t at, off_t end, void *chunk)
{
	while (at < end) {
		size_t want = end - at < CHUNK ? (size_t)(end - at) : CHUNK;
		ssize_t n = pread(from, chunk, want, at);

		if (n <= 0)
			return n < 0 ? -errno : -EIO;
		if (pwrite(to, chunk, (size_t)n, at) != n)
			return -ENOMEM;
		at += n;
	}
	return 0;
}

/* Only what holds data: the rest stays a hole, which costs nothing. */
static int copy_sparse(int from, int to, off_t bytes)
{
	void *chunk = malloc(CHUNK);
	off_t at = 0, end;
	int code = 0;

	if (!chunk)
		return -ENOMEM;
	while (!code && at < bytes) {
		at = lseek(from, at, SEEK_DATA);
		if (at < 0) {
			code = errno == ENXIO ? 0 : -errno; /* ENXIO: no more data */
			break;
		}
		end = lseek(from, at, SEEK_HOLE);
		if (end < 0)
			code = -errno;
		else
			code = copy_range(from, to, at, end < bytes ? end : bytes, chunk);
		at = end;
	}
	free(chunk);
	return code;
}

static int load(int file, off_t bytes)
{
	int fd = memfd_create("weft-ram", MFD_CLOEXEC | MFD_ALLOW_SEALING), code;

	if (fd < 0)
		return -errno;
	code = ftruncate(fd, bytes) < 0 ? -errno : copy_sparse(file, fd, bytes);
	if (!code && fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL) < 0)
		code = -errno;
	if (code) {
		close(fd);
		return code;
	}
	return fd;
}

static struct ram *find(const struct stat *st)
{
	struct ram *r;

	LIST_FOREACH(r, &all, link)
		if (r->dev == st->st_dev && r->ino == st->st_ino)
			return r;
	return NULL;
}

int ram_get(int file, uint64_t bytes, struct ram **out, struct err *err)
{
	struct stat st;
	struct ram *r;
	int code;

	if (fstat(file, &st) < 0)
		return err_sys(err, -errno, "a saved machine's memory");
	if ((uint64_t)st.st_size != bytes)
		return err_set(err, -EBADMSG, "a saved machine's memory has %lld bytes, not %llu",
			       (long long)st.st_size, (unsigned long long)bytes);
	r = find(&st);
	if (r) {
		r->refs++;
		*out = r;
		return 0;
	}
	r = calloc(1, sizeof(*r));
	if (!r)
		return err_sys(err, -ENOMEM, "a saved machine's memory");
	*r = (struct ram){ .refs = 1, .dev = st.st_dev, .ino = st.st_ino };
	r->file = fcntl(file, F_DUPFD_CLOEXEC, 3);
	r->memfd = code = r->file < 0 ? -errno : load(file, st.st_size);
	if (code < 0) {
		if (r->file >= 0)
			close(r->file);
		free(r);
		return err_sys(err, code, "loading a saved machine's memory");
	}
	LIST_INSERT_HEAD(&all, r, link);
	*out = r;
	return 0;
}

void ram_put(struct ram *ram)
{
	if (!ram || --ram->refs)
		return;
	LIST_REMOVE(ram, link);
	close(ram->memfd);
	close(ram->file);
	free(ram);
}

int ram_fd(const struct ram *ram)
{
	return ram->memfd;
}
