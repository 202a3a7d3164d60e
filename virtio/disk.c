/* SPDX-License-Identifier: Apache-2.0 */
#include "virtio/disk_priv.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

enum { CLUSTER = 4096, VERSION = 1 };

static const char magic[8] = { 'W', 'E', 'F', 'T', 'D', 'I', 'S', 'K' };

struct overlay_header {
	char magic[8];
	uint32_t version, cluster;
	uint64_t bytes;
};

static_assert(sizeof(struct overlay_header) == 24, "no padding");

static bool in_top(const struct disk *d, uint64_t cluster)
{
	return d->top >= 0 && (d->map[cluster / 8] >> cluster % 8 & 1);
}

/* As preadv(2) and pwritev(2), of iov's bytes from skip on. */
static int transfer(int fd, bool write, const struct iovec *iov, unsigned count, uint64_t skip,
		    uint64_t len, uint64_t at)
{
	struct iovec part[VQ_SIZE_MAX];
	unsigned n = iov_from(iov, count, skip, part), used = 0;
	uint64_t sum = 0;
	ssize_t done;

	while (used < n && sum < len) {
		if (part[used].iov_len > len - sum)
			part[used].iov_len = len - sum;
		sum += part[used++].iov_len;
	}
	done = write ? pwritev(fd, part, (int)used, (off_t)at) :
		       preadv(fd, part, (int)used, (off_t)at);
	return done == (ssize_t)len ? 0 : done < 0 ? -errno : -EIO;
}

int disk_read(struct disk *d, const struct iovec *iov, unsigned count, uint64_t at, uint64_t len)
{
	for (uint64_t done = 0, n; done < len; done += n) {
		uint64_t from = at + done, end = (from / CLUSTER + 1) * CLUSTER;
		bool top = in_top(d, from / CLUSTER);
		int code;

		while (end < at + len && in_top(d, end / CLUSTER) == top)
			end += CLUSTER;
		n = (end < at + len ? end : at + len) - from;
		code = transfer(top ? d->top : d->base, false, iov, count, done, n,
				top ? d->data_at + from : from);
		if (code)
			return code;
	}
	return 0;
}

/* A cluster of which a part will be written gets the rest from below. */
static int copy_up(struct disk *d, uint64_t cluster)
{
	uint8_t bytes[CLUSTER] = { 0 };
	ssize_t n;

	if (in_top(d, cluster))
		return 0;
	n = pread(d->base, bytes, CLUSTER, (off_t)(cluster * CLUSTER)); /* short at the end */
	if (n < 0)
		return -errno;
	n = pwrite(d->top, bytes, CLUSTER, (off_t)(d->data_at + cluster * CLUSTER));
	return n == CLUSTER ? 0 : n < 0 ? -errno : -EIO;
}

int disk_write(struct disk *d, const struct iovec *iov, unsigned count, uint64_t at, uint64_t len)
{
	uint64_t first = at / CLUSTER, last = (at + len - 1) / CLUSTER;
	int code = 0;

	if (!len)
		return 0;
	if (d->top < 0)
		return transfer(d->base, true, iov, count, 0, len, at);
	if (at % CLUSTER)
		code = copy_up(d, first);
	if (!code && (at + len) % CLUSTER)
		code = copy_up(d, last);
	if (!code)
		code = transfer(d->top, true, iov, count, 0, len, d->data_at + at);
	for (uint64_t c = first; !code && c <= last; c++)
		d->map[c / 8] |= (uint8_t)(1u << c % 8);
	d->map_dirty = true;
	return code;
}

int disk_flush(struct disk *d)
{
	int fd = d->top >= 0 ? d->top : d->base;

	if (!d->lasting)
		return 0;
	if (fdatasync(fd) < 0)
		return -errno;
	if (d->top < 0 || !d->map_dirty)
		return 0;
	if (pwrite(fd, d->map, d->map_bytes, CLUSTER) != (ssize_t)d->map_bytes)
		return -EIO;
	d->map_dirty = false;
	return fdatasync(fd) < 0 ? -errno : 0;
}

/* A file of which nobody else writes what this one reads or writes. */
static int open_locked(const char *path, bool write, bool create, struct err *err)
{
	int fd = open(path, (write ? O_RDWR : O_RDONLY) | O_CLOEXEC | (create ? O_CREAT : 0), 0600);

	if (fd < 0)
		return err_sys(err, -errno, "%s", path);
	if (flock(fd, (write ? LOCK_EX : LOCK_SH) | LOCK_NB) == 0)
		return fd;
	close(fd);
	return err_set(err, -EBUSY, "%s: it is in use", path);
}

static int start_overlay(struct disk *d)
{
	struct overlay_header h = { .version = VERSION, .cluster = CLUSTER, .bytes = d->bytes };

	memcpy(h.magic, magic, sizeof(magic));
	if (ftruncate(d->top, (off_t)(d->data_at +
				      (d->bytes + CLUSTER - 1) / CLUSTER * CLUSTER)) < 0)
		return -errno;
	return pwrite(d->top, &h, sizeof(h), 0) == sizeof(h) ? 0 : -EIO;
}

/* Bits behind the disk's end are of no consequence. */
static int load_overlay(struct disk *d, const char *path, struct err *err)
{
	struct overlay_header h;

	if (pread(d->top, &h, sizeof(h), 0) != sizeof(h) ||
	    memcmp(h.magic, magic, sizeof(magic)) != 0 || h.version != VERSION ||
	    h.cluster != CLUSTER)
		return err_set(err, -EBADMSG, "%s: it is no overlay", path);
	if (h.bytes != d->bytes)
		return err_set(err, -EBADMSG, "%s: it is the overlay of a disk of %llu bytes", path,
			       (unsigned long long)h.bytes);
	if (pread(d->top, d->map, d->map_bytes, CLUSTER) != (ssize_t)d->map_bytes)
		return err_set(err, -EBADMSG, "%s: it ends early", path);
	return 0;
}

static int open_top(struct disk *d, const struct virtio_block_conf *conf, struct err *err)
{
	struct stat st;
	int code = 0;

	d->map_bytes = (d->bytes / CLUSTER / 8 / CLUSTER + 1) * CLUSTER;
	d->data_at = CLUSTER + d->map_bytes;
	d->map = calloc(1, d->map_bytes);
	if (!d->map)
		return err_sys(err, -ENOMEM, "%s", conf->path);
	if (conf->mode == VIRTIO_BLOCK_FORGET)
		d->top = memfd_create("disk", MFD_CLOEXEC);
	else
		d->top = code = open_locked(conf->overlay, true, true, err);
	if (d->top < 0)
		return code ? code : err_sys(err, -errno, "%s", conf->path);
	if (fstat(d->top, &st) == 0 && st.st_size)
		return load_overlay(d, conf->overlay, err);
	code = start_overlay(d);
	return code ? err_sys(err, code, "%s", conf->overlay ? conf->overlay : conf->path) : 0;
}

int disk_open(struct disk *d, const struct virtio_block_conf *conf, struct err *err)
{
	struct stat st;

	*d = (struct disk){ .top = -1, .writable = conf->mode != VIRTIO_BLOCK_READ,
			    .lasting = conf->mode == VIRTIO_BLOCK_WRITE ||
				       conf->mode == VIRTIO_BLOCK_OVERLAY };
	d->base = open_locked(conf->path, conf->mode == VIRTIO_BLOCK_WRITE, false, err);
	if (d->base < 0)
		return d->base;
	if (fstat(d->base, &st) < 0)
		return err_sys(err, -errno, "%s", conf->path);
	if (!S_ISREG(st.st_mode))
		return err_set(err, -EINVAL, "%s: not a file", conf->path);
	d->bytes = (uint64_t)st.st_size;
	return conf->mode == VIRTIO_BLOCK_OVERLAY || conf->mode == VIRTIO_BLOCK_FORGET ?
		       open_top(d, conf, err) : 0;
}

void disk_close(struct disk *d)
{
	if (d->base >= 0 && d->map_dirty)
		disk_flush(d);
	if (d->top >= 0)
		close(d->top);
	if (d->base >= 0)
		close(d->base);
	free(d->map);
}
