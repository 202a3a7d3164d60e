/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TESTS_UNIT_VIRTIO_DEVICE_H
#define TESTS_UNIT_VIRTIO_DEVICE_H

/* A device in the lab, as its driver uses it, on split and on packed rings. */

#include "tests/unit/test.h"
#include "tests/unit/virtio/lab.h"

#include <linux/virtio_config.h>
#include <linux/virtio_ring.h>

static struct lab l;
static uint64_t ring; /* features of this turn */

static void start(enum lab_device which, uint64_t features)
{
	lab_init(&l);
	lab_make(&l, which);
	lab_start(&l, 1ull << VIRTIO_F_VERSION_1 | ring | features, 16);
}

static uint8_t *memory(uint64_t gpa)
{
	return l.ram.host + gpa;
}

static inline void offer(unsigned queue, uint64_t gpa, uint32_t len, bool writable)
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

static int split(void **state)
{
	ring = 0;
	return 0;
}

static int packed(void **state)
{
	ring = 1ull << VIRTIO_F_RING_PACKED | 1ull << VIRTIO_RING_F_EVENT_IDX;
	return 0;
}

/* Runs struct CMUnitTest tests[] on both. */
#define RUN_ON_BOTH(tests)                                                                         \
	(cmocka_run_group_tests_name("split", tests, split, NULL) +                                \
	 cmocka_run_group_tests_name("packed", tests, packed, NULL))

#endif
