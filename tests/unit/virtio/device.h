/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TESTS_UNIT_VIRTIO_DEVICE_H
#define TESTS_UNIT_VIRTIO_DEVICE_H

/* A device in the lab, as its driver uses it: for a test's one file. */

#include "tests/unit/test.h"
#include "tests/unit/virtio/lab.h"

static struct lab l;

static inline void start(enum lab_device which, uint64_t features)
{
	lab_init(&l);
	lab_make(&l, which);
	lab_start(&l, 1ull << VIRTIO_F_VERSION_1 | lab_ring | features, 16);
}

static inline uint8_t *memory(uint64_t gpa)
{
	return l.ram.host + gpa;
}

static inline void offer(unsigned queue, uint64_t gpa, uint32_t len, bool writable)
{
	struct buffer b = { gpa, len, writable };

	assert_true(driver_add(&l.queue[queue], &b, 1, 0) >= 0);
}

static inline uint32_t done(unsigned queue)
{
	uint32_t written = 0;

	assert_true(driver_get(&l.queue[queue], &written) >= 0);
	return written;
}

static inline bool idle(unsigned queue)
{
	uint32_t written;

	return driver_get(&l.queue[queue], &written) < 0;
}

#endif
