/* SPDX-License-Identifier: Apache-2.0 */
/* The virtio-pci transport, as a driver meets it. */
#include "tests/unit/test.h"
#include "tests/unit/virtio/lab.h"

#include <event2/event.h>
#include <linux/pci_regs.h>
#include <linux/virtio_config.h>
#include <linux/virtio_pci.h>
#include <linux/virtio_ring.h>

#define V1 (1ull << VIRTIO_F_VERSION_1)

static struct lab l;

static int with_rng(void **state)
{
	lab_init(&l);
	lab_make(&l, LAB_RNG);
	return 0;
}

static int tear_down(void **state)
{
	lab_fini(&l);
	return 0;
}

static uint32_t config(unsigned at, unsigned len)
{
	return virtio_pci_config_read(l.pci, at, len);
}

static uint8_t status(void)
{
	return (uint8_t)lab_read(&l, VIRTIO_PCI_COMMON_STATUS, 1);
}

static void offer_and_kick(uint32_t len)
{
	struct buffer b = { BUFFERS, len, true };

	assert_true(driver_add(&l.queue[0], &b, 1, 0) >= 0);
	lab_kick(&l, 0);
}

/* All five structures of virtio are named, lie in the BAR, and the list ends. */
static void capabilities(void **state)
{
	unsigned at = config(PCI_CAPABILITY_LIST, 1), types = 0, msix = 0;

	assert_int_equal(config(PCI_VENDOR_ID, 2), 0x1af4);
	assert_int_equal(config(PCI_DEVICE_ID, 2), 0x1044);
	assert_true(config(PCI_STATUS, 2) & PCI_STATUS_CAP_LIST);
	assert_int_equal(config(PCI_INTERRUPT_PIN, 1), 0);
	for (unsigned n = 0; at; n++, at = config(at + 1, 1)) {
		assert_true(n < 16);
		if (config(at, 1) == PCI_CAP_ID_MSIX) {
			msix++;
			continue;
		}
		assert_int_equal(config(at, 1), PCI_CAP_ID_VNDR);
		types |= 1u << config(at + VIRTIO_PCI_CAP_CFG_TYPE, 1);
		assert_true(config(at + VIRTIO_PCI_CAP_OFFSET, 4) + config(at + VIRTIO_PCI_CAP_LENGTH, 4) <=
			    VIRTIO_PCI_BAR_SIZE);
	}
	assert_int_equal(types, 0x3e);
	assert_int_equal(msix, 1);
}

static void await_kicks(unsigned count)
{
	while (l.kicks != count)
		event_base_loop(l.base, EVLOOP_ONCE);
}

/* A guest finds the BAR's size, moves it, and kicks go to where it is, soon by themselves. */
static void bar(void **state)
{
	uint64_t at;

	assert_int_equal(l.kicks, 1);
	assert_int_equal(l.kick_at[0], LAB_BAR + 0x3000);
	virtio_pci_config_write(l.pci, PCI_COMMAND, 2, 0);
	assert_int_equal(l.kicks, 0);
	virtio_pci_config_write(l.pci, PCI_BASE_ADDRESS_0, 4, UINT32_MAX);
	assert_int_equal(config(PCI_BASE_ADDRESS_0, 4), ~(VIRTIO_PCI_BAR_SIZE - 1));
	virtio_pci_config_write(l.pci, PCI_BASE_ADDRESS_0, 4, 0xc1000000);
	assert_false(virtio_pci_where(l.pci, &at));
	virtio_pci_config_write(l.pci, PCI_COMMAND, 2, PCI_COMMAND_MEMORY);
	assert_true(virtio_pci_where(l.pci, &at));
	assert_int_equal(at, 0xc1000000);
	assert_int_equal(l.kicks, 0);
	await_kicks(1);
	assert_int_equal(l.kick_at[0], 0xc1003000);
	virtio_pci_config_write(l.pci, PCI_BASE_ADDRESS_1, 4, UINT32_MAX);
	assert_int_equal(config(PCI_BASE_ADDRESS_1, 4), 0);
}

/* However often it resets the device, moves its registers and takes them away, the kernel is asked to take
 * its short cut back, and no more; and the device works meanwhile. */
static void resets_ask_nothing_of_the_kernel(void **state)
{
	unsigned calls = l.host_calls;

	for (unsigned i = 0; i < 10000; i++) {
		lab_start(&l, V1, 8);
		lab_write(&l, 0x4008, 4, LAB_MESSAGE(i % 2 ? 0 : 30));
		if (i >= 5000) {
			virtio_pci_config_write(l.pci, PCI_COMMAND, 2, 0);
			virtio_pci_config_write(l.pci, PCI_BASE_ADDRESS_0, 4, 0xc1000000 + i % 2 * 0x8000);
			virtio_pci_config_write(l.pci, PCI_COMMAND, 2, PCI_COMMAND_MEMORY);
		}
		if (i < 5000)
			assert_int_equal(l.host_calls, calls);
		if (i % 1000 == 999) {
			offer_and_kick(16);
			assert_int_equal(lab_interrupts(&l, 0), 1);
		}
	}
	assert_true(l.host_calls - calls <= 1 + 2 * 5); /* the loop ran five times: it may have come and gone */
	await_kicks(1);
	assert_int_equal(l.kick_at[0], 0xc100b000);
}

static void refused_kicks_go_to_the_bar(void **state)
{
	l.refuse_kicks = true;
	virtio_pci_config_write(l.pci, PCI_BASE_ADDRESS_0, 4, 0xc1000000);
	assert_int_equal(l.kicks, 0);
	lab_start(&l, V1, 8);
	offer_and_kick(16);
	assert_int_equal(lab_interrupts(&l, 0), 1);
}

static void negotiation(void **state)
{
	uint8_t up = VIRTIO_CONFIG_S_ACKNOWLEDGE | VIRTIO_CONFIG_S_DRIVER;

	lab_start(&l, V1, 8);
	assert_true(status() & VIRTIO_CONFIG_S_FEATURES_OK);
	assert_true(l.dev->running);
	lab_write(&l, VIRTIO_PCI_COMMON_STATUS, 1, 0); /* reset */
	assert_int_equal(status(), 0);
	assert_false(l.dev->running);
	assert_false(vq_active(&l.dev->queue[0]));
	lab_write(&l, VIRTIO_PCI_COMMON_Q_SELECT, 2, 0);
	assert_int_equal(lab_read(&l, VIRTIO_PCI_COMMON_Q_ENABLE, 2), 0);
	assert_int_equal(lab_read(&l, VIRTIO_PCI_COMMON_Q_SIZE, 2), VQ_SIZE_MAX);

	lab_start(&l, 0, 8); /* a driver of before version 1 */
	assert_int_equal(status() & VIRTIO_CONFIG_S_FEATURES_OK, 0);
	assert_false(l.dev->running);

	lab_start(&l, V1 | 1ull << 50, 8); /* what was not offered */
	assert_int_equal(status() & VIRTIO_CONFIG_S_FEATURES_OK, 0);

	lab_write(&l, VIRTIO_PCI_COMMON_STATUS, 1, 0); /* queues before features */
	lab_write(&l, VIRTIO_PCI_COMMON_STATUS, 1, up);
	lab_write(&l, VIRTIO_PCI_COMMON_Q_ENABLE, 2, 1);
	assert_false(vq_active(&l.dev->queue[0]));
}

static void bad_queues(void **state)
{
	static const struct vq_conf bad[] = {
		{ QUEUE_AREA, 0x5000, 0x6000, 0 },	 { QUEUE_AREA, 0x5000, 0x6000, 3 },
		{ QUEUE_AREA, 0x5000, 0x6000, 512 },	 { QUEUE_AREA + 8, 0x5000, 0x6000, 8 },
		{ QUEUE_AREA, 0x5001, 0x6000, 8 },	 { QUEUE_AREA, 0x5000, 0x6002, 8 },
		{ RAM - 64, 0x5000, 0x6000, 8 },	 { QUEUE_AREA, RAM - 4, 0x6000, 8 },
		{ QUEUE_AREA, 0x5000, RAM - 64, 8 },	 { UINT64_MAX - 15, 0x5000, 0x6000, 8 },
	};
	struct vq q;

	for (unsigned i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_true(vq_activate(&q, &l.ram.mem, &bad[i], V1) < 0);
	lab_start(&l, V1, 3);
	assert_true(status() & VIRTIO_CONFIG_S_NEEDS_RESET);
	assert_false(vq_active(&l.dev->queue[0]));
	lab_start(&l, V1, 8);
	offer_and_kick(16);
	assert_int_equal(lab_interrupts(&l, 0), 1);
}

/* A ring that breaks the rules stops the device, and says so once; a reset brings it back. */
static void broken_ring(void **state)
{
	struct buffer b = { RAM - 8, 16, true };

	lab_start(&l, V1, 8);
	assert_true(driver_add(&l.queue[0], &b, 1, 0) >= 0);
	lab_kick(&l, 0);
	assert_true(status() & VIRTIO_CONFIG_S_NEEDS_RESET);
	assert_int_equal(lab_interrupts(&l, LAB_CONFIG), 1);
	offer_and_kick(16);
	assert_int_equal(lab_interrupts(&l, LAB_CONFIG), 0);
	lab_start(&l, V1, 8);
	assert_false(status() & VIRTIO_CONFIG_S_NEEDS_RESET);
	offer_and_kick(16);
	assert_int_equal(lab_interrupts(&l, 0), 1);
}

static void masked_vectors_wait(void **state)
{
	lab_start(&l, V1, 8);
	lab_write(&l, 0x400c, 4, 1);
	offer_and_kick(16);
	assert_int_equal(lab_interrupts(&l, 0), 0);
	assert_int_equal(lab_read(&l, 0x5000, 4), 1);
	lab_write(&l, 0x4008, 4, LAB_MESSAGE(5)); /* and is sent as it is then */
	lab_write(&l, 0x400c, 4, 0);
	assert_int_equal(lab_read(&l, 0x5000, 4), 0);
	assert_int_equal(lab_interrupts(&l, 5), 1);
}

static void isr_is_read_once(void **state)
{
	lab_start(&l, V1, 8);
	offer_and_kick(16);
	assert_int_equal(lab_read(&l, 0x1000, 1), 1);
	assert_int_equal(lab_read(&l, 0x1000, 1), 0);
}

/* Firmware's window: the same registers through configuration space. */
static void window(void **state)
{
	unsigned at = config(PCI_CAPABILITY_LIST, 1);

	while (config(at, 1) != PCI_CAP_ID_VNDR ||
	       config(at + VIRTIO_PCI_CAP_CFG_TYPE, 1) != VIRTIO_PCI_CAP_PCI_CFG)
		at = config(at + 1, 1);
	virtio_pci_config_write(l.pci, at + VIRTIO_PCI_CAP_OFFSET, 4, VIRTIO_PCI_COMMON_STATUS);
	virtio_pci_config_write(l.pci, at + VIRTIO_PCI_CAP_LENGTH, 4, 1);
	virtio_pci_config_write(l.pci, at + 16, 1, VIRTIO_CONFIG_S_ACKNOWLEDGE);
	assert_int_equal(status(), VIRTIO_CONFIG_S_ACKNOWLEDGE);
	assert_int_equal(config(at + 16, 1), VIRTIO_CONFIG_S_ACKNOWLEDGE);
	virtio_pci_config_write(l.pci, at + VIRTIO_PCI_CAP_OFFSET, 4, VIRTIO_PCI_BAR_SIZE - 2);
	virtio_pci_config_write(l.pci, at + 16, 1, 0xff);
	assert_int_equal(status(), VIRTIO_CONFIG_S_ACKNOWLEDGE);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, with_rng, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(resets_ask_nothing_of_the_kernel),
		TEST(capabilities), TEST(bar),	       TEST(refused_kicks_go_to_the_bar),
		TEST(negotiation),  TEST(bad_queues),  TEST(broken_ring),
		TEST(masked_vectors_wait), TEST(isr_is_read_once), TEST(window),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
