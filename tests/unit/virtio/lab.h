/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TESTS_UNIT_VIRTIO_LAB_H
#define TESTS_UNIT_VIRTIO_LAB_H

/* A device on its transport without a machine: the guest is driver.h and accesses to the BAR, kicks
 * go to the BAR, and interrupts are counted. Also for tests/fuzz. */

#include "tests/unit/virtio/driver.h"
#include "virtio/devices.h"
#include "virtio/pci.h"

enum { LAB_MSIS = 16, LAB_SENT_MAX = 65536 };

struct lab {
	struct event_base *base;
	pthread_mutex_t lock;
	struct ram ram;
	struct virtio_pci *pci;
	struct virtio_device *dev;
	unsigned which;
	struct driver queue[VIRTIO_QUEUES_MAX];
	/* what the transport asked of the machine */
	bool refuse_kicks;
	uint64_t kick_at[VIRTIO_QUEUES_MAX];
	unsigned kicks;
	int msi[LAB_MSIS]; /* descriptors; -1: free */
	uint32_t msi_data[LAB_MSIS];
	/* what stands behind the devices */
	char dir[64], local[96], peer[96];
	int peer_fd;
	uint8_t sent[LAB_SENT_MAX]; /* by the guest, over the console's port */
	size_t sent_len, room;
	unsigned port_ready;
	size_t given_back; /* bytes, by the balloon */
};

void lab_init(struct lab *l);
void lab_fini(struct lab *l);

enum lab_device { LAB_RNG, LAB_CONSOLE, LAB_BLOCK, LAB_NET, LAB_OVERLAY, LAB_BALLOON, LAB_DEVICES };

/* Makes the device and places it at LAB_BAR. */
void lab_make(struct lab *l, enum lab_device which);
void lab_unmake(struct lab *l);
/* Saves the device and goes on with another one that loads that. */
void lab_reborn(struct lab *l);
#define LAB_BAR 0xc0000000u

uint32_t lab_read(struct lab *l, uint32_t at, uint32_t len);
void lab_write(struct lab *l, uint32_t at, uint32_t len, uint32_t value);
/* As a driver does: reset, features, queues of `size`, MSI-X with one vector each, DRIVER_OK. */
void lab_start(struct lab *l, uint64_t features, uint16_t size);
void lab_kick(struct lab *l, unsigned queue); /* and lets the loop run */
void lab_loop(struct lab *l);
/* Interrupts of a queue, or LAB_CONFIG, since the last call. */
unsigned lab_interrupts(struct lab *l, unsigned queue);
enum { LAB_CONFIG = VIRTIO_QUEUES_MAX };
#define LAB_MESSAGE(vector) (0x4000u + (vector))

#endif
