/* SPDX-License-Identifier: Apache-2.0 */
/* Memory that a guest gives back. */
#include "tests/unit/virtio/device.h"

#include <linux/virtio_balloon.h>
#include <string.h>

enum { INFLATE, DEFLATE, REPORTING, PAGE = 4096 };

static void begin(void)
{
	start(LAB_BALLOON, 1ull << VIRTIO_BALLOON_F_REPORTING);
	memset(memory(BUFFERS), 0x77, 0x70000);
}

static void inflate(const uint32_t *pages, unsigned count)
{
	memcpy(memory(BUFFERS), pages, count * sizeof(pages[0]));
	offer(INFLATE, BUFFERS, count * (uint32_t)sizeof(pages[0]), false);
	lab_kick(&l, INFLATE);
	assert_int_equal(done(INFLATE), 0);
}

static bool is_gone(uint32_t page)
{
	const uint8_t *at = memory((uint64_t)page * PAGE);

	return at[0] == 0 && at[PAGE - 1] == 0;
}

static void asked_for(void **state)
{
	const uint32_t first = (BUFFERS + 0x10000) / PAGE;
	const uint32_t pages[] = { first, first + 1, first + 2, first + 5,
				   RAM / PAGE, UINT32_MAX, first + 9 };
	uint32_t given = 4;

	begin();
	virtio_balloon_want(l.dev, 5);
	assert_int_equal(lab_interrupts(&l, LAB_CONFIG), 1);
	assert_int_equal(lab_read(&l, 0x2000, 4), 5);
	inflate(pages, sizeof(pages) / sizeof(pages[0]));
	assert_int_equal(l.given_back, 5 * PAGE); /* not what is not in the memory */
	for (uint32_t i = 0; i < 12; i++)
		assert_int_equal(is_gone(first + i), i < 3 || i == 5 || i == 9);
	lab_write(&l, 0x2004, 4, given);
	assert_int_equal(virtio_balloon_stats(l.dev).given_pages, given);
	lab_reborn(&l);
	assert_int_equal(lab_read(&l, 0x2000, 4), 5);
	assert_int_equal(lab_read(&l, 0x2004, 4), given);
	memcpy(memory(BUFFERS), pages, 4);
	offer(DEFLATE, BUFFERS, 4, false);
	lab_kick(&l, DEFLATE);
	assert_int_equal(done(DEFLATE), 0);
	lab_fini(&l);
}

static void free_pages(void **state)
{
	begin();
	offer(REPORTING, BUFFERS + 0x10000, 4 * PAGE, true);
	lab_kick(&l, REPORTING);
	assert_int_equal(done(REPORTING), 0);
	assert_int_equal(l.given_back, 4 * PAGE);
	assert_int_equal(virtio_balloon_stats(l.dev).reported_bytes, 4 * PAGE);
	assert_true(is_gone((BUFFERS + 0x10000) / PAGE) && is_gone((BUFFERS + 0x13000) / PAGE));
	assert_false(is_gone((BUFFERS + 0x14000) / PAGE));
	lab_fini(&l);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(asked_for), cmocka_unit_test(free_pages),
	};

	return LAB_BOTH_RINGS(tests);
}
