/* SPDX-License-Identifier: Apache-2.0 */
/* The NIC as its driver uses it, attached to a relay and to a tap, with one pair of queues and with
 * several, on split and on packed rings. */
#include "tests/unit/virtio/device.h"
#include "virtio/net_priv.h"

#include <arpa/inet.h>
#include <linux/if_ether.h>
#include <string.h>

#define BIT(n)	 (1ull << (n))
#define SINGLE	 (BIT(VIRTIO_NET_F_MAC) | BIT(VIRTIO_NET_F_STATUS))
#define MULTIPLE (SINGLE | BIT(VIRTIO_NET_F_MQ) | BIT(VIRTIO_NET_F_CTRL_VQ))

enum { HEADER = NET_HEADER, CONTROL = 2 * LAB_PAIRS };

static bool alone;
static enum lab_device kind; /* of this turn, with several pairs */

static void give(unsigned pair, uint32_t len)
{
	offer(net_rx(pair), BUFFERS + pair * 0x1000, len, true);
	lab_kick(&l, net_rx(pair));
	lab_loop(&l);
}

static void to_guest(size_t len)
{
	uint8_t frame[2000];

	memset(frame, 0x5a, sizeof(frame));
	lab_send(&l, LAB_NET, frame, len);
	lab_loop(&l);
}

static void receive(void **state)
{
	start(LAB_NET, SINGLE);
	assert_int_equal(lab_read(&l, 0x2000, 4), 2);
	assert_int_equal(lab_read(&l, 0x200a, 2), 1500);
	to_guest(60); /* waits in the socket */
	assert_true(idle(0));
	give(0, 1600);
	assert_int_equal(done(0), HEADER + 60);
	assert_int_equal(*memory(BUFFERS + HEADER), 0x5a);
	assert_int_equal(*memory(BUFFERS + 10), 1); /* num_buffers */
	give(0, 100);
	to_guest(1500); /* too long: the buffer stays for the next */
	to_guest(88);
	assert_int_equal(done(0), 100);
	assert_int_equal(virtio_net_stats(l.dev).rx_too_long, 1);
	give(0, 100);
	virtio_net_carrier(l.dev, false);
	assert_int_equal(lab_interrupts(&l, LAB_CONFIG), 1);
	assert_int_equal(lab_read(&l, 0x2006, 2), 0);
	to_guest(60);
	assert_true(idle(0));
	assert_int_equal(virtio_net_stats(l.dev).rx_no_carrier, 1);
	virtio_net_carrier(l.dev, true);
	to_guest(61);
	assert_int_equal(done(0), HEADER + 61);
	lab_fini(&l);
}

static void from_guest(uint32_t len)
{
	offer(1, BUFFERS, len, false);
	lab_kick(&l, 1);
	done(1);
}

static void transmit(void **state)
{
	uint8_t frame[2000];

	start(LAB_NET, SINGLE);
	memset(memory(BUFFERS), 0xa5, 2000);
	from_guest(HEADER + 60);
	assert_int_equal(lab_recv(&l, frame, sizeof(frame)), 60);
	assert_int_equal(frame[0], 0xa5);
	from_guest(HEADER + 13);
	from_guest(4);
	assert_int_equal(virtio_net_stats(l.dev).tx_malformed, 2);
	for (unsigned i = 0; i < 5000 && !virtio_net_stats(l.dev).tx_peer_full; i++)
		from_guest(HEADER + 1500);
	assert_int_equal(virtio_net_stats(l.dev).tx_peer_full, 1);
	virtio_net_carrier(l.dev, false);
	from_guest(HEADER + 60);
	assert_int_equal(virtio_net_stats(l.dev).tx_no_carrier, 1);
	lab_fini(&l);
}

/* A UDP datagram of flow n, in one direction or the other. */
static size_t frame_of(unsigned n, bool back, uint8_t *frame)
{
	uint16_t ports[2] = { htons((uint16_t)(1000 + n)), htons(53) };
	const uint8_t head[] = { 2, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, 1, 8, 0, 0x45, 0, 0, 46, 0, 0, 0, 0, 64, 17,
				 0, 0, 10, 0, 0, back ? 2 : 1, 10, 0, 0, back ? 1 : 2 };

	memset(frame, 0, 60);
	memcpy(frame, head, sizeof(head));
	memcpy(frame + 34, &ports[back], 2);
	memcpy(frame + 36, &ports[!back], 2);
	return 60;
}

/* The status with which the device answers. */
static uint8_t set_pairs(uint16_t pairs)
{
	struct buffer b[] = { { BUFFERS, 4, false }, { BUFFERS + 16, 1, true } };

	memcpy(memory(BUFFERS), (uint8_t[]){ VIRTIO_NET_CTRL_MQ, VIRTIO_NET_CTRL_MQ_VQ_PAIRS_SET,
					     (uint8_t)pairs, (uint8_t)(pairs >> 8) }, 4);
	*memory(BUFFERS + 16) = 0xff;
	assert_true(driver_add(&l.queue[CONTROL], b, 2, 0) >= 0);
	lab_kick(&l, CONTROL);
	assert_int_equal(done(CONTROL), 1);
	return *memory(BUFFERS + 16);
}

static void send_on(unsigned pair, unsigned flow)
{
	memset(memory(BUFFERS + 0x8000), 0, HEADER);
	offer(net_tx(pair), BUFFERS + 0x8000, HEADER + (uint32_t)frame_of(flow, false,
			   memory(BUFFERS + 0x8000 + HEADER)), false);
	lab_kick(&l, net_tx(pair));
	done(net_tx(pair));
}

/* The pair on which an answer of this flow came. */
static unsigned answer_on(unsigned flow)
{
	uint8_t frame[60];
	unsigned pair;

	lab_send(&l, kind, frame, frame_of(flow, true, frame));
	lab_loop(&l);
	for (pair = 0; pair < LAB_PAIRS && idle(net_rx(pair)); pair++)
		;
	assert_true(pair < LAB_PAIRS);
	assert_memory_equal(memory(BUFFERS + pair * 0x1000 + HEADER), frame, 60);
	give(pair, 1600);
	return pair;
}

/* The device's other end as it is now: nothing of before. */
static void drain(void)
{
	uint8_t frame[2000];

	while (lab_recv(&l, frame, sizeof(frame)) >= 0)
		;
}

static void several_pairs(void **state)
{
	uint8_t frame[60], got[2000];

	if (kind == LAB_TAP && !alone)
		skip();
	start(kind, MULTIPLE);
	assert_int_equal(lab_read(&l, 0x2008, 2), LAB_PAIRS);
	assert_int_equal(virtio_net_status(l.dev).pairs, 1);
	for (unsigned i = 0; i < LAB_PAIRS; i++)
		give(i, 1600);
	assert_int_equal(answer_on(7), 0);
	assert_int_equal(set_pairs(0), VIRTIO_NET_ERR);
	assert_int_equal(set_pairs(LAB_PAIRS + 1), VIRTIO_NET_ERR);
	assert_int_equal(set_pairs(LAB_PAIRS), VIRTIO_NET_OK);
	assert_int_equal(virtio_net_status(l.dev).pairs, LAB_PAIRS);
	drain();
	for (unsigned i = 0; i < 3 * LAB_PAIRS; i++) { /* an answer comes where the question went */
		send_on(i % LAB_PAIRS, i);
		frame_of(i, false, frame);
		assert_int_equal(lab_recv(&l, got, sizeof(got)), 60);
		assert_memory_equal(got, frame, 60);
		assert_int_equal(answer_on(i), i % LAB_PAIRS);
		drain();
	}
	assert_int_equal(set_pairs(1), VIRTIO_NET_OK);
	for (unsigned i = 0; i < 3 * LAB_PAIRS; i++)
		assert_int_equal(answer_on(i), 0);
	lab_start(&l, BIT(VIRTIO_F_VERSION_1) | lab_ring | MULTIPLE, 16); /* in the middle of it */
	assert_int_equal(virtio_net_status(l.dev).pairs, 1);
	give(0, 1600);
	assert_int_equal(answer_on(3), 0);
	lab_fini(&l);
}

/* It goes on after it was saved, over the rings' ends, with a chain a pair that it holds: as many
 * pairs, and each flow on its own. Of a tap flows are the kernel's, which forgets them. */
static void reborn(void **state)
{
	if (kind == LAB_TAP && !alone)
		skip();
	start(kind, MULTIPLE);
	assert_int_equal(set_pairs(LAB_PAIRS), VIRTIO_NET_OK);
	for (unsigned i = 0; i < LAB_PAIRS; i++)
		give(i, 1600);
	for (unsigned i = 0; i < 40; i++) {
		unsigned flow = i % 7, pair = (flow + 1) % LAB_PAIRS;

		send_on(pair, flow);
		if (kind == LAB_RELAY)
			lab_reborn(&l);
		assert_int_equal(answer_on(flow), pair);
		drain();
		lab_reborn(&l);
		assert_int_equal(virtio_net_status(l.dev).pairs, LAB_PAIRS);
		assert_int_equal(virtio_net_stats(l.dev).tx_frames, i + 1);
		assert_int_equal(virtio_net_stats(l.dev).rx_frames, i + 1);
	}
	lab_fini(&l);
}

/* As another NIC than it was it does not go on; the link may be another one, which the driver is
 * told. */
static void reborn_as_another(void **state)
{
	struct buf bytes = { 0 };
	struct rd in;

	start(LAB_RELAY, MULTIPLE);
	assert_int_equal(set_pairs(2), VIRTIO_NET_OK);
	virtio_net_carrier(l.dev, false);
	assert_int_equal(virtio_pci_save(l.pci, &bytes, NULL), 0);
	for (unsigned pairs = 0; pairs < 9; pairs++) {
		/* the state ends with their number, flows and counters */
		size_t at = bytes.len - sizeof(struct virtio_net_stats) - NET_FLOWS - 2;

		memcpy(bytes.data + at, (uint8_t[]){ (uint8_t)pairs, 0 }, 2);
		lab_unmake(&l);
		lab_make(&l, LAB_RELAY);
		in = rd_of(bytes.data, bytes.len);
		assert_int_equal(virtio_pci_load(l.pci, &in, NULL) == 0,
				 pairs >= 1 && pairs <= LAB_PAIRS);
	}
	lab_unmake(&l);
	lab_make(&l, LAB_NET);
	in = rd_of(bytes.data, bytes.len);
	assert_true(virtio_pci_load(l.pci, &in, NULL) < 0);
	buf_free(&bytes);
	lab_unmake(&l);
	lab_make(&l, LAB_RELAY);
	lab_start(&l, BIT(VIRTIO_F_VERSION_1) | lab_ring | MULTIPLE, 16);
	virtio_net_carrier(l.dev, false);
	lab_interrupts(&l, LAB_CONFIG);
	lab_reborn(&l); /* with carrier */
	assert_int_equal(lab_interrupts(&l, LAB_CONFIG), 1);
	assert_true(virtio_net_status(l.dev).link);
	lab_fini(&l);
}

/* A reset while frames come and go: afterwards both ways work, each time. */
static void surprise_reset(void **state)
{
	uint8_t frame[60];

	if (kind == LAB_TAP && !alone)
		skip();
	lab_init(&l);
	lab_make(&l, kind);
	for (unsigned round = 0; round < 50; round++) {
		lab_start(&l, BIT(VIRTIO_F_VERSION_1) | lab_ring | MULTIPLE, 16);
		set_pairs((uint16_t)(1 + round % LAB_PAIRS));
		for (unsigned i = 0; i < 10; i++)
			lab_send(&l, kind, frame, frame_of(i, true, frame));
		for (unsigned i = 0; i < LAB_PAIRS; i++) {
			give(i, 1600);
			send_on(i, i);
		}
	}
	lab_start(&l, BIT(VIRTIO_F_VERSION_1) | lab_ring | MULTIPLE, 16);
	for (unsigned i = 0; i < 1000; i++) { /* what had been waiting */
		give(0, 1600);
		if (idle(0))
			break;
	}
	drain();
	send_on(0, 1);
	assert_true(lab_recv(&l, frame, sizeof(frame)) == 60);
	assert_int_equal(answer_on(1), 0);
	lab_fini(&l);
}

/* A segment for the host to cut (here: to take whole), and one that the tap cut off. */
static void tap_offloads(void **state)
{
	const uint64_t features = SINGLE | BIT(VIRTIO_NET_F_CSUM) | BIT(VIRTIO_NET_F_GUEST_CSUM);
	struct virtio_net_hdr_v1 *h;
	uint8_t frame[2000];

	if (!alone)
		skip();
	start(LAB_TAP, features);
	h = (void *)memory(BUFFERS + 0x8000);
	*h = (struct virtio_net_hdr_v1){ .flags = VIRTIO_NET_HDR_F_NEEDS_CSUM, .csum_start = 34,
					 .csum_offset = 6 };
	frame_of(1, false, memory(BUFFERS + 0x8000 + HEADER));
	offer(1, BUFFERS + 0x8000, HEADER + 60, false);
	lab_kick(&l, 1);
	done(1);
	assert_int_equal(lab_recv(&l, frame, sizeof(frame)), 60);
	h->csum_start = 5000; /* beyond the frame: the kernel refuses it */
	offer(1, BUFFERS + 0x8000, HEADER + 60, false);
	lab_kick(&l, 1);
	done(1);
	assert_int_equal(virtio_net_stats(l.dev).tx_malformed, 1);
	give(0, HEADER + 59);
	lab_send(&l, LAB_TAP, frame, frame_of(1, true, frame));
	lab_loop(&l);
	assert_true(idle(0));
	assert_int_equal(virtio_net_stats(l.dev).rx_too_long, 1);
	lab_fini(&l);
}

static int on_relay(void **state)
{
	kind = LAB_RELAY;
	return 0;
}

static int on_tap(void **state)
{
	kind = LAB_TAP;
	return 0;
}

#define ON(where, test) { #test " (" #where ")", test, on_##where, NULL, NULL }

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(receive),   cmocka_unit_test(transmit), ON(relay, several_pairs),
		ON(relay, surprise_reset),   ON(tap, several_pairs),	  ON(tap, surprise_reset),
		cmocka_unit_test(tap_offloads), ON(relay, reborn),	  ON(tap, reborn),
		cmocka_unit_test(reborn_as_another),
	};

	alone = lab_alone();
	return LAB_BOTH_RINGS(tests);
}
