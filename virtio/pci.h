/* SPDX-License-Identifier: Apache-2.0 */
#ifndef VIRTIO_PCI_H
#define VIRTIO_PCI_H

/*
 * The virtio-pci transport (virtio 1.2, 4.1), modern only: one 32-bit memory BAR with the common,
 * ISR, device, notification and MSI-X structures. Legacy interrupts are not there: Linux and
 * everything else that knows virtio 1 has MSI-X.
 *
 * Accesses of the guest come under the machine's lock, from any thread.
 */

#include "base/err.h"
#include "virtio/device.h"

#define VIRTIO_PCI_BAR_SIZE 0x8000u

/* What the machine does for it. */
struct virtio_pci_host {
	struct event_base *base;
	pthread_mutex_t *lock;
	const struct guest_mem *mem;
	bool split; /* offers split rings alone */
	/* A write of any size at gpa becomes one to fd, until undone. It may fail (another device is
	 * there): then writes come as accesses to the BAR. */
	int (*kick_add)(void *arg, uint64_t gpa, int fd);
	void (*kick_del)(void *arg, uint64_t gpa, int fd);
	/* An MSI, now. */
	void (*msi_send)(void *arg, uint64_t address, uint32_t data);
	/* A write to fd becomes an MSI, until undone; what was written to it before counts. It may
	 * fail: then the loop passes on what is written. */
	int (*msi_attach)(void *arg, int fd, uint64_t address, uint32_t data);
	void (*msi_detach)(void *arg, int fd);
	void *arg;
};

struct virtio_pci;

/* Takes dev on success. host is copied, and what it points to outlives this. Loop thread. */
int virtio_pci_create(const struct virtio_pci_host *host, struct virtio_device *dev,
		      struct virtio_pci **out, struct err *err);
void virtio_pci_destroy(struct virtio_pci *p); /* NULL allowed */

/* Configuration space, 256 bytes. len is 1, 2 or 4, and at + len <= 256. */
uint32_t virtio_pci_config_read(struct virtio_pci *p, unsigned at, unsigned len);
void virtio_pci_config_write(struct virtio_pci *p, unsigned at, unsigned len, uint32_t value);

/* Where the BAR is mapped; false: it is not. */
bool virtio_pci_where(const struct virtio_pci *p, uint64_t *gpa);
void virtio_pci_read(struct virtio_pci *p, uint32_t at, void *to, uint32_t len);
void virtio_pci_write(struct virtio_pci *p, uint32_t at, const void *from, uint32_t len);

/* As firmware does before the guest starts: the BAR's address, decoding on. */
void virtio_pci_place(struct virtio_pci *p, uint32_t gpa);
/* The function is one of several of its slot. */
void virtio_pci_multifunction(struct virtio_pci *p);

/* What the driver and the guest made of the function and its device, in plain structs. Under the
 * machine's lock, while no CPU runs and nothing works on the queues. -ENOTSUP: the device cannot be
 * saved; -EBUSY: not before its reset is over. */
int virtio_pci_save(const struct virtio_pci *p, struct buf *out, struct err *err);
/* Into one that is as new, of the same device. Rings are looked for in the guest's memory,
 * which is loaded already. What is read is not trusted; after an error only
 * virtio_pci_destroy() is allowed. */
int virtio_pci_load(struct virtio_pci *p, struct rd *in, struct err *err);

#endif
