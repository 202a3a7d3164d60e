/* SPDX-License-Identifier: Apache-2.0 */
#include "base/memfd.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

enum { CHUNK = 1 << 20, SEALS = F_SEAL_WRITE | F_SEAL_SHRINK | F_SEAL_GROW };

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

int memfd_sealed_copy(const char *name, int file, off_t bytes)
{
	int fd = memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING), code;

	if (fd < 0)
		return -errno;
	code = ftruncate(fd, bytes) < 0 ? -errno : copy_sparse(file, fd, bytes);
	if (!code && fcntl(fd, F_ADD_SEALS, SEALS | F_SEAL_SEAL) < 0)
		code = -errno;
	if (code) {
		close(fd);
		return code;
	}
	return fd;
}

bool memfd_is_sealed(int fd)
{
	int seals = fcntl(fd, F_GET_SEALS);

	return seals >= 0 && (seals & SEALS) == SEALS;
}
