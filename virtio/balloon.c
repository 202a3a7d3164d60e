/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Memory that the guest has no use for goes back to the host: pages that it was asked for
 * (inflate), and pages that it tells are free (VIRTIO_BALLOON_F_REPORTING). It has them back when
 * it touches them.
 *
 * The standard numbers the reporting queue 4; drivers and QEMU count only the queues that are
 * there.
 */
#include "virtio/devices.h"

#include <errno.h>
#include <linux/virtio_balloon.h>
#include <linux/virtio_ids.h>
#include <stdlib.h>
#include <string.h>

enum { QUEUE_INFLATE, QUEUE_DEFLATE, QUEUE_REPORTING, QUEUES };
/* Of one chain; drivers give no more. */
enum { PAGES_MAX = 256, SHIFT = VIRTIO_BALLOON_PFN_SHIFT };

struct balloon {
	struct virtio_device dev; /* first */
	struct virtio_balloon_ops ops;
	struct virtio_balloon_stats stats;
	struct virtio_held held[QUEUES];
};

static struct balloon *of(struct virtio_device *dev)
{
	return (struct balloon *)dev;
}

static int64_t inflate(struct virtio_device *dev, const struct vq_chain *c)
{
	struct balloon *b = of(dev);
	uint32_t page[PAGES_MAX];
	size_t n = iov_read(c->iov, c->out_count, 0, page, sizeof(page)) / sizeof(page[0]), run;

	for (size_t i = 0; i < n; i += run) {
		void *at;

		for (run = 1; i + run < n && page[i + run] == page[i] + run;)
			run++;
		at = guest_mem_at(dev->queue[QUEUE_INFLATE].mem, (uint64_t)page[i] << SHIFT,
				  (uint64_t)run << SHIFT);
		if (at)
			b->ops.give_back(b->ops.arg, at, run << SHIFT);
	}
	return 0;
}

/* The pages come when they are touched. */
static int64_t deflate(struct virtio_device *dev, const struct vq_chain *c)
{
	return 0;
}

/* The buffers are the free pages themselves. */
static int64_t reported(struct virtio_device *dev, const struct vq_chain *c)
{
	struct balloon *b = of(dev);

	for (unsigned i = c->out_count; i < c->out_count + c->in_count; i++) {
		b->ops.give_back(b->ops.arg, c->iov[i].iov_base, c->iov[i].iov_len);
		b->stats.reported_bytes += c->iov[i].iov_len;
	}
	return 0;
}

static bool kick(struct virtio_device *dev, unsigned queue)
{
	static const virtio_serve serve[QUEUES] = { inflate, deflate, reported };

	return virtio_serve_queue(dev, queue, &of(dev)->held[queue], serve[queue]);
}

static void config(struct virtio_device *dev, uint32_t at, void *to, uint32_t len)
{
	const struct virtio_balloon_config c = { .num_pages = of(dev)->stats.wanted_pages,
						 .actual = of(dev)->stats.given_pages };

	virtio_config_copy(&c, sizeof(c), at, to, len);
}

/* How many pages the driver says it gave. */
static void config_write(struct virtio_device *dev, uint32_t at, const void *from, uint32_t len)
{
	if (at == offsetof(struct virtio_balloon_config, actual) && len == sizeof(uint32_t))
		memcpy(&of(dev)->stats.given_pages, from, len);
}

void virtio_balloon_want(struct virtio_device *dev, uint32_t pages)
{
	of(dev)->stats.wanted_pages = pages;
	dev->config_changed(dev->transport);
}

struct virtio_balloon_stats virtio_balloon_stats(const struct virtio_device *dev)
{
	return ((const struct balloon *)dev)->stats;
}

static void save(const struct virtio_device *dev, struct buf *out)
{
	const struct balloon *b = (const struct balloon *)dev;

	buf_u32(out, b->stats.wanted_pages);
	buf_u32(out, b->stats.given_pages);
}

static int load(struct virtio_device *dev, struct rd *in)
{
	of(dev)->stats.wanted_pages = rd_u32(in);
	of(dev)->stats.given_pages = rd_u32(in);
	return 0;
}

static void start(struct virtio_device *dev)
{
}

static void stop(struct virtio_device *dev)
{
	of(dev)->stats.given_pages = 0;
	for (unsigned i = 0; i < QUEUES; i++)
		of(dev)->held[i].is = false;
}

static void destroy(struct virtio_device *dev)
{
	free(dev);
}

int virtio_balloon_create(const struct virtio_balloon_ops *ops, struct virtio_device **out,
			  struct err *err)
{
	static const struct virtio_type type = {
		.name = "balloon", .id = VIRTIO_ID_BALLOON, .pci_class = { 0xff, 0, 0 },
		.config = config, .config_write = config_write, .start = start, .stop = stop,
		.kick = kick, .save = save, .load = load, .destroy = destroy,
	};
	struct balloon *b = calloc(1, sizeof(*b));

	if (!b)
		return err_sys(err, -ENOMEM, "balloon");
	b->ops = *ops;
	b->dev.type = &type;
	b->dev.queue_count = QUEUES;
	b->dev.offered = 1ull << VIRTIO_BALLOON_F_DEFLATE_ON_OOM |
			 1ull << VIRTIO_BALLOON_F_REPORTING;
	*out = &b->dev;
	return 0;
}
