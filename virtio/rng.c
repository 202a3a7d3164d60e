/* SPDX-License-Identifier: Apache-2.0 */
#include "virtio/devices.h"

#include <errno.h>
#include <linux/virtio_ids.h>
#include <stdlib.h>
#include <sys/random.h>

/* The most that one request gets; more would be the host's time for nothing. */
enum { REQUEST_MAX = 4096 };

struct rng {
	struct virtio_device dev; /* first */
	struct virtio_held held;
};

static int64_t serve(struct virtio_device *dev, const struct vq_chain *c)
{
	uint8_t bytes[256];
	size_t want = c->in_len < REQUEST_MAX ? c->in_len : REQUEST_MAX, done = 0;

	while (done < want) {
		size_t n = want - done < sizeof(bytes) ? want - done : sizeof(bytes);

		/* Of up to 256 bytes getrandom(2) gives all, once the host's pool is ready. */
		if (getrandom(bytes, n, GRND_NONBLOCK) != (ssize_t)n)
			break;
		iov_write(c->iov + c->out_count, c->in_count, done, bytes, n);
		done += n;
	}
	return (int64_t)done;
}

static bool kick(struct virtio_device *dev, unsigned queue)
{
	return virtio_serve_queue(dev, queue, &((struct rng *)dev)->held, serve);
}

static void config(struct virtio_device *dev, uint32_t at, void *to, uint32_t len)
{
	virtio_config_copy(NULL, 0, at, to, len);
}

static void nothing(struct virtio_device *dev)
{
}

static void destroy(struct virtio_device *dev)
{
	free(dev);
}

int virtio_rng_create(struct virtio_device **out, struct err *err)
{
	static const struct virtio_type type = {
		.name = "rng", .id = VIRTIO_ID_RNG, .pci_class = { 0xff, 0, 0 }, .config = config,
		.start = nothing, .stop = nothing, .kick = kick,
		.save = virtio_save_nothing, .load = virtio_load_nothing, .destroy = destroy,
	};
	struct rng *r = calloc(1, sizeof(*r));

	if (!r)
		return err_sys(err, -ENOMEM, "rng");
	r->dev.type = &type;
	r->dev.queue_count = 1;
	*out = &r->dev;
	return 0;
}
