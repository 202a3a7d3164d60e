/* SPDX-License-Identifier: Apache-2.0 */
#include "control/backoff.h"
#include "tests/unit/test.h"

static void at_once_then_later_and_later(void **state)
{
	struct backoff b = { .first_ms = 200, .most_ms = 5000 };
	static const unsigned waits[] = { 0, 200, 400, 800, 1600, 3200, 5000, 5000 };

	for (unsigned i = 0; i < sizeof(waits) / sizeof(waits[0]); i++) {
		assert_int_equal(backoff_ended(&b, 1), waits[i]);
		assert_int_equal(backoff_failures(&b, 1), i + 1);
	}
	for (unsigned i = 0; i < 100; i++)
		assert_int_equal(backoff_ended(&b, 1), 5000);
}

static void who_worked_for_a_while_has_not_failed(void **state)
{
	struct backoff b = { .first_ms = 2000, .most_ms = 300000 };
	uint64_t now = 1000;

	backoff_works(&b, now);
	assert_int_equal(backoff_ended(&b, now + BACKOFF_SOUND_MS - 1), 0);
	backoff_works(&b, now);
	assert_int_equal(backoff_ended(&b, now + BACKOFF_SOUND_MS - 1), 2000);
	assert_int_equal(backoff_failures(&b, now + 2 * BACKOFF_SOUND_MS), 2); /* it does not work */
	backoff_works(&b, now);
	assert_int_equal(backoff_failures(&b, now + BACKOFF_SOUND_MS - 1), 2);
	assert_int_equal(backoff_failures(&b, now + BACKOFF_SOUND_MS), 0);
	assert_int_equal(backoff_ended(&b, now + BACKOFF_SOUND_MS), 0);
	assert_int_equal(backoff_ended(&b, now + BACKOFF_SOUND_MS), 2000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(at_once_then_later_and_later),
		cmocka_unit_test(who_worked_for_a_while_has_not_failed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
