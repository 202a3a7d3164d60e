/* SPDX-License-Identifier: Apache-2.0 */
/* Who gets how much of a link, in virtual time. */
#include "tests/unit/dataplane/sched_lab.h"

#include <errno.h>

static void weights(void **state)
{
	struct lab *lab = lab_create(10 * GBIT, 256, 32768);
	double total = 0, sum = 0, squares = 0;

	for (unsigned i = 0; i < 256; i++) {
		lab_vnet(lab, i, 0, 1 + i % 8, 0);
		lab_greedy(lab, i, 4, 8);
	}
	lab_run(lab, 50 * LAB_MS);
	lab_forget(lab);
	lab_run(lab, LAB_SEC);
	for (unsigned i = 0; i < 256; i++)
		total += (double)lab_rate(lab, i, LAB_SEC);
	assert_near((uint64_t)total, 10 * GBIT, 0.001);
	for (unsigned i = 0; i < 256; i++) {
		double share = total * (1 + i % 8) / (32 * 36);
		double got = (double)lab_rate(lab, i, LAB_SEC) / share;

		assert_true(got > 0.99 && got < 1.01);
		sum += got;
		squares += got * got;
	}
	assert_true(sum * sum / (256 * squares) >= 0.999); /* Jain */
	lab_destroy(lab);
}

/* A thousand to one, and with as many packets as bytes differ. */
static void far_weights(void **state)
{
	struct lab *lab = lab_create(GBIT, 4, 4096);

	lab_vnet(lab, 0, 0, 1000, 0);
	lab_vnet(lab, 1, 0, 1000, 0);
	lab_vnet(lab, 2, 0, 10, 0);
	for (unsigned i = 0; i < 3; i++)
		lab_greedy(lab, i, 2, 50);
	lab_run(lab, 100 * LAB_MS);
	lab_forget(lab);
	lab_run(lab, 4 * LAB_SEC);
	assert_near(lab_rate(lab, 0, 4 * LAB_SEC), 1000 * GBIT / 2010, 0.01);
	assert_near(lab_rate(lab, 1, 4 * LAB_SEC), 1000 * GBIT / 2010, 0.01);
	assert_near(lab_rate(lab, 2, 4 * LAB_SEC), 10 * GBIT / 2010, 0.01);
	lab_destroy(lab);
}

/* Guarantees first, the rest by weight; also when the link is given away to the last bit. */
static void guarantees(void **state)
{
	struct lab *lab = lab_create(10 * GBIT, 16, 32768);

	lab_vnet(lab, 0, 4 * GBIT, 1, 0);
	lab_vnet(lab, 1, 1 * GBIT, 1, 0);
	for (unsigned i = 2; i < 12; i++)
		lab_vnet(lab, i, 0, 8, 0);
	for (unsigned i = 0; i < 12; i++)
		lab_greedy(lab, i, 4, 50);
	lab_run(lab, 50 * LAB_MS);
	lab_forget(lab);
	lab_run(lab, 300 * LAB_MS);
	assert_near(lab_rate(lab, 0, 300 * LAB_MS), 4 * GBIT + 5 * GBIT / 82, 0.002);
	assert_near(lab_rate(lab, 1, 300 * LAB_MS), 1 * GBIT + 5 * GBIT / 82, 0.002);
	for (unsigned i = 2; i < 12; i++)
		assert_near(lab_rate(lab, i, 300 * LAB_MS), 8 * 5 * GBIT / 82, 0.01);

	lab_vnet(lab, 2, 5 * GBIT, 8, 0);
	lab_run(lab, 50 * LAB_MS);
	lab_forget(lab);
	lab_run(lab, 300 * LAB_MS);
	assert_near(lab_rate(lab, 0, 300 * LAB_MS), 4 * GBIT, 0.002);
	assert_near(lab_rate(lab, 1, 300 * LAB_MS), 1 * GBIT, 0.002);
	assert_near(lab_rate(lab, 2, 300 * LAB_MS), 5 * GBIT, 0.002);
	lab_destroy(lab);
}

/* Nobody exceeds a ceiling, in any window of 10 ms, and others take what it leaves. */
static void ceilings(void **state)
{
	static const uint64_t ceiling[] = { 8000, 10 * MBIT, 250 * MBIT, 2 * GBIT };
	struct lab *lab = lab_create(4 * GBIT, 8, 32768);
	uint64_t bytes[4] = { 0 };

	for (unsigned i = 0; i < 4; i++) {
		lab_vnet(lab, i, 0, 1000, ceiling[i]);
		lab_greedy(lab, i, 4, 50);
	}
	lab_vnet(lab, 4, 0, 1, 0);
	lab_greedy(lab, 4, 4, 50);
	lab_run(lab, 100 * LAB_MS);
	lab_forget(lab);
	for (unsigned k = 0; k < 100; k++) {
		lab_forget(lab);
		lab_run(lab, 10 * LAB_MS);
		for (unsigned i = 0; i < 4; i++) {
			uint64_t sent = lab->vnets[i].bytes;
			uint64_t burst = ceiling[i] / 8 / 5000; /* 200 us */

			burst = burst > 4 * 1542 ? burst : 4 * 1542;
			assert_true(sent <= ceiling[i] / 8 / 100 + burst + 1538);
			bytes[i] += sent;
		}
		assert_true(lab->vnets[4].bytes > GBIT / 8 / 100);
	}
	assert_near(bytes[1], ceiling[1] / 8, 0.01);
	assert_near(bytes[2], ceiling[2] / 8, 0.01);
	assert_near(bytes[3], ceiling[3] / 8, 0.01);
	lab_destroy(lab);
}

/* Whoever has packets gets the whole link, whatever is promised to those who have none. */
static void work_conserving(void **state)
{
	struct lab *lab = lab_create(10 * GBIT, 4, 4096);

	lab_vnet(lab, 0, 9 * GBIT, 1000, 0);
	lab_vnet(lab, 1, 0, 1000, MBIT);
	lab_vnet(lab, 2, 10 * MBIT, 1, 0);
	lab_greedy(lab, 1, 1, 50);
	lab_greedy(lab, 2, 1, 50);
	lab_run(lab, 20 * LAB_MS);
	lab_forget(lab);
	lab_run(lab, 200 * LAB_MS);
	assert_near(lab_rate(lab, 1, 200 * LAB_MS) + lab_rate(lab, 2, 200 * LAB_MS), 10 * GBIT, 0.0005);
	lab_destroy(lab);
}

/* Weights, ceilings and the port's rate change while all is queued. */
static void changes(void **state)
{
	struct lab *lab = lab_create(GBIT, 2, 4096);

	lab_vnet(lab, 0, 0, 1, 0);
	lab_vnet(lab, 1, 0, 1, 0);
	lab_greedy(lab, 0, 4, 50);
	lab_greedy(lab, 1, 4, 50);
	lab_run(lab, 100 * LAB_MS);
	assert_near(lab->vnets[0].bytes, lab->vnets[1].bytes, 0.01);

	lab_vnet(lab, 0, 0, 9, 0);
	lab_forget(lab);
	lab_run(lab, LAB_SEC);
	assert_near(lab_rate(lab, 0, LAB_SEC), 900 * MBIT, 0.01);

	lab_vnet(lab, 0, 0, 9, 100 * MBIT);
	lab_run(lab, LAB_MS);
	lab_forget(lab);
	lab_run(lab, LAB_SEC);
	assert_near(lab_rate(lab, 0, LAB_SEC), 100 * MBIT, 0.01);
	assert_near(lab_rate(lab, 1, LAB_SEC), 900 * MBIT, 0.01);

	assert_int_equal(sched_rate_set(lab->s, 2 * GBIT, lab->now), 0);
	lab_vnet(lab, 0, 0, 9, 0);
	lab_forget(lab);
	lab_run(lab, LAB_SEC);
	assert_near(lab_rate(lab, 0, LAB_SEC), 1800 * MBIT, 0.01);
	lab_destroy(lab);
}

static void deleted_while_queued(void **state)
{
	struct lab *lab = lab_create(GBIT, 2, 4096);
	struct sched_stats stats;

	lab_vnet(lab, 0, 0, 1, 0);
	lab_vnet(lab, 1, 10 * MBIT, 1, 20 * MBIT);
	lab_greedy(lab, 0, 4, 10);
	lab_send(lab, 1, 0, 30);
	lab_send(lab, 1, 1, 30);
	lab_run(lab, LAB_MS);
	assert_int_equal(sched_vnet_del(lab->s, 1), 60 - lab->vnets[1].out);
	assert_int_equal(lab->vnets[1].drops[SCHED_DROP_GONE], 60 - lab->vnets[1].out);
	assert_int_equal(sched_vnet_del(lab->s, 1), 0);
	lab_send(lab, 1, 0, 5);
	sched_vnet_stats(lab->s, 1, &stats);
	assert_int_equal(stats.drops[SCHED_DROP_GONE], 65 - lab->vnets[1].out);
	assert_int_equal(sched_queued(lab->s), 40);

	/* Comes back as new, and the other one has gone on. */
	lab_vnet(lab, 1, 0, 1, 0);
	lab_greedy(lab, 1, 4, 10);
	lab_forget(lab);
	lab_run(lab, LAB_SEC);
	assert_near(lab->vnets[0].bytes, lab->vnets[1].bytes, 0.01);
	sched_vnet_stats(lab->s, 1, &stats);
	assert_int_equal(stats.packets, lab->vnets[1].out);
	assert_int_equal(stats.bytes, lab->vnets[1].bytes - 24 * lab->vnets[1].out);
	assert_int_equal(stats.drops[SCHED_DROP_GONE], 0);
	lab_destroy(lab);
}

static void refusals(void **state)
{
	struct lab *lab = lab_create(GBIT, 4, 64);
	const struct sched_vnet_conf bad[] = {
		{ 0, 0, 0 },	   { 0, 0, 1001 },	     { 7999, 0, 1 },
		{ 0, 7999, 1 }, { 2 * MBIT, MBIT, 1 },
	};

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_int_equal(sched_vnet_set(lab->s, 0, &bad[i], lab->now), -EINVAL);
	assert_int_equal(sched_vnet_set(lab->s, 4, &(struct sched_vnet_conf){ 0, 0, 1 }, lab->now),
			 -EINVAL);
	assert_int_equal(sched_vnet_del(lab->s, 4), 0);
	assert_int_equal(sched_rate_set(lab->s, 1, lab->now), -EINVAL);
	lab_destroy(lab);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(weights),	   cmocka_unit_test(far_weights),
		cmocka_unit_test(guarantees),	   cmocka_unit_test(ceilings),
		cmocka_unit_test(work_conserving), cmocka_unit_test(changes),
		cmocka_unit_test(deleted_while_queued), cmocka_unit_test(refusals),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
