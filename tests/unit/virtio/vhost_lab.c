/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/test.h"
#include "tests/unit/virtio/vhost_lab.h"

#include <event2/event.h>
#include <linux/virtio_config.h>
#include <linux/virtio_net.h>
#include <linux/virtio_pci.h>
#include <linux/virtio_ring.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define FEATURES                                                                                   \
	(BIT(VIRTIO_F_VERSION_1) | BIT(VIRTIO_NET_F_MAC) | BIT(VIRTIO_NET_F_STATUS) |              \
	 BIT(VIRTIO_NET_F_MTU) | BIT(VIRTIO_NET_F_MQ) | BIT(VIRTIO_NET_F_CTRL_VQ))

enum { PATIENCE_S = 20 };

struct lab l;
struct backend b;

bool until(bool (*true_now)(void))
{
	struct timespec start, now;
	bool busy;

	clock_gettime(CLOCK_MONOTONIC, &start);
	do {
		event_base_loop(l.base, EVLOOP_NONBLOCK);
		busy = backend_run(&b);
		if (true_now())
			return true;
		if (!busy)
			usleep(100);
		clock_gettime(CLOCK_MONOTONIC, &now);
	} while (now.tv_sec - start.tv_sec < PATIENCE_S);
	return false;
}

bool linked(void)
{
	return virtio_net_status(l.dev).link;
}

bool not_linked(void)
{
	return !linked();
}

bool served(void)
{
	return linked() && b.ring[0].on && b.ring[1].on;
}

uint64_t refused_before;

bool refused(void)
{
	return virtio_net_stats(l.dev).peer_refused > refused_before;
}

bool reset_over(void)
{
	return !lab_read(&l, VIRTIO_PCI_COMMON_STATUS, 1);
}

void start_driver(void)
{
	lab_write(&l, VIRTIO_PCI_COMMON_STATUS, 1, 0);
	assert_true(until(reset_over));
	lab_start(&l, FEATURES | lab_ring, 16);
	assert_int_equal(lab_read(&l, VIRTIO_PCI_COMMON_STATUS, 1), 15);
}

int set_up(void **state)
{
	lab_init(&l);
	backend_init(&b, l.vhost);
	lab_make(&l, LAB_VHOST);
	refused_before = 0;
	return 0;
}

int tear_down(void **state)
{
	lab_unmake(&l);
	backend_die(&b);
	lab_fini(&l);
	return 0;
}

void start(void)
{
	backend_listen(&b);
	assert_true(until(linked));
	start_driver();
	assert_true(until(served));
}

void give(unsigned pair)
{
	struct buffer rx = { BUFFERS + 0x1000 * pair, 1600, true };

	assert_true(driver_add(&l.queue[net_rx(pair)], &rx, 1, 0) >= 0);
}

void send_frame(unsigned pair, uint8_t what)
{
	struct buffer tx = { BUFFERS + 0x8000 + 0x100 * what, HEADER + FRAME, false };

	memset(l.ram.host + tx.gpa, what, HEADER + FRAME);
	assert_true(driver_add(&l.queue[net_tx(pair)], &tx, 1, 0) >= 0);
	lab_kick(&l, net_tx(pair));
}

unsigned of_pair;
uint32_t written;

bool came(void)
{
	return driver_get(&l.queue[net_rx(of_pair)], &written) >= 0;
}

bool went(void)
{
	return driver_get(&l.queue[net_tx(of_pair)], &written) >= 0;
}

void echoes(unsigned pair, uint8_t what)
{
	of_pair = pair;
	give(pair);
	send_frame(pair, what);
	assert_true(until(came));
	assert_int_equal(written, HEADER + FRAME);
	assert_int_equal(l.ram.host[BUFFERS + 0x1000 * pair + HEADER], what);
	assert_true(until(went));
	lab_loop(&l);
	assert_true(lab_interrupts(&l, net_rx(pair)) > 0);
}
