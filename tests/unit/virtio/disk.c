/* SPDX-License-Identifier: Apache-2.0 */
/* A disk with each way of writing, against an array; files as they are after a crash. */
#include "tests/unit/test.h"

#include "virtio/disk_priv.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { SIZE = 40 * 4096 + 1536, ROUNDS = 3000 };

static char dir[64], path[80], overlay[80];
static uint8_t is[SIZE], got[SIZE], base[SIZE];

static int set_up(void **state)
{
	FILE *f;

	strcpy(dir, "/tmp/weft-disk-XXXXXX");
	assert_non_null(mkdtemp(dir));
	snprintf(path, sizeof(path), "%s/base", dir);
	snprintf(overlay, sizeof(overlay), "%s/overlay", dir);
	for (unsigned i = 0; i < SIZE; i++)
		base[i] = is[i] = (uint8_t)random();
	f = fopen(path, "w");
	assert_int_equal(fwrite(base, 1, SIZE, f), SIZE);
	return fclose(f);
}

static int tear_down(void **state)
{
	unlink(path);
	unlink(overlay);
	return rmdir(dir);
}

static void open_disk(struct disk *d, enum virtio_block_mode mode)
{
	const struct virtio_block_conf conf = { path, mode, overlay, "" };
	struct err err;

	if (disk_open(d, &conf, &err) < 0)
		fail_msg("%s", err.text);
}

static void expect(struct disk *d)
{
	struct iovec iov[] = { { got, 1000 }, { got + 1000, SIZE - 1000 } };

	assert_int_equal(disk_read(d, iov, 2, 0, SIZE), 0);
	assert_memory_equal(got, is, SIZE);
}

/* Pieces of sectors anywhere, from two buffers. */
static void write_something(struct disk *d, unsigned rounds)
{
	static uint8_t bytes[SIZE];

	for (unsigned i = 0; i < rounds; i++) {
		unsigned at = (unsigned)random() % (SIZE / 512) * 512;
		unsigned len = (unsigned)random() % 30 * 512, cut;
		struct iovec iov[2];

		len = len > SIZE - at ? SIZE - at : len;
		cut = len ? (unsigned)random() % len : 0;
		for (unsigned b = 0; b < len; b++)
			bytes[b] = (uint8_t)random();
		iov[0] = (struct iovec){ bytes, cut };
		iov[1] = (struct iovec){ bytes + cut, len - cut };
		assert_int_equal(disk_write(d, iov, 2, at, len), 0);
		memcpy(is + at, bytes, len);
	}
}

static void as_an_array(enum virtio_block_mode mode)
{
	struct disk d;

	open_disk(&d, mode);
	for (unsigned i = 0; i < 20; i++) {
		write_something(&d, ROUNDS / 20);
		expect(&d);
		assert_int_equal(disk_flush(&d), 0);
	}
	disk_close(&d);
}

static void base_is(const uint8_t *bytes)
{
	FILE *f = fopen(path, "r");

	assert_int_equal(fread(got, 1, SIZE, f), SIZE);
	fclose(f);
	assert_memory_equal(got, bytes, SIZE);
}

static void raw(void **state)
{
	as_an_array(VIRTIO_BLOCK_WRITE);
	base_is(is);
}

static void over(void **state)
{
	struct disk d;

	as_an_array(VIRTIO_BLOCK_OVERLAY);
	base_is(base);
	open_disk(&d, VIRTIO_BLOCK_OVERLAY); /* it is there the next time */
	expect(&d);
	disk_close(&d);
}

static void forgotten(void **state)
{
	struct disk d;

	as_an_array(VIRTIO_BLOCK_FORGET);
	base_is(base);
	memcpy(is, base, SIZE);
	open_disk(&d, VIRTIO_BLOCK_FORGET);
	expect(&d);
	disk_close(&d);
}

/* What a machine leaves that is killed: all that was flushed, and of the rest whole clusters. */
static void killed(void **state)
{
	static uint8_t flushed[SIZE];
	struct disk d;

	open_disk(&d, VIRTIO_BLOCK_OVERLAY);
	write_something(&d, 3);
	assert_int_equal(disk_flush(&d), 0);
	memcpy(flushed, is, SIZE);
	write_something(&d, 3);
	d.map_dirty = false; /* it does not come to its flush */
	disk_close(&d);
	open_disk(&d, VIRTIO_BLOCK_OVERLAY);
	assert_int_equal(disk_read(&d, &(struct iovec){ got, SIZE }, 1, 0, SIZE), 0);
	for (unsigned at = 0; at < SIZE; at += 512)
		assert_true(memcmp(got + at, flushed + at, 512) == 0 ||
			    memcmp(got + at, is + at, 512) == 0);
	disk_close(&d);
}

static void refused(void **state)
{
	const struct virtio_block_conf twice = { path, VIRTIO_BLOCK_WRITE, NULL, "" };
	const struct virtio_block_conf wrong = { path, VIRTIO_BLOCK_OVERLAY, path, "" };
	const struct virtio_block_conf over = { path, VIRTIO_BLOCK_OVERLAY, overlay, "" };
	struct disk d, other;

	open_disk(&d, VIRTIO_BLOCK_OVERLAY);
	assert_int_equal(disk_open(&other, &twice, NULL), -EBUSY); /* it is read */
	disk_close(&other);
	assert_int_equal(disk_open(&other, &over, NULL), -EBUSY);
	disk_close(&other);
	disk_close(&d);
	assert_true(disk_open(&d, &wrong, NULL) < 0);
	disk_close(&d);
	assert_int_equal(truncate(path, SIZE - 512), 0);
	assert_int_equal(disk_open(&d, &over, NULL), -EBADMSG); /* of another size than it was */
	disk_close(&d);
	assert_int_equal(truncate(overlay, 3 * 4096 / 2), 0);
	assert_int_equal(truncate(path, SIZE), 0);
	assert_int_equal(disk_open(&d, &over, NULL), -EBADMSG); /* cut off */
	disk_close(&d);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(raw, set_up, tear_down),
		cmocka_unit_test_setup_teardown(over, set_up, tear_down),
		cmocka_unit_test_setup_teardown(forgotten, set_up, tear_down),
		cmocka_unit_test_setup_teardown(killed, set_up, tear_down),
		cmocka_unit_test_setup_teardown(refused, set_up, tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
