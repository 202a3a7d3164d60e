/* SPDX-License-Identifier: Apache-2.0 */
#include "dataplane/policer_priv.h"
#include "tests/unit/test.h"

#include <string.h>

enum { HZ = 1000000000 };

struct level {
	struct policer port[3], vnet;
};

/* Packets that pass when they come every `gap` cycles for a second, from `start` on. */
static unsigned offered(struct level *l, unsigned port, const struct policer_rates *r,
			enum dp_punt class, uint64_t start, uint64_t gap)
{
	unsigned passed = 0;

	for (uint64_t t = start; t < start + HZ; t += gap)
		passed += policer_pass(&l->port[port], &l->vnet, r, class, t);
	return passed;
}

static unsigned burst(struct level *l, unsigned port, const struct policer_rates *r,
		      enum dp_punt class)
{
	unsigned passed = 0;

	while (policer_pass(&l->port[port], &l->vnet, r, class, HZ))
		passed++;
	return passed;
}

static void rate_and_burst(void **state)
{
	struct policer_rates r;
	struct level l = { 0 };

	policer_rates_init(&r, HZ, 1);
	assert_int_equal(burst(&l, 0, &r, DP_PUNT_CONTROL), 2000);
	assert_in_range(offered(&l, 0, &r, DP_PUNT_CONTROL, HZ, HZ / 200000), 19990, 20010);
	/* Below the rate nothing is lost. */
	assert_int_equal(offered(&l, 0, &r, DP_PUNT_CONTROL, 10ull * HZ, HZ / 10000), 10000);
}

/* A worker has its share of each rate. */
static void workers_share(void **state)
{
	struct policer_rates r;
	struct level l = { 0 };

	policer_rates_init(&r, HZ, 4);
	assert_int_equal(burst(&l, 0, &r, DP_PUNT_CONTROL), 500);
	assert_int_equal(burst(&l, 1, &r, DP_PUNT_CONTROL), 500);
	assert_int_equal(burst(&l, 2, &r, DP_PUNT_CONTROL), 0);
	assert_in_range(offered(&l, 0, &r, DP_PUNT_CONTROL, HZ, HZ / 200000), 4990, 5010);
}

static void classes_do_not_share(void **state)
{
	struct policer_rates r;
	struct level l = { 0 };

	policer_rates_init(&r, HZ, 1);
	for (unsigned port = 0; port < 3; port++)
		for (enum dp_punt c = DP_PUNT_CONTROL + 1; c < DP_PUNT_COUNT; c++)
			burst(&l, port, &r, c);
	for (enum dp_punt c = DP_PUNT_CONTROL + 1; c < DP_PUNT_COUNT; c++)
		assert_false(policer_pass(&l.port[0], &l.vnet, &r, c, HZ));
	assert_int_equal(burst(&l, 0, &r, DP_PUNT_CONTROL), 2000);
}

/* One port leaves half to the others; all of them together have what two have. */
static void ports_share_what_their_vnet_may(void **state)
{
	struct policer_rates r;
	struct level l = { 0 };
	unsigned passed = 0;

	policer_rates_init(&r, HZ, 1);
	assert_int_equal(burst(&l, 0, &r, DP_PUNT_EXCEPTION), 2000);
	assert_int_equal(burst(&l, 1, &r, DP_PUNT_EXCEPTION), 2000);
	assert_int_equal(burst(&l, 2, &r, DP_PUNT_EXCEPTION), 0);
	for (uint64_t t = HZ; t < 2ull * HZ; t += HZ / 200000)
		for (unsigned port = 0; port < 3; port++)
			passed += policer_pass(&l.port[port], &l.vnet, &r, DP_PUNT_EXCEPTION, t);
	assert_in_range(passed, 39990, 40010);
}

/* What the vnet refuses costs the port nothing. */
static void refusals_are_free(void **state)
{
	struct policer_rates r;
	struct level l = { 0 };
	uint64_t due;

	policer_rates_init(&r, HZ, 1);
	burst(&l, 0, &r, DP_PUNT_LOCAL);
	burst(&l, 1, &r, DP_PUNT_LOCAL);
	due = l.port[2].due[DP_PUNT_LOCAL];
	assert_int_equal(burst(&l, 2, &r, DP_PUNT_LOCAL), 0);
	assert_int_equal(l.port[2].due[DP_PUNT_LOCAL], due);
}

static enum dp_punt ip4(uint8_t proto, uint16_t sport, uint16_t dport, uint16_t frag,
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

static enum dp_punt ip6(uint8_t proto, uint8_t type)
{
	uint8_t f[58] = { [12] = 0x86, [13] = 0xdd, [14] = 0x60, [20] = proto, [54] = type };

	return policer_classify(f, sizeof(f), PUNT_REASON_LOCAL);
}

static void classes(void **state)
{
	uint8_t llc[14] = { [13] = 40 }, arp[14] = { [12] = 8, [13] = 6 };

	assert_int_equal(policer_classify(llc, 14, PUNT_REASON_LOCAL), DP_PUNT_CONTROL);
	assert_int_equal(policer_classify(arp, 14, PUNT_REASON_LOCAL), DP_PUNT_NEIGHBOUR);
	assert_int_equal(ip4(89, 0, 0, 0, PUNT_REASON_EXCEPTION), DP_PUNT_CONTROL);
	assert_int_equal(ip4(6, 179, 40000, 0, PUNT_REASON_LOCAL), DP_PUNT_CONTROL);
	assert_int_equal(ip4(6, 40000, 179, 0, PUNT_REASON_LOCAL), DP_PUNT_CONTROL);
	assert_int_equal(ip4(17, 49152, 3784, 0, PUNT_REASON_LOCAL), DP_PUNT_CONTROL);
	assert_int_equal(ip4(17, 3784, 53, 0, PUNT_REASON_LOCAL), DP_PUNT_LOCAL);
	assert_int_equal(ip4(17, 49152, 3784, 7, PUNT_REASON_LOCAL), DP_PUNT_LOCAL);
	assert_int_equal(ip4(17, 1, 2, 0, PUNT_REASON_EXCEPTION), DP_PUNT_EXCEPTION);
	assert_int_equal(ip6(58, 135), DP_PUNT_NEIGHBOUR);
	assert_int_equal(ip6(58, 128), DP_PUNT_LOCAL);
	assert_int_equal(ip6(89, 0), DP_PUNT_CONTROL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(rate_and_burst),
		cmocka_unit_test(workers_share),
		cmocka_unit_test(classes_do_not_share),
		cmocka_unit_test(ports_share_what_their_vnet_may),
		cmocka_unit_test(refusals_are_free),
		cmocka_unit_test(classes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
