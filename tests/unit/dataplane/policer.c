/* SPDX-License-Identifier: Apache-2.0 */
#include "dataplane/policer_priv.h"
#include "tests/unit/test.h"

#include <string.h>

enum { HZ = 1000000000 };

/* Packets that pass when they come every `gap` cycles for a second, from `start` on. */
static unsigned offered(struct policer *p, const struct policer_rates *r, enum punt_class class,
			uint64_t start, uint64_t gap)
{
	unsigned passed = 0;

	for (uint64_t t = start; t < start + HZ; t += gap)
		passed += policer_pass(p, r, class, t);
	return passed;
}

static void rate_and_burst(void **state)
{
	struct policer_rates r;
	struct policer p = { { 0 } };
	unsigned burst = 0;

	policer_rates_init(&r, HZ, 1);
	while (policer_pass(&p, &r, PUNT_CONTROL, HZ))
		burst++;
	assert_in_range(burst, 1990, 2001);
	assert_in_range(offered(&p, &r, PUNT_CONTROL, HZ, HZ / 200000), 19990, 20010);
	/* Below the rate nothing is lost. */
	assert_int_equal(offered(&p, &r, PUNT_CONTROL, 10ull * HZ, HZ / 10000), 10000);
}

static void classes_do_not_share(void **state)
{
	struct policer_rates r;
	struct policer p = { { 0 } };

	policer_rates_init(&r, HZ, 1);
	while (policer_pass(&p, &r, PUNT_LOCAL, HZ) || policer_pass(&p, &r, PUNT_EXCEPTION, HZ) ||
	       policer_pass(&p, &r, PUNT_NEIGHBOUR, HZ))
		;
	assert_true(policer_pass(&p, &r, PUNT_CONTROL, HZ));
}

static enum punt_class ip4(uint8_t proto, uint16_t sport, uint16_t dport, uint16_t frag,
			   enum punt_reason reason)
{
	uint8_t f[38] = { [12] = 8, [14] = 0x45, [23] = proto };

	f[20] = (uint8_t)(frag >> 8);
	f[21] = (uint8_t)frag;
	f[34] = (uint8_t)(sport >> 8);
	f[35] = (uint8_t)sport;
	f[36] = (uint8_t)(dport >> 8);
	f[37] = (uint8_t)dport;
	return policer_classify(f, sizeof(f), reason);
}

static enum punt_class ip6(uint8_t proto, uint8_t type)
{
	uint8_t f[58] = { [12] = 0x86, [13] = 0xdd, [14] = 0x60, [20] = proto, [54] = type };

	return policer_classify(f, sizeof(f), PUNT_REASON_LOCAL);
}

static void classes(void **state)
{
	uint8_t llc[14] = { [13] = 40 }, arp[14] = { [12] = 8, [13] = 6 };

	assert_int_equal(policer_classify(llc, 14, PUNT_REASON_LOCAL), PUNT_CONTROL);
	assert_int_equal(policer_classify(arp, 14, PUNT_REASON_LOCAL), PUNT_NEIGHBOUR);
	assert_int_equal(ip4(89, 0, 0, 0, PUNT_REASON_EXCEPTION), PUNT_CONTROL);
	assert_int_equal(ip4(6, 179, 40000, 0, PUNT_REASON_LOCAL), PUNT_CONTROL);
	assert_int_equal(ip4(6, 40000, 179, 0, PUNT_REASON_LOCAL), PUNT_CONTROL);
	assert_int_equal(ip4(17, 49152, 3784, 0, PUNT_REASON_LOCAL), PUNT_CONTROL);
	assert_int_equal(ip4(17, 3784, 53, 0, PUNT_REASON_LOCAL), PUNT_LOCAL);
	assert_int_equal(ip4(17, 49152, 3784, 7, PUNT_REASON_LOCAL), PUNT_LOCAL);
	assert_int_equal(ip4(17, 1, 2, 0, PUNT_REASON_EXCEPTION), PUNT_EXCEPTION);
	assert_int_equal(ip6(58, 135), PUNT_NEIGHBOUR);
	assert_int_equal(ip6(58, 128), PUNT_LOCAL);
	assert_int_equal(ip6(89, 0), PUNT_CONTROL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(rate_and_burst),
		cmocka_unit_test(classes_do_not_share),
		cmocka_unit_test(classes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
