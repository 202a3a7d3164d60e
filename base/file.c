/* SPDX-License-Identifier: Apache-2.0 */
#include "base/file.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

int file_read(const char *path, size_t max, struct buf *out, struct err *err)
{
	size_t start = out->len;
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	char part[65536];
	ssize_t n;

	if (fd < 0)
		return err_sys(err, -errno, "%s", path);
	while ((n = read(fd, part, sizeof(part))) > 0) {
		if (out->len - start + (size_t)n > max) {
			close(fd);
			return err_set(err, -EFBIG, "%s: larger than %zu bytes", path, max);
		}
		buf_put(out, part, (size_t)n);
	}
	if (n < 0) {
		int code = -errno;

		close(fd);
		return err_sys(err, code, "%s", path);
	}
	close(fd);
	return out->bad ? err_sys(err, -ENOMEM, "%s", path) : 0;
}

static int write_all(int fd, const char *p, size_t len)
{
	while (len) {
		ssize_t n = write(fd, p, len);

		if (n < 0) {
			if (errno == EINTR)
				continue;
			return -errno;
		}
		p += n;
		len -= (size_t)n;
	}
	return 0;
}

int file_write(const char *path, const void *bytes, size_t len, mode_t mode, struct err *err)
{
	char tmp[PATH_MAX];
	int fd, code;

	if (snprintf(tmp, sizeof(tmp), "%s.tmp%d", path, (int)getpid()) >= (int)sizeof(tmp))
		return err_sys(err, -ENAMETOOLONG, "%s", path);
	/* The directory may belong to somebody else: never write through what they left there. */
	unlink(tmp);
	fd = open(tmp, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, mode);
	if (fd < 0)
		return err_sys(err, -errno, "%s", tmp);
	code = write_all(fd, bytes, len);
	if (!code && fchmod(fd, mode) < 0)
		code = -errno;
	if (close(fd) < 0 && !code)
		code = -errno;
	if (!code && rename(tmp, path) < 0)
		code = -errno;
	if (code) {
		unlink(tmp);
		return err_sys(err, code, "%s", path);
	}
	return 0;
}

int file_beside(char path[PATH_MAX], const char *name, struct err *err)
{
	ssize_t n = readlink("/proc/self/exe", path, PATH_MAX - 1);
	char *slash;

	if (n < 0)
		return err_sys(err, -errno, "/proc/self/exe");
	path[n] = 0;
	slash = strrchr(path, '/');
	if ((size_t)(slash - path) + 1 + strlen(name) >= PATH_MAX)
		return err_set(err, -ENAMETOOLONG, "%s: the path to it is too long", name);
	strcpy(slash + 1, name);
	return 0;
}

int file_mkdirs(const char *path, mode_t mode, struct err *err)
{
	char part[PATH_MAX];
	size_t n = strlen(path);

	if (n >= sizeof(part))
		return err_sys(err, -ENAMETOOLONG, "%s", path);
	memcpy(part, path, n + 1);
	for (char *p = part + 1;; p++) {
		char c = *p;

		if (c != '/' && c != 0)
			continue;
		*p = 0;
		if (mkdir(part, mode) < 0 && errno != EEXIST)
			return err_sys(err, -errno, "%s", part);
		*p = c;
		if (!c)
			return 0;
	}
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	return remove(path) < 0 && errno != ENOENT ? -1 : 0;
}

int file_remove_tree(const char *path, struct err *err)
{
	if (nftw(path, remove_one, 16, FTW_DEPTH | FTW_PHYS | FTW_MOUNT) < 0 && errno != ENOENT)
		return err_sys(err, -errno, "%s", path);
	return 0;
}

uint64_t file_disk_bytes(const char *path, bool own)
{
	DIR *dir = opendir(path);
	uint64_t sum = 0;
	struct dirent *e;
	struct stat st;

	while (dir && (e = readdir(dir)))
		if (fstatat(dirfd(dir), e->d_name, &st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISREG(st.st_mode) &&
		    (!own || st.st_nlink == 1))
			sum += (uint64_t)st.st_blocks * 512;
	if (dir)
		closedir(dir);
	return sum;
}
