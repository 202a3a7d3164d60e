/* SPDX-License-Identifier: Apache-2.0 */
/* Words for what a link does. */
#include "control/impairment.h"
#include "tests/unit/test.h"

#include <errno.h>
#include <math.h>
#include <string.h>

static struct impairment im;
static struct err err;

static void values(void **state)
{
	static const struct {
		const char *key, *text, *said;
		uint64_t value;
		const uint64_t *wide;
		const uint32_t *narrow;
	} good[] = {
		{ "delay", "10ms", "10ms", 10000000, &im.dp.delay_ns, NULL },
		{ "delay", "0.1 ms", "100us", 100000, &im.dp.delay_ns, NULL },
		{ "delay", "1.5S", "1.5s", 1500000000, &im.dp.delay_ns, NULL },
		{ "delay", "60s", "60s", 60000000000, &im.dp.delay_ns, NULL },
		{ "jitter", "999999999ns", "999.999999ms", 999999999, &im.dp.jitter_ns, NULL },
		{ "rate", "10Mbit", "10Mbit", 10000000, &im.dp.rate, NULL },
		{ "rate", "8 kbit/s", "8kbit", 8000, &im.dp.rate, NULL },
		{ "rate", "9999 bit", "9.999kbit", 9999, &im.dp.rate, NULL },
		{ "rate", "1000Gbit", "1000Gbit", 1000000000000, &im.dp.rate, NULL },
		{ "loss", "0.1%", "0.1%", 1000000, NULL, &im.loss },
		{ "loss", "0.0000001 %", "1e-07%", 1, NULL, &im.loss },
		{ "corrupt", "100%", "100%", DP_PROBABILITY_ONE, NULL, &im.dp.corrupt },
		{ "limit", "10000", "10000", 10000, NULL, &im.dp.limit },
		{ "seed", "4294967295", "4294967295", 4294967295, &im.dp.seed, NULL },
	};
	char said[IMPAIRMENT_TEXT_MAX];

	for (unsigned i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		assert_int_equal(impairment_set(&im, good[i].key, good[i].text, &err), 0);
		assert_true((good[i].wide ? *good[i].wide : *good[i].narrow) == good[i].value);
		assert_true(impairment_text(&im, good[i].key, said));
		assert_string_equal(said, good[i].said);
	}
}

static void wrong(void **state)
{
	static const char *const bad[][2] = {
		{ "delay", "" }, { "delay", "ms" }, { "delay", "-1ms" }, { "delay", "1" },
		{ "delay", "1.ms.s" }, { "delay", "1ms " }, { "delay", "1e3ms" }, { "delay", "60.1s" },
		{ "delay", "0x10ms" }, { "delay", "10ms5" }, { "delay", "99999999999999999999s" },
		{ "rate", "10" }, { "rate", "10Mbps" }, { "rate", "7999bit" }, { "rate", "1001Gbit" },
		{ "rate", "10Mbit/ss" }, { "loss", "1" }, { "loss", "100.1%" }, { "loss", "nan%" },
		{ "burst", "0.5" }, { "limit", "1.5" }, { "limit", "4294967296" }, { "gemodel", "" },
		{ "gemodel", "1" }, { "gemodel", "1% 2% 3% 4% 5%" }, { "gemodel", "101%" },
		{ "colour", "red" },
	};

	for (unsigned i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct impairment none = { 0 };

		err.text[0] = 0;
		assert_int_equal(impairment_set(&none, bad[i][0], bad[i][1], &err), -EINVAL);
		assert_memory_equal(err.text, bad[i][0], strlen(bad[i][0]));
		assert_true(impairment_is_none(&none));
	}
}

static void bursts(void **state)
{
	double one = DP_PROBABILITY_ONE, p, r;

	im = (struct impairment){ 0 };
	assert_int_equal(impairment_set(&im, "loss", "1%", &err), 0);
	assert_int_equal(impairment_finish(&im, &err), 0);
	assert_int_equal(im.dp.loss, DP_PROBABILITY_ONE / 100);
	assert_int_equal(im.dp.to_bad, 0);
	assert_int_equal(impairment_set(&im, "burst", "5", &err), 0);
	assert_int_equal(impairment_finish(&im, &err), 0);
	p = im.dp.to_bad / one;
	r = im.dp.to_good / one;
	assert_int_equal(im.dp.loss, 0);
	assert_int_equal(im.dp.loss_bad, DP_PROBABILITY_ONE);
	assert_true(fabs(r - 0.2) < 1e-8 && fabs(p / (p + r) - 0.01) < 1e-8);
	im = (struct impairment){ 0 };
	assert_int_equal(impairment_set(&im, "gemodel", "1%", &err), 0); /* as tc reads it */
	assert_int_equal(impairment_finish(&im, &err), 0);
	assert_int_equal(im.dp.to_bad, DP_PROBABILITY_ONE / 100);
	assert_int_equal(im.dp.to_good, DP_PROBABILITY_ONE / 100 * 99);
	assert_int_equal(im.dp.loss_bad, DP_PROBABILITY_ONE);
	assert_int_equal(im.dp.loss, 0);
	assert_int_equal(impairment_set(&im, "gemodel", "1%,20% 50% 0.1%", &err), 0);
	assert_int_equal(im.dp.to_good, DP_PROBABILITY_ONE / 5);
	assert_int_equal(im.dp.loss_bad, DP_PROBABILITY_ONE / 2);
	assert_int_equal(im.dp.loss, DP_PROBABILITY_ONE / 1000);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(values), cmocka_unit_test(wrong),
					    cmocka_unit_test(bursts) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
