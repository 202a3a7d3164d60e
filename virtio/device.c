/* SPDX-License-Identifier: Apache-2.0 */
#include "virtio/device.h"

#include <errno.h>
#include <string.h>

bool virtio_pop(struct virtio_device *dev, unsigned queue, struct vq_chain *chain)
{
	int n = virtio_live(dev, queue) ? vq_pop(&dev->queue[queue], chain) : 0;

	if (n < 0)
		dev->broken(dev->transport);
	return n > 0;
}

bool virtio_pop_or_kick(struct virtio_device *dev, unsigned queue, struct vq_chain *chain)
{
	if (virtio_pop(dev, queue, chain))
		return true;
	return virtio_live(dev, queue) && vq_kicks_on(&dev->queue[queue]) &&
	       virtio_pop(dev, queue, chain);
}

void virtio_push(struct virtio_device *dev, unsigned queue, const struct vq_chain *chain,
		 uint32_t written)
{
	vq_push(&dev->queue[queue], chain, written);
}

void virtio_flush(struct virtio_device *dev, unsigned queue)
{
	if (virtio_live(dev, queue) && vq_interrupt_due(&dev->queue[queue]))
		dev->interrupt(dev->transport, queue);
}

void virtio_config_copy(const void *config, uint32_t size, uint32_t at, void *to, uint32_t len)
{
	memset(to, 0, len);
	if (at < size)
		memcpy(to, (const uint8_t *)config + at, len < size - at ? len : size - at);
}

void virtio_save_nothing(const struct virtio_device *dev, struct buf *out)
{
}

int virtio_load_nothing(struct virtio_device *dev, struct rd *in)
{
	return 0;
}

/* Takes and serves chains; true when there may be more after a whole burst. */
static bool serve_burst(struct virtio_device *dev, unsigned queue, struct virtio_held *held,
			virtio_serve serve)
{
	for (unsigned n = 0; n < VIRTIO_BURST; n++) {
		int64_t written;

		if (!held->is && !virtio_pop(dev, queue, &held->chain))
			return false;
		written = serve(dev, &held->chain);
		held->is = written == -EAGAIN;
		if (held->is)
			return false;
		virtio_push(dev, queue, &held->chain, (uint32_t)written);
	}
	return true;
}

bool virtio_serve_queue(struct virtio_device *dev, unsigned queue, struct virtio_held *held,
			virtio_serve serve)
{
	bool again;

	if (!virtio_live(dev, queue))
		return false;
	vq_kicks_off(&dev->queue[queue]);
	again = serve_burst(dev, queue, held, serve);
	virtio_flush(dev, queue);
	if (again || held->is || !virtio_live(dev, queue))
		return again;
	return vq_kicks_on(&dev->queue[queue]);
}
