/* SPDX-License-Identifier: Apache-2.0 */
#include "virtio/pci_priv.h"

#include <errno.h>
#include <event2/event.h>
#include <linux/virtio_config.h>
#include <linux/virtio_pci.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

static void interrupt(void *transport, unsigned queue)
{
	struct virtio_pci *p = transport;

	p->isr |= 1;
	msix_raise(&p->msix, p->queue[queue].vector);
}

static void config_changed(void *transport)
{
	struct virtio_pci *p = transport;

	p->generation++;
	p->isr |= VIRTIO_PCI_ISR_CONFIG;
	if (p->status & VIRTIO_CONFIG_S_DRIVER_OK)
		msix_raise(&p->msix, p->config_vector);
}

static void broken(void *transport)
{
	struct virtio_pci *p = transport;

	p->dev->running = false;
	p->status |= VIRTIO_CONFIG_S_NEEDS_RESET;
	config_changed(p);
}

static void kick(void *transport, unsigned queue)
{
	struct virtio_pci *p = transport;

	eventfd_write(p->queue[queue].kick_fd, 1);
}

/* A kick: on the loop, however it came. */
static void kicked(evutil_socket_t fd, short what, void *arg)
{
	struct pci_queue *q = arg;
	struct virtio_device *dev = q->pci->dev;
	eventfd_t count;

	eventfd_read(fd, &count);
	virtio_lock(dev);
	if (q->loaded)
		interrupt(q->pci, q->index);
	q->loaded = false;
	if (virtio_live(dev, q->index) && dev->type->kick(dev, q->index))
		kick(q->pci, q->index); /* others first */
	virtio_unlock(dev);
}

/* Vectors that are pending, also by calls that wait in their descriptor until theirs is open. */
static uint64_t pending_vectors(const struct virtio_pci *p)
{
	uint64_t bits = msix_pending(&p->msix);

	for (unsigned i = 0; i < p->dev->direct_count; i++) {
		const struct pci_queue *q = &p->queue[i];
		struct pollfd poll_fd = { .fd = q->call_fd, .events = POLLIN };
		struct msix_message m;

		if (q->vector < p->msix.count && !msix_open(&p->msix, q->vector, &m) &&
		    poll(&poll_fd, 1, 0) > 0)
			bits |= 1ull << q->vector;
	}
	return bits;
}

void virtio_pci_read(struct virtio_pci *p, uint32_t at, void *to, uint32_t len)
{
	uint32_t page = at & ~(BAR_PAGE - 1u), in = at & (BAR_PAGE - 1u), value = 0;
	uint64_t pending;

	memset(to, 0, len);
	switch (page) {
	case BAR_COMMON:
		common_read(p, in, to, len);
		break;
	case BAR_ISR:
		if (in == 0 && len) {
			memcpy(to, &p->isr, 1);
			p->isr = 0;
		}
		break;
	case BAR_DEVICE:
		p->dev->type->config(p->dev, in, to, len);
		break;
	case BAR_MSIX:
		for (uint32_t i = 0; i + 4 <= len && in % 4 == 0; i += 4) {
			value = msix_read(&p->msix, in + i);
			memcpy((uint8_t *)to + i, &value, 4);
		}
		break;
	case BAR_PBA:
		pending = pending_vectors(p);
		virtio_config_copy(&pending, sizeof(pending), in, to, len);
		break;
	default:
		break;
	}
}

void virtio_pci_write(struct virtio_pci *p, uint32_t at, const void *from, uint32_t len)
{
	uint32_t page = at & ~(BAR_PAGE - 1u), in = at & (BAR_PAGE - 1u), value = 0;

	switch (page) {
	case BAR_COMMON:
		if (len > 4)
			break;
		memcpy(&value, from, len);
		common_write(p, in, value, len);
		break;
	case BAR_DEVICE:
		if (p->dev->type->config_write)
			p->dev->type->config_write(p->dev, in, from, len);
		break;
	case BAR_NOTIFY: /* without a short cut */
		if (in / NOTIFY_STEP < p->dev->queue_count)
			kick(p, in / NOTIFY_STEP);
		break;
	case BAR_MSIX:
		for (uint32_t i = 0; i + 4 <= len && in % 4 == 0; i += 4) {
			memcpy(&value, (const uint8_t *)from + i, 4);
			msix_write(&p->msix, in + i, value);
		}
		shortcuts_changed(p);
		break;
	default:
		break;
	}
}

static int add_queue(struct virtio_pci *p, unsigned i)
{
	struct pci_queue *q = &p->queue[i];

	q->pci = p;
	q->index = i;
	q->kick_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (q->kick_fd < 0)
		return -errno;
	if (i < p->dev->direct_count) {
		q->call_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
		p->dev->kick_fd[i] = q->kick_fd;
		p->dev->call_fd[i] = q->call_fd;
		return q->call_fd < 0 ? -errno : 0;
	}
	q->kick = event_new(p->host.base, q->kick_fd, EV_READ | EV_PERSIST, kicked, q);
	return q->kick && event_add(q->kick, NULL) == 0 ? 0 : -ENOMEM;
}

int virtio_pci_create(const struct virtio_pci_host *host, struct virtio_device *dev,
		      struct virtio_pci **out, struct err *err)
{
	struct virtio_pci *p = calloc(1, sizeof(*p));
	int code = 0;

	if (!p)
		return err_sys(err, -ENOMEM, "%s", dev->type->name);
	p->host = *host;
	p->dev = dev;
	msix_init(&p->msix, &p->host, dev->queue_count + 1);
	for (unsigned i = 0; i < VIRTIO_QUEUES_MAX; i++)
		p->queue[i].kick_fd = p->queue[i].call_fd = -1;
	for (unsigned i = 0; i < dev->queue_count && !code; i++)
		code = add_queue(p, i);
	if (!code)
		code = shortcuts_init(p);
	if (code) {
		p->dev = NULL; /* stays the caller's */
		virtio_pci_destroy(p);
		return err_sys(err, code, "%s", dev->type->name);
	}
	dev->base = host->base;
	dev->lock = host->lock;
	dev->transport = p;
	dev->interrupt = interrupt;
	dev->config_changed = config_changed;
	dev->broken = broken;
	dev->kick = kick;
	common_init(p);
	config_init(p);
	*out = p;
	return 0;
}

void virtio_pci_destroy(struct virtio_pci *p)
{
	if (!p)
		return;
	shortcuts_fini(p);
	for (unsigned i = 0; i < VIRTIO_QUEUES_MAX; i++) {
		if (p->queue[i].kick)
			event_free(p->queue[i].kick);
		if (p->queue[i].kick_fd >= 0)
			close(p->queue[i].kick_fd);
		if (p->queue[i].call_fd >= 0)
			close(p->queue[i].call_fd);
	}
	if (p->dev)
		p->dev->type->destroy(p->dev);
	free(p);
}
