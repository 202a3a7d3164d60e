/* SPDX-License-Identifier: Apache-2.0 */
/* Back ends that do not suit: they are left, and a good one is taken after them. */
#include "tests/unit/test.h"
#include "tests/unit/virtio/vhost_lab.h"

#include <linux/virtio_config.h>
#include <linux/virtio_net.h>
#include <linux/virtio_pci.h>
#include <linux/virtio_ring.h>

/* What a driver is offered is what the back end has, if there is one. */
static void offers(void **state)
{
	uint64_t all = BIT(VIRTIO_NET_F_MRG_RXBUF) | BIT(VIRTIO_NET_F_CSUM);

	assert_int_equal(l.dev->offered & all, 0);
	assert_true(l.dev->withheld & BIT(VIRTIO_F_RING_PACKED));
	backend_listen(&b);
	assert_true(until(linked));
	assert_int_equal(l.dev->offered & all, BIT(VIRTIO_NET_F_MRG_RXBUF));
	assert_int_equal(l.dev->withheld, 0);
	backend_die(&b);
	b.protocol &= ~BIT(VU_P_INFLIGHT); /* so a packed ring would be lost with it */
	assert_true(until(not_linked));
	backend_listen(&b);
	assert_true(until(linked));
	assert_int_equal(l.dev->withheld, BIT(VIRTIO_F_RING_PACKED));
}

/* It comes back with less than the driver has: the link stays down until it is another one. */
static void comes_back_with_less(void **state)
{
	uint64_t features = b.features, protocol = b.protocol;

	start();
	backend_die(&b);
	b.features &= ~BIT(VIRTIO_NET_F_MQ);
	backend_listen(&b);
	assert_true(until(refused));
	assert_false(linked());
	b.features = features;
	b.protocol &= ~BIT(VU_P_INFLIGHT);
	if (!lab_is_packed()) { /* which a split ring can do without */
		assert_true(until(served));
		echoes(0, 1);
	}
	b.protocol = protocol;
	backend_die(&b);
	backend_listen(&b);
	assert_true(until(served));
	echoes(0, 2);
}

static void no_acks(void **state)
{
	b.protocol = BIT(VU_P_MQ) | BIT(VU_P_INFLIGHT);
	start();
	echoes(0, 1);
}

/* Each is left, and a good one is taken after it. */
static void refusals(void **state)
{
	const struct backend good = b;
	struct backend bad[8] = { b, b, b, b, b, b, b, b };

	bad[0].features &= ~BIT(VIRTIO_F_VERSION_1);
	bad[1].features &= ~BIT(VU_F_PROTOCOL_FEATURES);
	bad[2].pairs = LAB_PAIRS - 1;
	bad[3].protocol &= ~BIT(VU_P_MQ);
	bad[4].refuses = VU_SET_OWNER;
	bad[5].refuses = VU_SET_VRING_ADDR;
	bad[6].refuses = VU_SET_MEM_TABLE;
	bad[7].bad_area = true;
	start();
	for (unsigned i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		refused_before = virtio_net_stats(l.dev).peer_refused;
		backend_die(&b);
		assert_true(until(not_linked));
		if (i == 7) /* it is asked for one after a reset */
			start_driver();
		b = bad[i];
		backend_listen(&b);
		assert_true(until(refused));
		assert_false(linked());
		backend_die(&b);
		b = good;
		backend_listen(&b);
		assert_true(until(served));
		echoes(0, 1);
	}
}

/* The driver is not held up by one that does not answer: after some seconds it is left. */
static void mute(void **state)
{
	start();
	b.mute = VU_GET_VRING_BASE;
	lab_write(&l, VIRTIO_PCI_COMMON_STATUS, 1, 0);
	assert_false(reset_over());
	assert_true(until(reset_over));
	assert_true(refused());
	b.mute = 0;
	start_driver();
	assert_true(until(served));
	echoes(0, 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		ALONE(offers),
		ALONE(comes_back_with_less),
		ALONE(no_acks),
		ALONE(refusals),
		ALONE(mute),
	};

	return LAB_BOTH_RINGS(tests);
}
