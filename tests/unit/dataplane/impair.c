/* SPDX-License-Identifier: Apache-2.0 */
/* What an impairment decides, in virtual time. Its random numbers are the same each time. */
#include "dataplane/impair_priv.h"
#include "base/err.h"
#include "tests/unit/test.h"

#include <math.h>
#include <stdlib.h>

enum { HZ = 1000000000, FRAMES = 1000000, LEN = 1000 };
#define PERCENT (DP_PROBABILITY_ONE / 100)
#define MS	1000000ull

static struct impair *im;
static struct impair_fate fate;

static void begin(struct dp_impair conf)
{
	struct err err;

	conf.link = 1;
	free(im);
	assert_int_equal(impair_check(&conf, &err), 0);
	assert_int_equal(impair_create(&conf, HZ, &im), 0);
}

static void near(double value, double wanted, double part)
{
	if (fabs(value - wanted) > wanted * part)
		fail_msg("%g is not within %g of %g", value, part, wanted);
}

/* Of as many frames, how many did not arrive, and how often one did not after one that did. */
static uint64_t lose(uint64_t *bursts)
{
	uint64_t lost = 0;
	bool before = false;

	*bursts = 0;
	for (unsigned i = 0; i < FRAMES; i++) {
		impair_pass(im, LEN, i, &fate);
		lost += !fate.count;
		*bursts += !fate.count && !before;
		before = !fate.count;
	}
	return lost;
}

static void random_loss(void **state)
{
	uint64_t lost, bursts, again;

	begin((struct dp_impair){ .loss = PERCENT, .seed = 7 });
	lost = lose(&bursts);
	print_message("1 %% of 10^6: %lu lost in %lu bursts\n", (unsigned long)lost,
		      (unsigned long)bursts);
	near((double)lost, FRAMES / 100, 0.03); /* 3 standard deviations */
	near((double)bursts, (double)lost * 0.99, 0.01);
	begin((struct dp_impair){ .loss = PERCENT, .seed = 7 });
	assert_int_equal(lose(&bursts), lost);
	begin((struct dp_impair){ .loss = PERCENT, .seed = 8 });
	again = lose(&bursts);
	assert_int_not_equal(again, lost);
	near((double)again, FRAMES / 100, 0.03);
	begin((struct dp_impair){ .loss = DP_PROBABILITY_ONE });
	assert_int_equal(lose(&bursts), FRAMES);
}

/* Two directions of a seed each lose others; an impairment more does not change what is lost. */
static void streams(void **state)
{
	static bool lost[FRAMES];
	unsigned both = 0, all = 0;

	begin((struct dp_impair){ .loss = 10 * PERCENT, .seed = 1 });
	for (unsigned i = 0; i < FRAMES; i++) {
		impair_pass(im, LEN, i, &fate);
		lost[i] = !fate.count;
		all += lost[i];
	}
	begin((struct dp_impair){ .loss = 10 * PERCENT, .corrupt = 10 * PERCENT,
				  .duplicate = 10 * PERCENT, .seed = 1 });
	for (unsigned i = 0; i < FRAMES; i++) {
		impair_pass(im, LEN, i, &fate);
		assert_int_equal(!fate.count, lost[i]);
	}
	begin((struct dp_impair){ .loss = 10 * PERCENT, .seed = 2 });
	for (unsigned i = 0; i < FRAMES; i++) {
		impair_pass(im, LEN, i, &fate);
		both += !fate.count && lost[i];
	}
	near(both, all * 0.1, 0.05);
}

/* Mean loss p / (p + r), mean burst 1 / r (Gilbert); with h and k as in netem (Elliott). */
static void burst_loss(void **state)
{
	uint64_t lost, bursts;

	begin((struct dp_impair){ .loss_bad = DP_PROBABILITY_ONE, .to_bad = PERCENT,
				  .to_good = 20 * PERCENT, .seed = 3 });
	lost = lose(&bursts);
	print_message("p 1 %%, r 20 %%: %lu lost in %lu bursts\n", (unsigned long)lost,
		      (unsigned long)bursts);
	near((double)lost, FRAMES * (1.0 / 21), 0.03);
	near((double)lost / (double)bursts, 5, 0.03);
	begin((struct dp_impair){ .loss = PERCENT / 10, .loss_bad = 50 * PERCENT,
				  .to_bad = PERCENT, .to_good = 20 * PERCENT, .seed = 3 });
	lost = lose(&bursts);
	near((double)lost, FRAMES * (0.5 / 21 + 0.001 * 20 / 21), 0.03);
}

static int by_value(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return (x > y) - (x < y);
}

static void delay_and_jitter(void **state)
{
	static uint64_t delays[FRAMES];

	begin((struct dp_impair){ .delay_ns = 10 * MS });
	for (unsigned i = 0; i < 1000; i++) {
		impair_pass(im, LEN, i * MS, &fate);
		assert_int_equal(fate.count, 1);
		assert_int_equal(fate.due[0], (i + 10) * MS);
	}
	begin((struct dp_impair){ .delay_ns = 10 * MS, .jitter_ns = 2 * MS });
	for (unsigned i = 0; i < FRAMES; i++) {
		impair_pass(im, LEN, i, &fate);
		delays[i] = fate.due[0] - i;
	}
	qsort(delays, FRAMES, sizeof(delays[0]), by_value);
	assert_true(delays[0] >= 8 * MS && delays[FRAMES - 1] <= 12 * MS);
	for (unsigned tenth = 0; tenth <= 10; tenth++) { /* uniform */
		unsigned at = RTE_MIN(tenth * (FRAMES / 10), FRAMES - 1u);

		near((double)delays[at], (double)(8 * MS + tenth * 4 * MS / 10), 0.001);
	}
}

static void rate(void **state)
{
	uint64_t last = 0, n = 0, full = 0;

	/* A source of ten times the rate: 1000 bytes at 10 Mbit/s are 800 us. */
	begin((struct dp_impair){ .rate = 10000000, .limit = 50 });
	for (uint64_t now = 0; now < HZ; now += 80000) {
		impair_pass(im, LEN, now, &fate);
		full += fate.full;
		if (!fate.count)
			continue;
		assert_true(!last || fate.due[0] == last + 800000);
		assert_true(fate.due[0] - now <= 50 * 800000);
		last = fate.due[0];
		n++;
	}
	assert_int_equal(n + full, HZ / 80000);
	assert_int_equal(n, 50 + HZ / 800000 - 1);
	/* One that is slower waits for nobody, and one of fractions of a tick loses none of it. */
	begin((struct dp_impair){ .rate = 10000000, .delay_ns = MS });
	impair_pass(im, LEN, 5 * MS, &fate);
	assert_int_equal(fate.due[0], 5 * MS + 800000 + MS);
	impair_pass(im, LEN, 15 * MS, &fate);
	assert_int_equal(fate.due[0], 15 * MS + 800000 + MS);
	begin((struct dp_impair){ .rate = 7000000000, .limit = 10000 });
	for (unsigned i = 0; i < 10000; i++)
		impair_pass(im, 64, 1, &fate);
	near((double)fate.due[0], 10000 * 64 * 8 / 7.0, 1e-6);
}

static void corrupt_and_duplicate(void **state)
{
	unsigned corrupt = 0, two = 0, ones = 0;
	uint64_t bits = 0;

	begin((struct dp_impair){ .corrupt = 2 * PERCENT, .duplicate = 5 * PERCENT,
				  .delay_ns = 10 * MS, .jitter_ns = MS });
	for (unsigned i = 0; i < FRAMES; i++) {
		impair_pass(im, LEN, i, &fate);
		corrupt += fate.corrupt;
		ones += fate.corrupt && fate.bit % 8 == 3;
		bits |= fate.corrupt ? fate.bit : 0;
		two += fate.count == 2;
		assert_true(fate.count && (fate.count == 1 || fate.due[0] != fate.due[1]));
	}
	near(corrupt, FRAMES / 50, 0.03);
	near(two, FRAMES / 20, 0.02);
	near(ones, corrupt / 8, 0.1);
	assert_true(bits == UINT64_MAX);
}

/* netem's: some go at once, past those that wait. */
static void reorder(void **state)
{
	unsigned past = 0;

	begin((struct dp_impair){ .reorder = 25 * PERCENT, .delay_ns = 10 * MS });
	for (unsigned i = 0; i < FRAMES; i++) {
		impair_pass(im, LEN, i, &fate);
		assert_int_equal(fate.due[0], fate.reordered ? i : i + 10 * MS);
		past += fate.reordered;
	}
	near(past, FRAMES / 4, 0.01);
}

static void refused(void **state)
{
	static const struct dp_impair wrong[] = {
		{ .loss = DP_PROBABILITY_ONE + 1 },
		{ .to_good = UINT32_MAX },
		{ .reorder = 1 },
		{ .delay_ns = DP_DELAY_MAX_NS + 1 },
		{ .delay_ns = 5, .jitter_ns = 6 },
		{ .rate = IMPAIR_RATE_MIN - 1 },
		{ .rate = UINT64_MAX },
		{ .limit = 10 },
		{ .rate = IMPAIR_RATE_MIN, .limit = IMPAIR_LIMIT_MAX + 1 },
	};
	struct err err;

	for (unsigned i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		err.text[0] = 0;
		assert_int_equal(impair_check(&wrong[i], &err), -EINVAL);
		assert_memory_equal(err.text, "link 0: ", 8);
	}
	assert_true(impair_is_none(&(struct dp_impair){ .seed = 3, .loss_bad = 1 }));
	assert_false(impair_is_none(&(struct dp_impair){ .to_bad = 1 }));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(random_loss), cmocka_unit_test(streams),
		cmocka_unit_test(burst_loss),  cmocka_unit_test(delay_and_jitter),
		cmocka_unit_test(rate),	       cmocka_unit_test(corrupt_and_duplicate),
		cmocka_unit_test(reorder),     cmocka_unit_test(refused),
	};
	int rc = cmocka_run_group_tests(tests, NULL, NULL);

	free(im);
	return rc;
}
