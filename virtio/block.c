/* SPDX-License-Identifier: Apache-2.0 */
#include "virtio/devices.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/virtio_blk.h>
#include <linux/virtio_ids.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { SECTOR = 512, REQUEST_MAX = 1 << 20, HEADER = sizeof(struct virtio_blk_outhdr) };

struct block {
	struct virtio_device dev; /* first */
	struct virtio_blk_config conf;
	struct virtio_held held;
	int fd;
	char id[VIRTIO_BLK_ID_BYTES];
};

/* Reads sectors right into the driver's buffers; returns the request's status. */
static uint8_t read_sectors(struct block *b, const struct vq_chain *c, uint64_t sector, size_t len)
{
	struct iovec to[VQ_SIZE_MAX];
	size_t left = len;
	unsigned n = 0;

	if (len % SECTOR || len > REQUEST_MAX || sector > b->conf.capacity ||
	    len / SECTOR > b->conf.capacity - sector)
		return VIRTIO_BLK_S_IOERR;
	for (unsigned i = c->out_count; left; i++, n++) { /* in_len > len */
		to[n] = c->iov[i];
		if (to[n].iov_len > left)
			to[n].iov_len = left;
		left -= to[n].iov_len;
	}
	return preadv(b->fd, to, (int)n, (off_t)(sector * SECTOR)) == (ssize_t)len ? VIRTIO_BLK_S_OK :
										     VIRTIO_BLK_S_IOERR;
}

/* A header to read, then data to write or read, then a byte of status to write: the last one. */
static int64_t serve(struct virtio_device *dev, const struct vq_chain *c)
{
	struct block *b = (struct block *)dev;
	const struct iovec *in = c->iov + c->out_count;
	struct virtio_blk_outhdr h;
	uint8_t status = VIRTIO_BLK_S_UNSUPP;
	size_t len = c->in_len ? c->in_len - 1 : 0, done = 0;

	if (!c->in_len)
		return 0; /* nowhere to say anything */
	if (iov_read(c->iov, c->out_count, 0, &h, HEADER) != HEADER)
		status = VIRTIO_BLK_S_IOERR;
	else if (h.type == VIRTIO_BLK_T_IN)
		status = read_sectors(b, c, h.sector, len);
	else if (h.type == VIRTIO_BLK_T_OUT)
		status = VIRTIO_BLK_S_IOERR; /* read-only */
	else if (h.type == VIRTIO_BLK_T_GET_ID)
		status = iov_write(in, c->in_count, 0, b->id, len < sizeof(b->id) ? len : sizeof(b->id)) ?
				 VIRTIO_BLK_S_OK : VIRTIO_BLK_S_IOERR;
	if (status == VIRTIO_BLK_S_OK)
		done = len;
	iov_write(in, c->in_count, len, &status, 1);
	return (int64_t)done + 1;
}

static bool kick(struct virtio_device *dev, unsigned queue)
{
	return virtio_serve_queue(dev, queue, &((struct block *)dev)->held, serve);
}

static void config(struct virtio_device *dev, uint32_t at, void *to, uint32_t len)
{
	struct block *b = (struct block *)dev;

	virtio_config_copy(&b->conf, sizeof(b->conf), at, to, len);
}

/* It has to be a disk of the same size. */
static void save(const struct virtio_device *dev, struct buf *out)
{
	buf_u64(out, ((const struct block *)dev)->conf.capacity);
}

static int load(struct virtio_device *dev, struct rd *in)
{
	return rd_u64(in) == ((struct block *)dev)->conf.capacity ? 0 : -EINVAL;
}

static void nothing(struct virtio_device *dev)
{
}

static void destroy(struct virtio_device *dev)
{
	close(((struct block *)dev)->fd);
	free(dev);
}

int virtio_block_create(const char *path, const char *id, struct virtio_device **out, struct err *err)
{
	static const struct virtio_type type = {
		.name = "block", .id = VIRTIO_ID_BLOCK, .pci_class = { 0x01, 0x80, 0 },
		.config = config, .start = nothing, .stop = nothing, .kick = kick, .save = save,
		.load = load, .destroy = destroy,
	};
	struct block *b = calloc(1, sizeof(*b));
	struct stat st;

	if (!b)
		return err_sys(err, -ENOMEM, "%s", path);
	b->fd = open(path, O_RDONLY | O_CLOEXEC);
	if (b->fd < 0 || fstat(b->fd, &st) < 0) {
		err_sys(err, -errno, "%s", path);
		if (b->fd >= 0)
			close(b->fd);
		free(b);
		return -EIO;
	}
	b->dev.type = &type;
	b->dev.queue_count = 1;
	b->dev.offered = 1ull << VIRTIO_BLK_F_RO | 1ull << VIRTIO_BLK_F_SEG_MAX;
	b->conf.capacity = (uint64_t)st.st_size / SECTOR;
	b->conf.seg_max = VQ_SIZE_MAX - 2;
	memcpy(b->id, id, strnlen(id, sizeof(b->id)));
	*out = &b->dev;
	return 0;
}
