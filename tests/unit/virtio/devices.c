/* SPDX-License-Identifier: Apache-2.0 */
/* Source of random numbers and console as their drivers use them, on split and on packed rings;
 * what is saved of a device, and what is not. */
#include "tests/unit/virtio/device.h"

#include <errno.h>
#include <linux/virtio_console.h>
#include <linux/virtio_pci.h>
#include <string.h>

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

/* What came when there was no buffer goes on when there is one: the driver's kick says so, also the
 * one of a driver that kicks only where it is asked to. */
static void console_wants_buffers(void **state)
{
	start(LAB_CONSOLE, 1ull << VIRTIO_CONSOLE_F_MULTIPORT);
	open_port();
	for (unsigned round = 1; round < 20; round++) {
		unsigned ready = l.port_ready;

		assert_int_equal(virtio_console_put(l.dev, "x", 1), 0);
		offer(PORT_RX, BUFFERS + 0x200, 16, true);
		assert_true(driver_kick_due(&l.queue[PORT_RX]));
		lab_kick(&l, PORT_RX);
		assert_int_equal(l.port_ready, ready + 1);
		assert_int_equal(virtio_console_put(l.dev, "x", 1), 1);
		assert_int_equal(done(PORT_RX), 1);

		virtio_console_open(l.dev, round % 2);
		offer(CONTROL_RX, BUFFERS + 0x100, 0x100, true);
		assert_true(driver_kick_due(&l.queue[CONTROL_RX]));
		lab_kick(&l, CONTROL_RX);
		expect(VIRTIO_CONSOLE_PORT_OPEN, round % 2, "");
	}
	lab_fini(&l);
}

/* It goes on after it was saved, with its interrupts. */
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
}

/* Also with a chain that it holds. */
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

/* What is at another process, or not over yet, is not in what could be saved. */
static void not_saved(void **state)
{
	struct buf bytes = { 0 };
	struct err err;

	start(LAB_VHOST, 0);
	assert_int_equal(virtio_pci_save(l.pci, &bytes, &err), -ENOTSUP);
	assert_non_null(strstr(err.text, "vhost-user"));
	lab_unmake(&l);
	lab_make(&l, LAB_RNG);
	l.dev->stopping = true;
	assert_int_equal(virtio_pci_save(l.pci, &bytes, &err), -EBUSY);
	l.dev->stopping = false;
	assert_int_equal(virtio_pci_save(l.pci, &bytes, &err), 0);
	buf_free(&bytes);
	lab_fini(&l);
}

static void say_more(struct lab *lab)
{
	if (!idle(PORT_TX)) /* its buffer, of before */
		offer(PORT_TX, BUFFERS, 1, false);
}

/* A driver that always has more to say, while it is heard, does not hold the loop up. */
static void console_says_without_end(void **state)
{
	start(LAB_CONSOLE, 1ull << VIRTIO_CONSOLE_F_MULTIPORT);
	open_port();
	l.room = 0;
	for (unsigned i = 0; i < 8; i++)
		offer(PORT_TX, BUFFERS, 1, false);
	lab_kick(&l, PORT_TX);
	assert_int_equal(l.sent_len, 0);
	l.room = sizeof(l.sent) - 1;
	l.port_said = say_more;
	virtio_console_drained(l.dev);
	assert_in_range(l.sent_len, 1, VIRTIO_BURST);
	lab_loop(&l); /* and it is heard on */
	assert_int_equal(l.sent_len, sizeof(l.sent) - 1);
	lab_fini(&l);
}

/* A buffer that cannot be written to is no room for what comes. */
static void console_offers_nothing(void **state)
{
	start(LAB_CONSOLE, 1ull << VIRTIO_CONSOLE_F_MULTIPORT);
	open_port();
	offer(PORT_RX, BUFFERS, 16, false);
	offer(PORT_RX, BUFFERS, 16, true);
	assert_int_equal(virtio_console_put(l.dev, "x", 1), 0);
	assert_true(lab_read(&l, VIRTIO_PCI_COMMON_STATUS, 1) & VIRTIO_CONFIG_S_NEEDS_RESET);
	lab_fini(&l);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(rng), cmocka_unit_test(console),
		cmocka_unit_test(console_wants_buffers), cmocka_unit_test(reborn),
		cmocka_unit_test(reborn_console), cmocka_unit_test(not_reborn),
		cmocka_unit_test(not_saved),
		cmocka_unit_test(console_says_without_end), cmocka_unit_test(console_offers_nothing),
	};

	return LAB_BOTH_RINGS(tests) +
	       cmocka_run_group_tests_name("split, event_idx", tests, lab_split_events, NULL);
}
