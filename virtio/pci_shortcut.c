/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the kernel does in our place: it makes a kick one of the queue's descriptor's (KVM_IOEVENTFD), and
 * of what another process writes to a direct queue's descriptor an MSI (KVM_IRQFD). Whenever one of these
 * comes or goes the kernel waits for a grace period, which others on the machine notice, and a guest can
 * make them come and go as fast as it likes: by its BAR, by memory decoding, by masks and messages. So they
 * are short cuts and no more: without them kicks come as accesses to the BAR, and the loop passes calls
 * on. One that is not right any more goes at once; those that are missing come all together, SETTLE_MS
 * after the guest has first changed something.
 *
 * A device's reset changes nothing here: what is kicked while its queue is not active is read and
 * forgotten.
 */
#include "virtio/pci_priv.h"

#include <errno.h>
#include <event2/event.h>
#include <sys/eventfd.h>

enum { SETTLE_MS = 500 };

/* Where a queue's kicks are written; 0: nowhere. */
static uint64_t kick_place(const struct virtio_pci *p, const struct pci_queue *q)
{
	uint64_t gpa;

	return virtio_pci_where(p, &gpa) ? gpa + BAR_NOTIFY + q->index * NOTIFY_STEP : 0;
}

static void drop_kick(struct virtio_pci *p, struct pci_queue *q)
{
	if (q->kick_at)
		p->host.kick_del(p->host.arg, q->kick_at, q->kick_fd);
	q->kick_at = 0;
}

static void drop_call(struct virtio_pci *p, struct pci_queue *q)
{
	if (q->attached)
		p->host.msi_detach(p->host.arg, q->call_fd);
	q->attached = false;
}

static bool kick_missing(struct virtio_pci *p, struct pci_queue *q)
{
	uint64_t at = kick_place(p, q);

	if (at != q->kick_at)
		drop_kick(p, q);
	return at && !q->kick_at;
}

/* While its vector is closed nobody reads it: what is written waits there. */
static bool call_missing(struct virtio_pci *p, struct pci_queue *q)
{
	struct msix_message m;
	bool open = msix_open(&p->msix, q->vector, &m);

	if (!q->call)
		return false;
	if (!open || m.address != q->attached_as.address || m.data != q->attached_as.data)
		drop_call(p, q);
	if (open && !q->attached)
		event_add(q->call, NULL);
	else
		event_del_noblock(q->call);
	return open && !q->attached;
}

void shortcuts_changed(struct virtio_pci *p)
{
	const struct timeval delay = { 0, SETTLE_MS * 1000 };
	bool missing = false;

	for (unsigned i = 0; i < p->dev->queue_count; i++) {
		missing |= kick_missing(p, &p->queue[i]);
		missing |= call_missing(p, &p->queue[i]);
	}
	if (missing && !event_pending(p->settle, EV_TIMEOUT, NULL))
		event_add(p->settle, &delay);
}

void shortcuts_take(struct virtio_pci *p)
{
	for (unsigned i = 0; i < p->dev->queue_count; i++) {
		struct pci_queue *q = &p->queue[i];
		uint64_t at = kick_place(p, q);
		struct msix_message m;

		if (at && !q->kick_at && p->host.kick_add(p->host.arg, at, q->kick_fd) == 0)
			q->kick_at = at;
		if (!q->call || q->attached || !msix_open(&p->msix, q->vector, &m))
			continue;
		event_del_noblock(q->call); /* one of the two reads it */
		q->attached = p->host.msi_attach(p->host.arg, q->call_fd, m.address, m.data) == 0;
		q->attached_as = m;
		if (!q->attached)
			event_add(q->call, NULL);
	}
}

static void settle(evutil_socket_t fd, short what, void *arg)
{
	struct virtio_pci *p = arg;

	virtio_lock(p->dev);
	shortcuts_take(p);
	virtio_unlock(p->dev);
}

static void called(evutil_socket_t fd, short what, void *arg)
{
	struct pci_queue *q = arg;
	struct virtio_pci *p = q->pci;
	struct msix_message m;
	eventfd_t count;

	virtio_lock(p->dev);
	if (!q->attached && msix_open(&p->msix, q->vector, &m) && eventfd_read(fd, &count) == 0)
		msix_raise(&p->msix, q->vector);
	virtio_unlock(p->dev);
}

int shortcuts_init(struct virtio_pci *p)
{
	p->settle = evtimer_new(p->host.base, settle, p);
	if (!p->settle)
		return -ENOMEM;
	for (unsigned i = 0; i < p->dev->direct_count; i++) {
		struct pci_queue *q = &p->queue[i];

		q->call = event_new(p->host.base, q->call_fd, EV_READ | EV_PERSIST, called, q);
		if (!q->call)
			return -ENOMEM;
	}
	return 0;
}

void shortcuts_fini(struct virtio_pci *p)
{
	if (p->settle)
		event_free(p->settle);
	for (unsigned i = 0; i < VIRTIO_QUEUES_MAX; i++) {
		struct pci_queue *q = &p->queue[i];

		drop_kick(p, q);
		drop_call(p, q);
		if (q->call)
			event_free(q->call);
	}
}
