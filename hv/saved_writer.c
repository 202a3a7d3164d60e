/* SPDX-License-Identifier: Apache-2.0 */
#include "hv/saved_writer_priv.h"

#include "base/file.h"
#include "hv/qemu_stream_priv.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { CHUNK = 1 << 18 }; /* bytes of one read or write */

/* Bytes that lie one after the other in a file. */
struct run {
	uint64_t at;
	size_t len;
	uint8_t bytes[CHUNK];
};

struct saved_writer {
	bool as_template, finished;
	struct saved saved;
	char dir[PATH_MAX], tmp[PATH_MAX];
	int state_fd, ram_fd, base; /* ram_fd: only as_template */
	uint8_t *seen;		    /* a bit a page */
	struct run state, ram;	    /* not written yet */
	struct run window;	    /* of base */
};

static const uint8_t zeroes[QEMU_PAGE];

static uint64_t ram_bytes(const struct saved_writer *w)
{
	return (uint64_t)w->saved.memory_mib << 20;
}

static int create_file(const struct saved_writer *w, const char *name, struct err *err)
{
	char path[PATH_MAX + 16];
	int fd;

	snprintf(path, sizeof(path), "%s/%s", w->tmp, name);
	fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	return fd < 0 ? err_sys(err, -errno, "%s", path) : fd;
}

/* Without a base all goes into the state; where it cannot be linked (it is gone, or in another
 * file system) just as well. */
static void link_base(struct saved_writer *w, int base)
{
	char from[64], to[PATH_MAX + 8];

	snprintf(from, sizeof(from), "/proc/self/fd/%d", base);
	snprintf(to, sizeof(to), "%s/ram", w->tmp);
	if (base >= 0 && linkat(AT_FDCWD, from, AT_FDCWD, to, AT_SYMLINK_FOLLOW) == 0)
		w->base = base;
	else
		w->saved.id[0] = 0;
}

static int create_ram(struct saved_writer *w, struct err *err)
{
	if (saved_new_id(w->saved.id) < 0)
		return err_set(err, -EIO, "%s: no randomness", w->dir);
	w->ram_fd = create_file(w, "ram", err);
	if (w->ram_fd < 0)
		return w->ram_fd;
	if (ftruncate(w->ram_fd, (off_t)ram_bytes(w)) < 0)
		return err_sys(err, -errno, "%s/ram", w->dir);
	return 0;
}

int saved_writer_open(const struct saved_writer_conf *conf, struct saved_writer **out,
		      struct err *err)
{
	struct saved_writer *w = calloc(1, sizeof(*w));
	int code = 0;

	if (!w)
		return err_sys(err, -ENOMEM, "%s", conf->dir);
	w->as_template = conf->as_template;
	w->saved = conf->saved;
	w->state_fd = w->ram_fd = w->base = -1;
	w->seen = calloc(ram_bytes(w) / QEMU_PAGE / 8 + 1, 1);
	if (!w->seen) {
		code = err_sys(err, -ENOMEM, "%s", conf->dir);
		goto fail;
	}
	snprintf(w->dir, sizeof(w->dir), "%s", conf->dir);
	if (snprintf(w->tmp, sizeof(w->tmp), "%s.tmp-XXXXXX", conf->dir) >= (int)sizeof(w->tmp))
		code = -ENAMETOOLONG;
	else if (!mkdtemp(w->tmp)) {
		code = -errno;
		w->tmp[0] = 0;
	}
	if (code) {
		err_sys(err, code, "%s", conf->dir);
		goto fail;
	}
	if (w->as_template)
		code = create_ram(w, err);
	else
		link_base(w, conf->base);
	if (!code)
		w->state_fd = code = create_file(w, "state", err);
	if (code < 0)
		goto fail;
	*out = w;
	return 0;

fail:
	saved_writer_destroy(w);
	return code;
}

static int flush(struct saved_writer *w, int fd, struct run *r, const char *name, struct err *err)
{
	const uint8_t *p = r->bytes;

	while (r->len) {
		ssize_t n = pwrite(fd, p, r->len, (off_t)r->at);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return err_sys(err, -errno, "%s/%s", w->dir, name);
		p += n;
		r->at += (size_t)n;
		r->len -= (size_t)n;
	}
	return 0;
}

int saved_writer_state(struct saved_writer *w, const void *bytes, size_t len, struct err *err)
{
	const uint8_t *p = bytes;

	while (len) {
		size_t n = CHUNK - w->state.len < len ? CHUNK - w->state.len : len;
		int code = n ? 0 : flush(w, w->state_fd, &w->state, "state", err);

		if (code)
			return code;
		memcpy(w->state.bytes + w->state.len, p, n);
		w->state.len += n;
		p += n;
		len -= n;
	}
	return 0;
}

static int put_ram(struct saved_writer *w, uint64_t offset, const uint8_t *bytes, struct err *err)
{
	struct run *r = &w->ram;

	if (r->at + r->len != offset || r->len == CHUNK) {
		int code = flush(w, w->ram_fd, r, "ram", err);

		if (code)
			return code;
		r->at = offset;
	}
	memcpy(r->bytes + r->len, bytes, QEMU_PAGE);
	r->len += QEMU_PAGE;
	return 0;
}

/* base's page: it is read in order, mostly. NULL: error. */
static const uint8_t *base_page(struct saved_writer *w, uint64_t offset, struct err *err)
{
	struct run *r = &w->window;

	if (offset < r->at || offset - r->at >= r->len) {
		ssize_t n = pread(w->base, r->bytes, CHUNK, (off_t)(offset & ~(uint64_t)(CHUNK - 1)));

		r->at = offset & ~(uint64_t)(CHUNK - 1);
		r->len = n > 0 ? (size_t)n & ~(size_t)(QEMU_PAGE - 1) : 0;
		if (n < 0 || offset - r->at >= r->len) {
			err_sys(err, n < 0 ? -errno : -EIO, "the memory that %s shares", w->dir);
			return NULL;
		}
	}
	return r->bytes + (offset - r->at);
}

int saved_writer_page(struct saved_writer *w, uint64_t offset, const uint8_t *bytes,
		      struct err *err)
{
	uint64_t page = offset / QEMU_PAGE;
	uint8_t bit = (uint8_t)(1u << page % 8);
	bool again = w->seen[page / 8] & bit;
	const uint8_t *is = bytes ? bytes : zeroes, *was = zeroes;

	w->seen[page / 8] |= bit;
	if (w->as_template)
		return bytes || again ? put_ram(w, offset, is, err) : 0;
	if (again)
		return 1; /* what it replaces may be in the state */
	if (w->base >= 0)
		was = base_page(w, offset, err);
	if (!was)
		return -EIO;
	return memcmp(is, was, QEMU_PAGE) != 0;
}

unsigned saved_writer_files(const struct saved_writer *w, int fds[2])
{
	fds[0] = w->state_fd;
	fds[1] = w->ram_fd;
	return w->as_template ? 2 : 1;
}

bool saved_writer_shares(const struct saved_writer *w)
{
	return w->base >= 0;
}

static int sync_path(const char *path, struct err *err)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC), code = 0;

	if (fd < 0 || fsync(fd) < 0)
		code = err_sys(err, -errno, "%s", path);
	if (fd >= 0)
		close(fd);
	return code;
}

static int sync_parent(const char *path, struct err *err)
{
	char parent[PATH_MAX], *slash;

	snprintf(parent, sizeof(parent), "%s", path);
	slash = strrchr(parent, '/');
	if (!slash)
		return sync_path(".", err);
	slash[slash == parent] = 0;
	return sync_path(parent, err);
}

/* All that the directory holds, and its entries. */
static int sync_all(struct saved_writer *w, struct err *err)
{
	char json[PATH_MAX + 16];
	int code;

	if (fsync(w->state_fd) < 0)
		return err_sys(err, -errno, "%s/state", w->dir);
	if (w->as_template && fsync(w->ram_fd) < 0)
		return err_sys(err, -errno, "%s/ram", w->dir);
	snprintf(json, sizeof(json), "%s/saved.json", w->tmp);
	code = sync_path(json, err);
	return code ? code : sync_path(w->tmp, err);
}

int saved_writer_finish(struct saved_writer *w, struct err *err)
{
	int code = flush(w, w->state_fd, &w->state, "state", err);

	if (!code && w->as_template)
		code = flush(w, w->ram_fd, &w->ram, "ram", err);
	if (!code)
		code = saved_write(w->tmp, &w->saved, err);
	if (!code)
		code = sync_all(w, err);
	if (!code && renameat2(AT_FDCWD, w->tmp, AT_FDCWD, w->dir, RENAME_NOREPLACE) < 0)
		code = err_sys(err, -errno, "%s", w->dir);
	if (code)
		return code;
	w->finished = true;
	return sync_parent(w->dir, err);
}

void saved_writer_destroy(struct saved_writer *w)
{
	if (!w)
		return;
	saved_close(&w->state_fd);
	saved_close(&w->ram_fd);
	if (!w->finished && w->tmp[0])
		file_remove_tree(w->tmp, NULL);
	free(w->seen);
	free(w);
}
