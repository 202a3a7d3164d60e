/* SPDX-License-Identifier: Apache-2.0 */
#include "base/rd.h"
#include "tests/unit/test.h"

#include <string.h>

static void reads_in_order(void **state)
{
	const uint8_t bytes[] = { 1, 2, 0, 0x12, 0x34, 9, 8, 7, 6 };
	struct rd r = rd_of(bytes, sizeof(bytes));

	assert_int_equal(rd_u8(&r), 1);
	assert_int_equal(rd_u16(&r), 2);
	assert_int_equal(rd_be16(&r), 0x1234);
	assert_int_equal(rd_be32(&r), 0x09080706);
	assert_int_equal(r.left, 0);
	assert_false(r.bad);
}

static void an_error_sticks(void **state)
{
	const uint8_t bytes[] = { 1, 2, 3 };
	struct rd r = rd_of(bytes, sizeof(bytes));
	uint8_t out[4] = { 9, 9, 9, 9 };

	rd_copy(&r, out, sizeof(out));
	assert_true(r.bad);
	assert_memory_equal(out, "\0\0\0\0", 4);
	assert_int_equal(rd_u8(&r), 0);
	assert_null(rd_bytes(&r, 0));
}

static void a_part_is_bounded(void **state)
{
	const uint8_t bytes[] = { 1, 2, 3, 4 };
	struct rd r = rd_of(bytes, sizeof(bytes)), part = rd_sub(&r, 2);

	assert_int_equal(rd_u16(&part), 0x0201);
	assert_int_equal(rd_u8(&part), 0);
	assert_true(part.bad);
	assert_false(r.bad);
	assert_int_equal(rd_u8(&r), 3);
	part = rd_sub(&r, 2);
	assert_true(part.bad && r.bad);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(reads_in_order),
		cmocka_unit_test(an_error_sticks),
		cmocka_unit_test(a_part_is_bounded),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
