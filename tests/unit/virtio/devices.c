/* SPDX-License-Identifier: Apache-2.0 */
/* Each device as its driver uses it, on split and on packed rings. */
#include "tests/unit/test.h"
#include "tests/unit/virtio/lab.h"

#include <linux/virtio_blk.h>
#include <linux/virtio_config.h>
#include <linux/virtio_console.h>
#include <linux/virtio_net.h>
#include <linux/virtio_ring.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>

#define V1     (1ull << VIRTIO_F_VERSION_1)
#define PACKED (1ull << VIRTIO_F_RING_PACKED)

static struct lab l;
static uint64_t ring; /* features of this turn */

static void start(enum lab_device which, uint64_t features)
{
	lab_init(&l);
	lab_make(&l, which);
	lab_start(&l, V1 | ring | features, 16);
}

static uint8_t *memory(uint64_t gpa)
{
	return l.ram.host + gpa;
}

static void offer(unsigned queue, uint64_t gpa, uint32_t len, bool writable)
{
	struct buffer b = { gpa, len, writable };

	assert_true(driver_add(&l.queue[queue], &b, 1, 0) >= 0);
}

static uint32_t done(unsigned queue)
{
	uint32_t written = 0;

	assert_true(driver_get(&l.queue[queue], &written) >= 0);
	return written;
}

static bool idle(unsigned queue)
{
	uint32_t written;

	return driver_get(&l.queue[queue], &written) < 0;
}

static void rng(void **state)
{
	static const uint8_t zero[64];

	start(LAB_RNG, 0);
	offer(0, BUFFERS, 64, true);
	offer(0, BUFFERS + 0x1000, 0x8000, true);
	lab_kick(&l, 0);
	assert_int_equal(done(0), 64);
	assert_memory_not_equal(memory(BUFFERS), zero, 64);
	assert_int_equal(done(0), 4096);
	lab_fini(&l);
}

static struct virtio_blk_outhdr *request(uint32_t type, uint64_t sector, uint32_t len)
{
	struct virtio_blk_outhdr *h = (void *)memory(BUFFERS);
	struct buffer b[] = { { BUFFERS, sizeof(*h), false }, { BUFFERS + 0x1000, len, true },
			      { BUFFERS + 0x800, 1, true } };

	*h = (struct virtio_blk_outhdr){ .type = type, .sector = sector };
	*memory(BUFFERS + 0x800) = 0xff;
	assert_true(driver_add(&l.queue[0], b, 3, 0) >= 0);
	lab_kick(&l, 0);
	return h;
}

static void block(void **state)
{
	start(LAB_BLOCK, 1ull << VIRTIO_BLK_F_RO);
	assert_int_equal(lab_read(&l, 0x2000, 4), 64);
	request(VIRTIO_BLK_T_IN, 7, 1024);
	assert_int_equal(done(0), 1025);
	assert_int_equal(*memory(BUFFERS + 0x800), VIRTIO_BLK_S_OK);
	assert_int_equal(*memory(BUFFERS + 0x1000), 7);
	assert_int_equal(*memory(BUFFERS + 0x1000 + 1023), 8);
	request(VIRTIO_BLK_T_IN, 63, 1024); /* past the end */
	assert_int_equal(done(0), 1);
	assert_int_equal(*memory(BUFFERS + 0x800), VIRTIO_BLK_S_IOERR);
	request(VIRTIO_BLK_T_IN, UINT64_MAX, 512);
	assert_int_equal(done(0), 1);
	assert_int_equal(*memory(BUFFERS + 0x800), VIRTIO_BLK_S_IOERR);
	request(VIRTIO_BLK_T_OUT, 0, 512);
	assert_int_equal(done(0), 1);
	assert_int_equal(*memory(BUFFERS + 0x800), VIRTIO_BLK_S_IOERR);
	request(VIRTIO_BLK_T_GET_ID, 0, 20);
	assert_int_equal(done(0), 21);
	assert_string_equal((char *)memory(BUFFERS + 0x1000), "lab");
	request(77, 0, 512);
	assert_int_equal(done(0), 1);
	assert_int_equal(*memory(BUFFERS + 0x800), VIRTIO_BLK_S_UNSUPP);
	lab_fini(&l);
}

/* Writes len bytes from BUFFERS + 0x2000 to a sector; returns the status. */
static uint8_t write_sectors(uint32_t type, uint64_t sector, uint32_t len)
{
	struct virtio_blk_outhdr *h = (void *)memory(BUFFERS);
	struct buffer b[] = { { BUFFERS, sizeof(*h), false }, { BUFFERS + 0x2000, len, false },
			      { BUFFERS + 0x800, 1, true } };

	*h = (struct virtio_blk_outhdr){ .type = type, .sector = sector };
	if (len)
		assert_true(driver_add(&l.queue[0], b, 3, 0) >= 0);
	else
		b[1] = b[2], assert_true(driver_add(&l.queue[0], b, 2, 0) >= 0);
	lab_kick(&l, 0);
	assert_int_equal(done(0), 1);
	return *memory(BUFFERS + 0x800);
}

static void block_written(void **state)
{
	start(LAB_OVERLAY, 1ull << VIRTIO_BLK_F_FLUSH);
	memset(memory(BUFFERS + 0x2000), 0xee, 1536);
	assert_int_equal(write_sectors(VIRTIO_BLK_T_OUT, 7, 1024), VIRTIO_BLK_S_OK);
	assert_int_equal(write_sectors(VIRTIO_BLK_T_OUT, 63, 512), VIRTIO_BLK_S_OK);
	assert_int_equal(write_sectors(VIRTIO_BLK_T_OUT, 63, 1024), VIRTIO_BLK_S_IOERR);
	assert_int_equal(write_sectors(VIRTIO_BLK_T_OUT, 0, 100), VIRTIO_BLK_S_IOERR);
	assert_int_equal(write_sectors(VIRTIO_BLK_T_OUT, UINT64_MAX, 512), VIRTIO_BLK_S_IOERR);
	assert_int_equal(write_sectors(VIRTIO_BLK_T_FLUSH, 0, 0), VIRTIO_BLK_S_OK);
	lab_reborn(&l); /* another one on the same file */
	request(VIRTIO_BLK_T_IN, 6, 4 * 512);
	assert_int_equal(done(0), 2049);
	for (unsigned i = 0; i < 4; i++) {
		static const uint8_t is[] = { 6, 0xee, 0xee, 9 };

		assert_int_equal(*memory(BUFFERS + 0x1000 + 512 * i), is[i]);
		assert_int_equal(*memory(BUFFERS + 0x1000 + 512 * i + 511), is[i]);
	}
	lab_fini(&l);
}

enum { CONTROL_RX = 2, CONTROL_TX, PORT_RX, PORT_TX };

static void say(uint32_t id, uint16_t event, uint16_t value)
{
	struct virtio_console_control m = { id, event, value };

	memcpy(memory(BUFFERS), &m, sizeof(m));
	offer(CONTROL_TX, BUFFERS, sizeof(m), false);
	lab_kick(&l, CONTROL_TX);
	done(CONTROL_TX);
}

static void expect(uint16_t event, uint16_t value, const char *text)
{
	struct virtio_console_control m;
	uint32_t len = done(CONTROL_RX);

	memcpy(&m, memory(BUFFERS + 0x100), sizeof(m));
	assert_int_equal(len, sizeof(m) + strlen(text));
	assert_int_equal(m.id, 1);
	assert_int_equal(m.event, event);
	assert_int_equal(m.value, value);
	assert_memory_equal(memory(BUFFERS + 0x100 + sizeof(m)), text, strlen(text));
}

static void give_control_buffer(void)
{
	offer(CONTROL_RX, BUFFERS + 0x100, 0x100, true);
	lab_kick(&l, CONTROL_RX);
}

static void open_port(void)
{
	give_control_buffer();
	say(UINT32_MAX, VIRTIO_CONSOLE_DEVICE_READY, 1);
	expect(VIRTIO_CONSOLE_PORT_ADD, 1, "");
	give_control_buffer();
	say(1, VIRTIO_CONSOLE_PORT_READY, 1);
	expect(VIRTIO_CONSOLE_PORT_NAME, 1, "lab.port");
	give_control_buffer();
	expect(VIRTIO_CONSOLE_PORT_OPEN, 0, "");
	virtio_console_open(l.dev, true);
	assert_true(idle(CONTROL_RX)); /* it waits for a buffer */
	give_control_buffer();
	expect(VIRTIO_CONSOLE_PORT_OPEN, 1, "");
	assert_int_equal(virtio_console_put(l.dev, "x", 1), 0); /* nobody listens */
	say(1, VIRTIO_CONSOLE_PORT_OPEN, 1);
	assert_int_equal(l.port_ready, 1);
}

static void console(void **state)
{
	start(LAB_CONSOLE, 1ull << VIRTIO_CONSOLE_F_MULTIPORT);
	open_port();
	assert_int_equal(virtio_console_put(l.dev, "hello", 5), 0); /* no buffers */
	offer(PORT_RX, BUFFERS + 0x200, 3, true);
	offer(PORT_RX, BUFFERS + 0x300, 16, true);
	assert_int_equal(virtio_console_put(l.dev, "hello", 5), 5);
	assert_int_equal(done(PORT_RX), 3);
	assert_int_equal(done(PORT_RX), 2);
	assert_memory_equal(memory(BUFFERS + 0x200), "hel", 3);
	assert_memory_equal(memory(BUFFERS + 0x300), "lo", 2);

	/* A host that does not take it holds the guest back, and nothing is lost or doubled. */
	memcpy(memory(BUFFERS + 0x400), "0123456789", 10);
	l.room = 4;
	offer(PORT_TX, BUFFERS + 0x400, 10, false);
	offer(PORT_TX, BUFFERS + 0x402, 8, false);
	lab_kick(&l, PORT_TX);
	assert_int_equal(l.sent_len, 4);
	assert_true(idle(PORT_TX));
	l.room = 2;
	virtio_console_drained(l.dev);
	assert_true(idle(PORT_TX));
	l.room = 100;
	virtio_console_drained(l.dev);
	done(PORT_TX);
	done(PORT_TX);
	assert_int_equal(l.sent_len, 18);
	assert_memory_equal(l.sent, "012345678923456789", 18);

	virtio_console_open(l.dev, false); /* without host it is gone */
	offer(PORT_TX, BUFFERS + 0x400, 10, false);
	lab_kick(&l, PORT_TX);
	done(PORT_TX);
	assert_int_equal(l.sent_len, 18);
	lab_fini(&l);
}

enum { HEADER = sizeof(struct virtio_net_hdr_v1) };

static void to_guest(size_t len)
{
	struct sockaddr_un sun = { .sun_family = AF_UNIX };
	uint8_t frame[2000];

	memset(frame, 0x5a, sizeof(frame));
	strcpy(sun.sun_path, l.local);
	assert_int_equal(sendto(l.peer_fd, frame, len, 0, (struct sockaddr *)&sun, sizeof(sun)), len);
	lab_loop(&l);
}

static void net_receive(void **state)
{
	start(LAB_NET, 1ull << VIRTIO_NET_F_MAC | 1ull << VIRTIO_NET_F_STATUS);
	assert_int_equal(lab_read(&l, 0x2000, 4), 2);
	to_guest(60); /* waits in the socket */
	assert_true(idle(0));
	offer(0, BUFFERS, 1600, true);
	lab_kick(&l, 0);
	lab_loop(&l);
	assert_int_equal(done(0), HEADER + 60);
	assert_int_equal(*memory(BUFFERS + HEADER), 0x5a);
	assert_int_equal(*memory(BUFFERS + 10), 1); /* num_buffers */
	offer(0, BUFFERS, 100, true);
	lab_kick(&l, 0);
	to_guest(1500); /* too long: the buffer stays for the next */
	to_guest(88);
	assert_int_equal(done(0), 100);
	assert_int_equal(virtio_net_stats(l.dev).rx_too_long, 1);
	offer(0, BUFFERS, 100, true);
	lab_kick(&l, 0);
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

static void net_transmit(void **state)
{
	uint8_t frame[2000];

	start(LAB_NET, 1ull << VIRTIO_NET_F_MAC | 1ull << VIRTIO_NET_F_STATUS);
	memset(memory(BUFFERS), 0xa5, 2000);
	from_guest(HEADER + 60);
	assert_int_equal(recv(l.peer_fd, frame, sizeof(frame), 0), 60);
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

/* Each goes on after it was saved, also with a chain that it holds, and with interrupts. */
static void reborn(void **state)
{
	start(LAB_RNG, 0);
	for (unsigned i = 0; i < 20; i++) {
		offer(0, BUFFERS, 64, true);
		lab_kick(&l, 0);
		assert_int_equal(done(0), 64);
		lab_interrupts(&l, 0);
		lab_reborn(&l);
		assert_int_equal(lab_interrupts(&l, 0), 1); /* one may have got lost */
	}
	lab_fini(&l);
	start(LAB_BLOCK, 1ull << VIRTIO_BLK_F_RO);
	request(VIRTIO_BLK_T_IN, 7, 1024);
	lab_reborn(&l);
	assert_int_equal(done(0), 1025);
	request(VIRTIO_BLK_T_IN, 8, 512);
	assert_int_equal(done(0), 513);
	lab_fini(&l);
}

static void reborn_net(void **state)
{
	start(LAB_NET, 1ull << VIRTIO_NET_F_MAC | 1ull << VIRTIO_NET_F_STATUS);
	for (unsigned i = 0; i < 40; i++) { /* over the ring's end, with one chain that it holds */
		offer(0, BUFFERS + 0x1000 * (i % 4), 1600, true);
		lab_kick(&l, 0);
		lab_loop(&l);
		lab_reborn(&l);
		to_guest(60 + i);
		assert_int_equal(done(0), HEADER + 60 + i);
		assert_int_equal(*memory(BUFFERS + 0x1000 * (i % 4) + HEADER), 0x5a);
	}
	from_guest(HEADER + 60);
	assert_int_equal(virtio_net_stats(l.dev).tx_frames, 1);
	lab_fini(&l);
}

static void reborn_console(void **state)
{
	start(LAB_CONSOLE, 1ull << VIRTIO_CONSOLE_F_MULTIPORT);
	open_port();
	give_control_buffer();
	l.room = 0; /* the host does not take it: it is held */
	memcpy(memory(BUFFERS + 0x400), "0123456789", 10);
	offer(PORT_TX, BUFFERS + 0x400, 10, false);
	lab_kick(&l, PORT_TX);
	assert_true(idle(PORT_TX));
	lab_reborn(&l);
	expect(VIRTIO_CONSOLE_PORT_OPEN, 0, ""); /* nobody is connected any more, */
	done(PORT_TX);				 /* so what was said to him is lost */
	assert_int_equal(l.sent_len, 0);
	virtio_console_open(l.dev, true);
	offer(PORT_RX, BUFFERS + 0x200, 16, true);
	assert_int_equal(virtio_console_put(l.dev, "hello", 5), 5);
	assert_int_equal(done(PORT_RX), 5);
	lab_fini(&l);
}

/* What was saved of one device is not loaded into another. */
static void not_reborn(void **state)
{
	struct buf bytes = { 0 };
	struct rd in;

	start(LAB_RNG, 0);
	assert_int_equal(virtio_pci_save(l.pci, &bytes, NULL), 0);
	lab_unmake(&l);
	lab_make(&l, LAB_BLOCK);
	in = rd_of(bytes.data, bytes.len);
	assert_true(virtio_pci_load(l.pci, &in, NULL) < 0);
	for (size_t len = 0; len < bytes.len; len += 7) {
		lab_unmake(&l);
		lab_make(&l, LAB_RNG);
		in = rd_of(bytes.data, len);
		assert_true(virtio_pci_load(l.pci, &in, NULL) < 0);
	}
	buf_free(&bytes);
	lab_fini(&l);
}

static int split(void **state)
{
	ring = 0;
	return 0;
}

static int packed(void **state)
{
	ring = PACKED | 1ull << VIRTIO_RING_F_EVENT_IDX;
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(rng),	       cmocka_unit_test(block),	       cmocka_unit_test(console),
		cmocka_unit_test(net_receive), cmocka_unit_test(net_transmit),
		cmocka_unit_test(reborn),      cmocka_unit_test(reborn_net),   cmocka_unit_test(reborn_console),
		cmocka_unit_test(not_reborn),  cmocka_unit_test(block_written),
	};
	int failed = cmocka_run_group_tests_name("split", tests, split, NULL);

	return failed + cmocka_run_group_tests_name("packed", tests, packed, NULL);
}
