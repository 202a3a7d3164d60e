/* SPDX-License-Identifier: Apache-2.0 */
/* A disk as its driver uses it. */
#include "tests/unit/virtio/device.h"

#include <linux/virtio_blk.h>
#include <string.h>

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

/* It goes on after it was saved. */
static void reborn(void **state)
{
	start(LAB_BLOCK, 1ull << VIRTIO_BLK_F_RO);
	request(VIRTIO_BLK_T_IN, 7, 1024);
	lab_reborn(&l);
	assert_int_equal(done(0), 1025);
	request(VIRTIO_BLK_T_IN, 8, 512);
	assert_int_equal(done(0), 513);
	lab_fini(&l);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(block), cmocka_unit_test(block_written), cmocka_unit_test(reborn),
	};

	return LAB_BOTH_RINGS(tests);
}
