/* SPDX-License-Identifier: Apache-2.0 */
#include "hv/machine_dir_priv.h"

#include "base/buf.h"
#include "base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { STAGE_MAX = 1 << 30, STUB_SIZE = 1 << 16 };

static void drop(const char *dir, const char *name)
{
	char path[PATH_MAX];

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	if (unlink(path) < 0 && errno == EISDIR)
		rmdir(path);
}

void machine_dir_clean(const char *dir, const struct hv_record *rec)
{
	static const char *const names[] = { "qmp.sock", "control.sock", "gdb.sock", "console.sock",
					     "agent.sock", "root",
					     "kernel.copy", "initrd.copy", "save.sock" };

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		drop(dir, names[i]);
	for (unsigned i = 0; i < rec->nic_count; i++)
		if (rec->sockets[i][0])
			drop(dir, rec->sockets[i]);
	hv_record_remove(dir);
}

int machine_dir_make(const struct hv_conf *conf, struct err *err)
{
	struct hv_record none = { 0 };
	char path[PATH_MAX];
	struct stat st;
	int code = file_mkdirs(conf->dir, 0700, err);

	if (code)
		return code;
	if (lstat(conf->dir, &st) < 0 || !S_ISDIR(st.st_mode))
		return err_set(err, -ENOTDIR, "%s: %s is not a directory", conf->name, conf->dir);
	if (chown(conf->dir, conf->uid, conf->uid) < 0 || chmod(conf->dir, 0700) < 0)
		return err_sys(err, -errno, "%s", conf->dir);
	machine_dir_clean(conf->dir, &none);
	drop(conf->dir, "console.log");
	drop(conf->dir, "machine.log");
	snprintf(path, sizeof(path), "%s/root", conf->dir);
	if (mkdir(path, 0755) < 0)
		return err_sys(err, -errno, "%s", path);
	return 0;
}

int machine_dir_log(const char *dir, struct err *err)
{
	char path[PATH_MAX];
	int fd;

	snprintf(path, sizeof(path), "%s/machine.log", dir);
	fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_APPEND | O_CLOEXEC, 0600);
	return fd < 0 ? err_sys(err, -errno, "%s", path) : fd;
}

int machine_dir_stage(const struct hv_conf *conf, const char *path, const char *name, char *out,
		   size_t size, struct err *err)
{
	struct buf b = { 0 };
	struct stat st;
	int code;

	if (stat(path, &st) < 0)
		return err_sys(err, -errno, "%s: %s", conf->name, path);
	if (!S_ISREG(st.st_mode))
		return err_set(err, -EINVAL, "%s: %s is not a file", conf->name, path);
	if (st.st_mode & S_IROTH) {
		snprintf(out, size, "%s", path);
		return 0;
	}
	snprintf(out, size, "%s/%s.copy", conf->dir, name);
	code = file_read(path, STAGE_MAX, &b, err);
	if (!code)
		code = file_write(out, b.data, b.len, 0400, err);
	buf_free(&b);
	if (!code && lchown(out, conf->uid, conf->uid) < 0)
		code = err_sys(err, -errno, "%s", out);
	return code;
}

int machine_dir_stub(const struct hv_conf *conf, const char *kernel, char *out, size_t size,
		  struct err *err)
{
	char bytes[STUB_SIZE];
	int fd = open(kernel, O_RDONLY | O_CLOEXEC), code;
	ssize_t n;

	if (fd < 0)
		return err_sys(err, -errno, "%s: %s", conf->name, kernel);
	n = read(fd, bytes, sizeof(bytes));
	code = n < 0 ? -errno : 0;
	close(fd);
	if (code)
		return err_sys(err, code, "%s: %s", conf->name, kernel);
	snprintf(out, size, "%s/kernel.copy", conf->dir);
	code = file_write(out, bytes, (size_t)n, 0400, err);
	if (!code && lchown(out, conf->uid, conf->uid) < 0)
		code = err_sys(err, -errno, "%s", out);
	return code;
}

void machine_dir_last_line(const char *dir, char *out, size_t size)
{
	char path[PATH_MAX], text[1024], *line;
	ssize_t n = 0;
	struct stat st;
	int fd;

	out[0] = 0;
	snprintf(path, sizeof(path), "%s/machine.log", dir);
	fd = open(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	if (fd < 0)
		return;
	if (fstat(fd, &st) == 0 && S_ISREG(st.st_mode))
		n = pread(fd, text, sizeof(text) - 1,
			  st.st_size < (off_t)sizeof(text) ? 0 : st.st_size - (off_t)sizeof(text) + 1);
	close(fd);
	while (n > 0 && (text[n - 1] == '\n' || text[n - 1] == '\r'))
		n--;
	if (n <= 0)
		return;
	text[n] = 0;
	for (ssize_t i = 0; i < n; i++)
		if (text[i] != '\n' && (text[i] < 32 || text[i] > 126))
			text[i] = '?';
	line = strrchr(text, '\n');
	snprintf(out, size, "%s", line ? line + 1 : text);
}
