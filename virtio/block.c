/* SPDX-License-Identifier: Apache-2.0 */
#include "virtio/disk_priv.h"

#include <errno.h>
#include <linux/virtio_blk.h>
#include <linux/virtio_ids.h>
#include <stdlib.h>
#include <string.h>

enum { SECTOR = 512, REQUEST_MAX = 1 << 20, HEADER = sizeof(struct virtio_blk_outhdr) };

struct block {
	struct virtio_device dev; /* first */
	struct virtio_blk_config conf;
	struct virtio_held held;
	struct disk disk;
	char id[VIRTIO_BLK_ID_BYTES];
};

/* The data's part of a request, which begins `skip` bytes into iov. Right from and to the
 * driver's buffers: a guest that changes them meanwhile writes something else. Returns the
 * request's status. */
static uint8_t move_sectors(struct block *b, const struct iovec *iov, unsigned count, size_t skip,
			    uint64_t sector, size_t len, bool write)
{
	struct iovec part[VQ_SIZE_MAX];
	unsigned n = iov_from(iov, count, skip, part);
	int code;

	if (len % SECTOR || len > REQUEST_MAX || sector > b->conf.capacity ||
	    len / SECTOR > b->conf.capacity - sector || (write && !b->disk.writable))
		return VIRTIO_BLK_S_IOERR;
	code = write ? disk_write(&b->disk, part, n, sector * SECTOR, len) :
		       disk_read(&b->disk, part, n, sector * SECTOR, len);
	return code ? VIRTIO_BLK_S_IOERR : VIRTIO_BLK_S_OK;
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
		status = move_sectors(b, in, c->in_count, 0, h.sector, len, false);
	else if (h.type == VIRTIO_BLK_T_OUT)
		status = move_sectors(b, c->iov, c->out_count, HEADER, h.sector,
				      c->out_len - HEADER, true);
	else if (h.type == VIRTIO_BLK_T_FLUSH && b->disk.writable)
		status = disk_flush(&b->disk) ? VIRTIO_BLK_S_IOERR : VIRTIO_BLK_S_OK;
	else if (h.type == VIRTIO_BLK_T_GET_ID)
		status = iov_write(in, c->in_count, 0, b->id, len < sizeof(b->id) ? len : sizeof(b->id)) ?
				 VIRTIO_BLK_S_OK : VIRTIO_BLK_S_IOERR;
	if (status == VIRTIO_BLK_S_OK &&
	    (h.type == VIRTIO_BLK_T_IN || h.type == VIRTIO_BLK_T_GET_ID))
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

/* It has to be a disk of the same size. What was written is in its file, which the saved machine's
 * successor finds as it was. */
static void save(const struct virtio_device *dev, struct buf *out)
{
	disk_flush(&((struct block *)(uintptr_t)dev)->disk);
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
	disk_close(&((struct block *)dev)->disk);
	free(dev);
}

int virtio_block_create(const struct virtio_block_conf *conf, struct virtio_device **out,
			struct err *err)
{
	static const struct virtio_type type = {
		.name = "block", .id = VIRTIO_ID_BLOCK, .pci_class = { 0x01, 0x80, 0 },
		.config = config, .start = nothing, .stop = nothing, .kick = kick, .save = save,
		.load = load, .destroy = destroy,
	};
	struct block *b = calloc(1, sizeof(*b));
	int code = b ? disk_open(&b->disk, conf, err) : err_sys(err, -ENOMEM, "%s", conf->path);

	if (code) {
		if (b)
			destroy(&b->dev);
		return code;
	}
	b->dev.type = &type;
	if (conf->mode == VIRTIO_BLOCK_FORGET)
		b->dev.unsavable = "what was written to it is in memory alone";
	b->dev.queue_count = 1;
	b->dev.offered = 1ull << VIRTIO_BLK_F_SEG_MAX |
			 (b->disk.writable ? 1ull << VIRTIO_BLK_F_FLUSH : 1ull << VIRTIO_BLK_F_RO);
	b->conf.capacity = b->disk.bytes / SECTOR;
	b->conf.seg_max = VQ_SIZE_MAX - 2;
	memcpy(b->id, conf->id, strnlen(conf->id, sizeof(b->id)));
	*out = &b->dev;
	return 0;
}
