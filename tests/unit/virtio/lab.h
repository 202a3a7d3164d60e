/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TESTS_UNIT_VIRTIO_LAB_H
#define TESTS_UNIT_VIRTIO_LAB_H

/* A device on its transport without a machine: the guest is driver.h and accesses to the BAR, kicks
 * go to the BAR, and interrupts are counted. Also for tests/fuzz. */

#include "tests/unit/virtio/driver.h"
#include "virtio/devices.h"
#include "virtio/pci.h"

#include <linux/virtio_config.h>
#include <linux/virtio_ring.h>

enum { LAB_MSIS = 32, LAB_SENT_MAX = 65536 };

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
	unsigned msis[LAB_MSIS]; /* messages, by the last bits of what they say */
	int attached[LAB_MSIS];	 /* descriptors; -1: free */
	uint32_t attached_as[LAB_MSIS];
	unsigned host_calls; /* each a call of the kernel's that waits */
	/* what stands behind the devices */
	char dir[64], local[96], peer[96], vhost[96];
	int peer_fd; /* of the relay's peer, or a packet socket on the tap */
	uint8_t sent[LAB_SENT_MAX]; /* by the guest, over the console's port */
	size_t sent_len, room;
	unsigned port_ready;
	size_t given_back; /* bytes, by the balloon */
	void (*turn)(struct lab *l);	  /* after each turn of the loop; NULL: nothing */
	void (*port_said)(struct lab *l); /* while it is taken from the guest; NULL: nothing */
};

/* Leaves the host's network, so that there can be a tap; false: that is not allowed here. Once, before
 * anything else. */
bool lab_alone(void);
#define LAB_TAP_NAME "lab0"
/* What the tap says comes to a packet socket. */
void lab_hear_tap(struct lab *l);
enum { LAB_PAIRS = 4 };

void lab_init(struct lab *l);
void lab_fini(struct lab *l);

/* NICs with four pairs of queues but for LAB_NET. The tap is in a network namespace of its own; nobody
 * listens on the path of vhost-user yet. */
enum lab_device { LAB_RNG, LAB_CONSOLE, LAB_BLOCK, LAB_OVERLAY, LAB_BALLOON,
		  LAB_NET, LAB_RELAY, LAB_TAP, LAB_VHOST, LAB_DEVICES };

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
/* A frame from outside, and one from the guest: its length, or -1: there is none. */
void lab_send(struct lab *l, enum lab_device which, const void *frame, size_t len);
ssize_t lab_recv(struct lab *l, void *frame, size_t len);
/* Features of the rings in this turn of a test, which are for it to add to the device's; set-ups of
 * turns; and struct CMUnitTest tests[] on both kinds of rings: how many failed. */
extern uint64_t lab_ring;
int lab_split(void **state);
int lab_split_events(void **state);
int lab_packed(void **state);
static inline bool lab_is_packed(void)
{
	return lab_ring >> VIRTIO_F_RING_PACKED & 1;
}
#define LAB_BOTH_RINGS(tests)                                                                      \
	(cmocka_run_group_tests_name("split", tests, lab_split, NULL) +                            \
	 cmocka_run_group_tests_name("packed", tests, lab_packed, NULL))
/* Interrupts of a queue, or LAB_CONFIG, since the last call. */
unsigned lab_interrupts(struct lab *l, unsigned queue);
enum { LAB_CONFIG = VIRTIO_QUEUES_MAX };
#define LAB_MESSAGE(vector) (0x4000u + (vector))

#endif
