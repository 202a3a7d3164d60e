/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/dataplane/share_lab.h"
#include "tests/unit/test.h"

#include <errno.h>
#include <stdlib.h>

/* One wants ten times the core, in packets of many hops; sixteen want half of what is theirs. */
static void hog(void **state)
{
	struct lab *lab = lab_create();

	for (unsigned i = 1; i <= 16; i++)
		lab_vnet(lab, i, 0, 1, 0.5 / 17, 150);
	lab_run(lab, 20 * MS);
	assert_false(lab->s->limiting);
	lab_vnet(lab, 0, 0, 1, 10, 6000);
	lab_run(lab, 5 * MS); /* it has seen through it */
	lab_forget(lab);
	lab_run(lab, 300 * MS);
	for (unsigned i = 1; i <= 16; i++) {
		assert_int_equal(lab_lost(lab, i), 0);
		assert_true(lab->vnets[i].passed > 0);
	}
	assert_true(lab_lost(lab, 0) > lab->vnets[0].passed);
	/* What is left: all but the sixteen's 8 / 17, 2 % of slack and what polls cost. */
	assert_true(lab_part(lab, 0, 300 * MS) > 1 - 8.0 / 17 - 0.06);
	assert_true((double)lab->idle / (300.0 * MS) < 0.04);

	/* It has gone: after a while nobody is looked at any more. */
	lab->vnets[0].rate = 0;
	lab_run(lab, 10 * MS);
	assert_false(lab->s->limiting);
	lab_destroy(lab);
}

/* The core is half as fast for a while, again and again, and away for a moment before it. What waits
 * then is not what those within their share have to pay for, as all of them together fit. */
static void slow_core(void **state)
{
	struct lab *lab = lab_create();

	for (unsigned i = 1; i <= 16; i++)
		lab_vnet(lab, i, 0, 1, 0.52 / 17, 1000);
	lab_vnet(lab, 0, 0, 1, 10, 22000);
	lab_run(lab, 50 * MS);
	lab_forget(lab);
	for (unsigned k = 0; k < 10; k++) {
		lab->slow = 1;
		lab_run(lab, 80 * MS);
		lab->now += MS / 2;
		lab->slow = 2.0;
		lab_run(lab, 20 * MS);
	}
	for (unsigned i = 1; i <= 16; i++)
		assert_int_equal(lab->vnets[i].dropped, 0);
	assert_true(lab_lost(lab, 0) > 0);
	lab_destroy(lab);
}

/* Whoever is within its share loses nothing of what it sends in clumps, or after a pause. */
static void clumps(void **state)
{
	struct lab *lab = lab_create();

	for (unsigned i = 1; i <= 16; i++) {
		lab_vnet(lab, i, 0, 1, 0.5 / 17, 150);
		lab->vnets[i].clump = i <= 8 ? 32 : 4;
	}
	lab_vnet(lab, 0, 0, 1, 10, 6000);
	lab_run(lab, 20 * MS);
	lab_forget(lab);
	for (unsigned k = 0; k < 50; k++) {
		lab_run(lab, 7 * MS);
		for (unsigned i = 1; i <= 4; i++) { /* they pause, others pause and come back */
			double rate = 0.5 / 17 / (150 + LAB_LOOK);
			struct source *v = &lab->vnets[i + 4 * (k % 4)];

			v->rate = v->rate > 0 ? 0 : rate;
			v->due = (double)lab->now;
		}
	}
	for (unsigned i = 1; i <= 16; i++)
		assert_int_equal(lab->vnets[i].dropped, 0);
	assert_true(lab_lost(lab, 0) > 0);
	lab_destroy(lab);
}

/* All want too much: time by weight, whatever a packet costs. */
static void weights(void **state)
{
	struct lab *lab = lab_create();
	double sum = 0, squares = 0, all = 0;

	for (unsigned i = 0; i < 32; i++)
		lab_vnet(lab, i, 0, 1 + i % 8, 2 * (1 + i % 8) / 144.0, 150 + 400 * (i % 5));
	lab_run(lab, 100 * MS); /* what they had saved is used up */
	lab_forget(lab);
	lab_run(lab, 300 * MS);
	for (unsigned i = 0; i < 32; i++)
		all += lab_part(lab, i, 300 * MS);
	assert_true(all > 0.95);
	for (unsigned i = 0; i < 32; i++) {
		double got = lab_part(lab, i, 300 * MS) / (all * (1 + i % 8) / 144);

		assert_true(got > 0.99 && got < 1.01);
		sum += got;
		squares += got * got;
	}
	assert_true(sum * sum / (32 * squares) >= 0.999);
	lab_destroy(lab);
}

static void guarantees(void **state)
{
	struct lab *lab = lab_create();

	lab_vnet(lab, 0, 500000, 1, 0.48, 150); /* within its guarantee, at little weight */
	lab_vnet(lab, 1, 0, 1000, 2, 700);
	lab_vnet(lab, 2, 100000, 1000, 2, 700);
	lab_run(lab, 20 * MS);
	lab_forget(lab);
	lab_run(lab, 300 * MS);
	assert_int_equal(lab_lost(lab, 0), 0);
	assert_true(lab_lost(lab, 1) > 0 && lab_lost(lab, 2) > 0);
	/* The guarantee comes first, the rest is halved. */
	assert_true(lab_part(lab, 2, 300 * MS) - lab_part(lab, 1, 300 * MS) > 0.09);
	assert_true(lab_part(lab, 2, 300 * MS) - lab_part(lab, 1, 300 * MS) < 0.11);
	assert_true(lab_part(lab, 0, 300 * MS) + lab_part(lab, 1, 300 * MS) + lab_part(lab, 2, 300 * MS) >
		    0.95);
	lab_destroy(lab);
}

/* Nobody is limited while there is time for all, however uneven they are. */
static void uncontended(void **state)
{
	struct lab *lab = lab_create();

	lab_vnet(lab, 0, 0, 1, 0.85, 150);
	lab_vnet(lab, 1, 0, 1000, 0.05, 700);
	lab_run(lab, 200 * MS);
	assert_int_equal(lab_lost(lab, 0) + lab_lost(lab, 1), 0);
	assert_false(lab->s->limiting);
	lab_destroy(lab);
}

/* The end of an epoch visits who had packets, not who is set. */
static void idle_cost_nothing(void **state)
{
	struct lab *lab = lab_create();

	for (unsigned i = 0; i < VNETS; i++)
		assert_int_equal(share_vnet_set(lab->s, i, 0, 1), 0);
	lab_vnet(lab, 3, 0, 1, 2, 150);
	lab_vnet(lab, 5, 0, 1, 0.1, 150);
	lab_run(lab, 10 * MS);
	assert_true(lab->s->limiting);
	assert_true(lab->s->active_count <= 2);
	lab_forget(lab);
	lab_run(lab, 100 * MS);
	/* Nor do they get a part. */
	assert_true(lab_part(lab, 3, 100 * MS) > 0.84);
	assert_int_equal(lab_lost(lab, 5), 0);
	lab_destroy(lab);
}

/* Vnets come, change and go under overload; those that stay are right again at once. */
static void changes(void **state)
{
	struct lab *lab = lab_create();

	for (unsigned i = 0; i < 8; i++)
		lab_vnet(lab, i, 0, 1, 0.3, 300);
	lab_run(lab, 50 * MS);
	for (unsigned k = 0; k < 200; k++) {
		unsigned i = 4 + k % 4;

		lab->vnets[i].rate = 0;
		lab_run(lab, MS); /* the ring holds none of its packets */
		share_vnet_del(lab->s, i);
		lab_run(lab, MS / 2);
		lab_vnet(lab, i, k % 3 * 10000, 1 + k % 7, 0.3, 300);
		lab_run(lab, MS);
	}
	for (unsigned i = 0; i < 8; i++)
		lab_vnet(lab, i, 0, i < 4 ? 1 : 2, 0.6, 300);
	lab_run(lab, 20 * MS);
	lab_forget(lab);
	lab_run(lab, 200 * MS);
	for (unsigned i = 4; i < 8; i++) {
		double ratio = lab_part(lab, i, 1) / lab_part(lab, i - 4, 1);

		assert_true(ratio > 1.98 && ratio < 2.02);
	}
	lab_destroy(lab);
}

/* Looking at the packets of a flood may cost more than its vnet's share. It is as everybody else
 * soon after, also while others want too much. */
static void debts(void **state)
{
	uint64_t now = 0, epoch = HZ / 5000;
	struct share *s;

	assert_int_equal(share_create(2, HZ, now, &s), 0);
	assert_int_equal(share_vnet_set(s, 0, 0, 1) | share_vnet_set(s, 1, 0, 1), 0);
	for (unsigned k = 0; k < 1000; k++) {
		share_charge(s, 0, 3 * epoch, 1000);
		share_charge(s, 1, epoch, 1000);
		share_epoch_end(s, now += epoch, true);
	}
	assert_int_equal(share_admit(s, 0, 1), 0);
	for (unsigned k = 0; k < 40; k++) {
		share_charge(s, 1, epoch, 1000);
		share_epoch_end(s, now += epoch, true);
	}
	assert_true(s->limiting);
	assert_int_equal(share_admit(s, 0, 1), 1);
	share_destroy(s);
}

/* The worker was away for a moment and has a full epoch's work: nobody is far over its share. */
static void catching_up(void **state)
{
	uint64_t epoch = HZ / 5000;
	struct share *s;

	assert_int_equal(share_create(16, HZ, 0, &s), 0);
	for (unsigned i = 0; i < 16; i++) {
		assert_int_equal(share_vnet_set(s, i, 0, 1), 0);
		share_charge(s, i, epoch / 16, 10);
	}
	share_epoch_end(s, epoch, true);
	assert_true(s->limiting);
	for (unsigned i = 0; i < 16; i++)
		assert_int_equal(share_admit(s, i, 20), 20);
	share_destroy(s);
}

/* The worker had half a core for a while, as while others ran on it. What it has then is given to vnets
 * again within a few epochs, before it would count as not limiting. */
static void idle_is_given(void **state)
{
	uint64_t now = 0, epoch = HZ / 5000;
	uint32_t most;
	struct share *s;

	assert_int_equal(share_create(1, HZ, now, &s), 0);
	assert_int_equal(share_vnet_set(s, 0, 0, 1), 0);
	most = s->capacity;
	for (unsigned k = 0; k < 1000; k++) {
		share_charge(s, 0, epoch, 100);
		share_epoch_end(s, now += epoch, true);
	}
	assert_true(s->capacity <= most * 6 / 10);
	for (unsigned k = 0; k < 8; k++) {
		share_charge(s, 0, epoch / 2, 50);
		share_idle(s, epoch / 2);
		share_epoch_end(s, now += epoch, true);
	}
	assert_true(s->limiting);
	assert_true(s->capacity >= most);
	share_destroy(s);
}

/* Who has little left may have a few packets of a burst in advance, who has saved up has all. */
static void in_advance(void **state)
{
	uint64_t epoch = HZ / 5000;
	struct share *s;

	assert_int_equal(share_create(2, HZ, 0, &s), 0);
	assert_int_equal(share_vnet_set(s, 0, 0, 1) | share_vnet_set(s, 1, 0, 1), 0);
	share_charge(s, 0, epoch / 2, 50);
	share_charge(s, 1, epoch / 2, 50); /* a hundredth of an epoch each */
	share_epoch_end(s, epoch, true);
	s->vnets[0].left = 1;
	assert_int_equal(share_admit(s, 0, 64), 17);
	assert_int_equal(share_admit(s, 0, 64), 0);
	share_charge(s, 0, 0, 17); /* now that they are paid for */
	assert_int_equal(share_admit(s, 0, 64), 17);
	assert_int_equal(share_admit(s, 1, 64), 64);
	share_destroy(s);
}

static void refusals(void **state)
{
	struct share *s;

	assert_int_equal(share_create(0, HZ, 0, &s), -EINVAL);
	assert_int_equal(share_create(1, 1, 0, &s), -EINVAL);
	assert_int_equal(share_create(2, HZ, 0, &s), 0);
	assert_int_equal(share_vnet_set(s, 2, 0, 1), -EINVAL);
	assert_int_equal(share_vnet_set(s, 0, 1000001, 1), -EINVAL);
	assert_int_equal(share_vnet_set(s, 0, 0, 0), -EINVAL);
	assert_int_equal(share_vnet_set(s, 0, 0, 1001), -EINVAL);
	assert_int_equal(share_vnet_set(s, 1, 1000000, 1000), 0);
	share_vnet_del(s, 2);
	share_destroy(s);
	share_destroy(NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(hog),	       cmocka_unit_test(slow_core),    cmocka_unit_test(clumps),
		cmocka_unit_test(weights),     cmocka_unit_test(guarantees),
		cmocka_unit_test(uncontended), cmocka_unit_test(idle_cost_nothing),
		cmocka_unit_test(changes),     cmocka_unit_test(debts),
		cmocka_unit_test(catching_up), cmocka_unit_test(in_advance),
		cmocka_unit_test(refusals),    cmocka_unit_test(idle_is_given),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
