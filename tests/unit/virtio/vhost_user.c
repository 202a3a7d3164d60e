/* SPDX-License-Identifier: Apache-2.0 */
/* A NIC that another process serves: what that is told, that frames go through it, and that it may die
 * at any time. */
#include "tests/unit/test.h"
#include "tests/unit/virtio/vhost_lab.h"

#include <linux/pci_regs.h>
#include <linux/virtio_config.h>
#include <linux/virtio_net.h>
#include <linux/virtio_pci.h>
#include <linux/virtio_ring.h>
#include <string.h>
#include <sys/eventfd.h>

enum { CONTROL = 2 * LAB_PAIRS };

static void frames(void **state)
{
	start();
	assert_int_equal(b.mtu, 1500);
	assert_int_equal(b.driver_features & BIT(VIRTIO_NET_F_MAC), 0); /* not the back end's affair */
	assert_true(b.driver_features & BIT(VIRTIO_NET_F_MQ));
	assert_int_equal(!!(b.driver_features & BIT(VIRTIO_F_RING_PACKED)), lab_is_packed());
	assert_int_equal(b.seen[VU_SET_INFLIGHT_FD], 1);
	for (unsigned i = 0; i < 100; i++)
		echoes(0, (uint8_t)i);
	assert_false(b.ring[2].on);
}

static void control(uint16_t pairs)
{
	struct buffer c[] = { { BUFFERS + 0x7000, 4, false }, { BUFFERS + 0x7010, 1, true } };
	const uint8_t command[] = { VIRTIO_NET_CTRL_MQ, VIRTIO_NET_CTRL_MQ_VQ_PAIRS_SET, (uint8_t)pairs, 0 };

	memcpy(l.ram.host + BUFFERS + 0x7000, command, sizeof(command));
	l.ram.host[BUFFERS + 0x7010] = 0xff;
	assert_true(driver_add(&l.queue[CONTROL], c, 2, 0) >= 0);
	lab_kick(&l, CONTROL);
	assert_true(driver_get(&l.queue[CONTROL], &written) >= 0);
	assert_int_equal(l.ram.host[BUFFERS + 0x7010], VIRTIO_NET_OK);
}

static bool all_on(void)
{
	return b.ring[2 * LAB_PAIRS - 1].on;
}

static bool one_on(void)
{
	return !b.ring[2].on && !b.ring[2 * LAB_PAIRS - 1].on;
}

static void several_pairs(void **state)
{
	start();
	control(LAB_PAIRS);
	assert_true(until(all_on));
	for (unsigned i = 0; i < 5 * LAB_PAIRS; i++)
		echoes(i % LAB_PAIRS, (uint8_t)i);
	backend_die(&b); /* another one knows of them as well */
	assert_true(until(not_linked));
	backend_listen(&b);
	assert_true(until(linked));
	assert_true(all_on());
	for (unsigned i = 0; i < LAB_PAIRS; i++)
		echoes(i, (uint8_t)i);
	control(1);
	assert_true(until(one_on));
	echoes(0, 1);
}

/* Whatever it was about to do when it died, nothing is stuck: what it had taken is taken again. */
static void back_end_dies(void **state)
{
	eventfd_t kicks;

	start();
	for (unsigned i = 0; i < 100; i++) {
		echoes(0, (uint8_t)i);
		of_pair = 0;
		b.leaves_taken = i % 3 == 1;
		give(0);
		if (i % 3) {
			send_frame(0, 7);
			backend_run(&b);
		}
		backend_die(&b);
		assert_true(until(not_linked));
		if (i % 3 == 0)
			send_frame(0, 7); /* waits for the next */
		b.leaves_taken = false;
		lab_interrupts(&l, LAB_CONFIG);
		lab_interrupts(&l, 1);
		eventfd_read(l.dev->kick_fd[1], &kicks);
		b.quiet = true;
		backend_listen(&b);
		assert_true(until(linked));
		assert_int_equal(lab_interrupts(&l, LAB_CONFIG), 1);
		assert_int_equal(lab_interrupts(&l, 1), 1); /* both look, in case they were not told */
		assert_int_equal(eventfd_read(l.dev->kick_fd[1], &kicks), 0);
		b.quiet = false;
		assert_true(until(came));
		assert_true(until(went));
	}
	assert_int_equal(virtio_net_stats(l.dev).peer_lost, 100);
	assert_int_equal(virtio_net_stats(l.dev).peer_refused, 0);
	assert_int_equal(lab_read(&l, VIRTIO_PCI_COMMON_STATUS, 1), 15);
}

static bool none_on(void)
{
	return !b.ring[0].on && !b.ring[1].on;
}

static bool told(void)
{
	return b.ring[1].started && b.seen[VU_GET_FEATURES] == 2;
}

static void carrier(void **state)
{
	assert_false(linked()); /* nobody listens */
	start();
	lab_interrupts(&l, LAB_CONFIG);
	virtio_net_carrier(l.dev, false);
	assert_false(linked());
	assert_int_equal(lab_interrupts(&l, LAB_CONFIG), 1);
	assert_int_equal(lab_read(&l, 0x2006, 2), 0);
	assert_true(until(none_on));
	backend_die(&b);
	backend_listen(&b);
	assert_true(until(told));
	assert_false(b.ring[0].on); /* nor has the next one leave to serve it */
	virtio_net_carrier(l.dev, true);
	assert_true(until(served));
	echoes(0, 1);
}

/* The driver sees its reset over when the back end has given the rings back, or is gone. */
static void surprise_reset(void **state)
{
	start();
	for (unsigned i = 0; i < 50; i++) {
		echoes(0, (uint8_t)i);
		give(0);
		send_frame(0, 7);
		lab_write(&l, VIRTIO_PCI_COMMON_STATUS, 1, 0);
		assert_false(reset_over());
		lab_write(&l, VIRTIO_PCI_COMMON_STATUS, 1, 1); /* it does not wait: not heard */
		if (i % 5 == 4) {
			backend_die(&b);
			backend_listen(&b);
		}
		start_driver();
		if (i % 7 == 6) { /* in the middle of the setup */
			lab_write(&l, VIRTIO_PCI_COMMON_STATUS, 1, 0);
			start_driver();
		}
		assert_true(until(served));
	}
	echoes(0, 1);
	assert_int_equal(virtio_net_stats(l.dev).peer_refused, 0);
}

static void masked(void **state)
{
	unsigned at = virtio_pci_config_read(l.pci, PCI_CAPABILITY_LIST, 1);

	start();
	echoes(0, 1);
	while (virtio_pci_config_read(l.pci, at, 1) != PCI_CAP_ID_MSIX)
		at = virtio_pci_config_read(l.pci, at + 1, 1);
	lab_interrupts(&l, 0);
	lab_write(&l, 0x4000 + 12, 4, 1);
	of_pair = 0;
	give(0);
	send_frame(0, 2);
	assert_true(until(came));
	assert_int_equal(lab_interrupts(&l, 0), 0);
	assert_int_equal(lab_read(&l, 0x5000, 4) & 1, 1); /* pending */
	lab_write(&l, 0x4000 + 12, 4, 0);
	assert_int_equal(lab_read(&l, 0x5000, 4) & 1, 0);
	lab_loop(&l);
	assert_int_equal(lab_interrupts(&l, 0), 1);
	virtio_pci_config_write(l.pci, at + PCI_MSIX_FLAGS, 2, 0); /* all of them */
	give(0);
	send_frame(0, 3);
	assert_true(until(came));
	assert_int_equal(lab_interrupts(&l, 0), 0);
	virtio_pci_config_write(l.pci, at + PCI_MSIX_FLAGS, 2, PCI_MSIX_FLAGS_ENABLE);
	lab_loop(&l);
	assert_int_equal(lab_interrupts(&l, 0), 1);
}

static bool by_the_kernel(void)
{
	return l.attached[0] >= 0 && l.attached[1] >= 0;
}

/* A driver that masks, and changes messages, as fast as it can: the machine asks nothing of the kernel but
 * to take back what is wrong, and interrupts come all the same. */
static void short_cuts(void **state)
{
	unsigned calls;

	start();
	for (unsigned round = 0; round < 2; round++) {
		assert_true(until(by_the_kernel));
		echoes(0, 1);
		calls = l.host_calls;
		for (unsigned i = 0; i < 10000; i++) {
			lab_write(&l, 0x4000 + 12, 4, 1);
			lab_write(&l, 0x4000 + 8, 4, LAB_MESSAGE(i % 2 ? 0 : 30));
			lab_write(&l, 0x4000 + 12, 4, 0);
		}
		assert_int_equal(l.host_calls - calls, 1);
		assert_false(by_the_kernel());
		echoes(0, 2);
	}
	assert_true(until(by_the_kernel));
	echoes(0, 3);
	lab_loop(&l);
	assert_int_equal(lab_interrupts(&l, 30), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		ALONE(frames),
		ALONE(several_pairs),
		ALONE(back_end_dies),
		ALONE(carrier),
		ALONE(surprise_reset),
		ALONE(masked),
		ALONE(short_cuts),
	};

	return LAB_BOTH_RINGS(tests);
}
