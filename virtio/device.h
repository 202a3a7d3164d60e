/* SPDX-License-Identifier: Apache-2.0 */
#ifndef VIRTIO_DEVICE_H
#define VIRTIO_DEVICE_H

/*
 * What a virtio device is to its transport, and the transport to a device (virtio 1.2, 2.1: status,
 * features, configuration, queues, notifications). A device is a `struct virtio_device` that its
 * file embeds as the first member, and a row in the table below.
 *
 * All of it runs under the machine's lock: a driver's accesses on the thread of a virtual CPU,
 * kicks and what comes from the host on the event loop. Callbacks of the event loop that belong to
 * a device take the lock themselves (virtio_lock()); events may be added and removed (by
 * event_del_noblock()) from any thread, so a callback checks under the lock whether it is wanted.
 */

#include "base/buf.h"
#include "base/rd.h"
#include "virtio/queue.h"

#include <pthread.h>

struct event_base;
struct virtio_device;

#define VIRTIO_QUEUES_MAX 17
/* Chains that a device serves for one kick before others have their turn. */
#define VIRTIO_BURST 256

struct virtio_type {
	const char *name;
	uint16_t id;	     /* virtio 1.2, 5 */
	uint8_t pci_class[3]; /* base class, subclass, interface */
	/* The device's own configuration space as it is now: up to len bytes from `at`; what is not
	 * there reads as 0. Writes are ignored where config_write is NULL. */
	void (*config)(struct virtio_device *dev, uint32_t at, void *to, uint32_t len);
	void (*config_write)(struct virtio_device *dev, uint32_t at, const void *from,
			     uint32_t len);
	/* The driver is ready: the queues it wants are active. */
	void (*start)(struct virtio_device *dev);
	/* The driver is not ready any more; queues are inactive already. Also when it never was. A
	 * device that needs time for it sets `stopping` until it has stopped. */
	void (*stop)(struct virtio_device *dev);
	/* There may be something in an active queue. Returns true to be called again. */
	bool (*kick)(struct virtio_device *dev, unsigned queue);
	/* What the device knows beyond its queues and features, into out; and from there, after
	 * start() if the driver was ready. What is read is not trusted: 0 or -errno, and `in` is
	 * checked by the caller. */
	void (*save)(const struct virtio_device *dev, struct buf *out);
	int (*load)(struct virtio_device *dev, struct rd *in);
	/* Frees it. Loop thread; no driver runs any more. */
	void (*destroy)(struct virtio_device *dev);
};

struct virtio_device {
	const struct virtio_type *type;
	uint64_t offered; /* features: the device's own; the transport adds the rings' */
	uint64_t withheld; /* of the rings' features: those it does not offer */
	unsigned queue_count;
	const char *unsavable; /* why it cannot be saved; NULL: it can */
	/* The first so many queues are served by another process: by the descriptors below, of which
	 * writing to call_fd interrupts the driver. kick() is not called for them. */
	unsigned direct_count;
	/* The driver has reset it, but it is not over yet: the driver waits (virtio 1.2, 2.4.1). */
	bool stopping;
	/* the transport's, for the device to read */
	struct event_base *base;
	pthread_mutex_t *lock;
	uint64_t features; /* negotiated */
	bool running;
	struct vq queue[VIRTIO_QUEUES_MAX];
	int kick_fd[VIRTIO_QUEUES_MAX], call_fd[VIRTIO_QUEUES_MAX]; /* eventfds; of direct queues */
	/* to the transport */
	void (*interrupt)(void *transport, unsigned queue);
	void (*config_changed)(void *transport);
	void (*broken)(void *transport);
	void (*kick)(void *transport, unsigned queue); /* as the driver does: comes by the loop */
	void *transport;
};

static inline void virtio_lock(struct virtio_device *dev)
{
	pthread_mutex_lock(dev->lock);
}

static inline void virtio_unlock(struct virtio_device *dev)
{
	pthread_mutex_unlock(dev->lock);
}

static inline bool virtio_has(const struct virtio_device *dev, unsigned feature)
{
	return dev->features >> feature & 1;
}

static inline bool virtio_live(const struct virtio_device *dev, unsigned queue)
{
	return dev->running && vq_active(&dev->queue[queue]);
}

/* As vq_pop(). A broken ring stops the device until it is reset, and looks empty. */
bool virtio_pop(struct virtio_device *dev, unsigned queue, struct vq_chain *chain);
/* As virtio_pop(); when there is none, the driver's next one brings a kick. */
bool virtio_pop_or_kick(struct virtio_device *dev, unsigned queue, struct vq_chain *chain);
void virtio_push(struct virtio_device *dev, unsigned queue, const struct vq_chain *chain,
		 uint32_t written);
/* Interrupts the driver if it wants that; after one or more pushes. */
void virtio_flush(struct virtio_device *dev, unsigned queue);

/* For devices that know nothing else. */
void virtio_save_nothing(const struct virtio_device *dev, struct buf *out);
int virtio_load_nothing(struct virtio_device *dev, struct rd *in);

/* Copies of a configuration structure for virtio_type.config. */
void virtio_config_copy(const void *config, uint32_t size, uint32_t at, void *to, uint32_t len);

/*
 * A queue that is served chain by chain: serve() says how many bytes it wrote, or -EAGAIN when it
 * cannot do it now (the chain is kept in `held`, and kick() wants to be called when it can).
 */
struct virtio_held {
	bool is;
	struct vq_chain chain;
};

typedef int64_t (*virtio_serve)(struct virtio_device *dev, const struct vq_chain *chain);
bool virtio_serve_queue(struct virtio_device *dev, unsigned queue, struct virtio_held *held,
			virtio_serve serve);

#endif
