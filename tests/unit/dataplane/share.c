/* SPDX-License-Identifier: Apache-2.0 */
/* A worker in virtual time: a device's ring that overflows, bursts, costs; who loses what. */
#include "dataplane/share_priv.h"
#include "tests/unit/test.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum { VNETS = 64, RING = 4096, BURST = 64, GATHER = 8, LOOK = 20, REST = 5 * 2600 };
/* LOOK: ticks until a vnet is known; REST: from poll to poll, when limited */
#define HZ 2600000000ull
#define MS (HZ / 1000)

struct source {
	double rate; /* packets a tick */
	uint32_t cost;
	uint32_t clump; /* packets that come at once */
	double due;
	uint64_t passed, dropped, overflow, ticks;
};

struct lab {
	struct share *s;
	struct source vnets[VNETS];
	uint64_t now, idle;
	uint8_t ring[RING];
	unsigned head, count;
	unsigned waiting; /* polls in a row that left something in the ring */
	bool full; /* each poll of this epoch found a full burst */
};

static struct lab *lab_create(void)
{
	struct lab *lab = calloc(1, sizeof(*lab));

	assert_non_null(lab);
	lab->now = HZ;
	lab->full = true;
	assert_int_equal(share_create(VNETS, HZ, lab->now, &lab->s), 0);
	return lab;
}

static void lab_destroy(struct lab *lab)
{
	share_destroy(lab->s);
	free(lab);
}

/* load: of a core, when all passes. */
static void lab_vnet(struct lab *lab, unsigned vnet, uint32_t guarantee, uint32_t weight,
		     double load, uint32_t cost)
{
	assert_int_equal(share_vnet_set(lab->s, vnet, guarantee, weight), 0);
	lab->vnets[vnet] = (struct source){ .rate = load / (cost + LOOK),
					    .cost = cost,
					    .clump = 1,
					    .due = (double)lab->now + vnet * 977 % 5000 };
}

static void arrive(struct lab *lab, unsigned vnet)
{
	if (lab->count == RING) {
		lab->vnets[vnet].overflow++;
		return;
	}
	lab->ring[(lab->head + lab->count++) % RING] = (uint8_t)vnet;
}

/* In order of time, to a few hundred ticks. */
static void arrivals(struct lab *lab, uint64_t until)
{
	for (uint64_t t = lab->now; t < until;) {
		t = t + 300 < until ? t + 300 : until;
		for (unsigned i = 0; i < VNETS; i++) {
			struct source *v = &lab->vnets[i];

			for (; v->rate > 0 && v->due <= (double)t; v->due += v->clump / v->rate)
				for (unsigned k = 0; k < v->clump; k++)
					arrive(lab, i);
		}
	}
	lab->now = until;
}

/* At most so many that wait, by vnet. */
static unsigned take(struct lab *lab, unsigned most, unsigned count[VNETS])
{
	unsigned n = lab->count < most ? lab->count : most;

	memset(count, 0, VNETS * sizeof(count[0]));
	for (unsigned i = 0; i < n; i++)
		count[lab->ring[(lab->head + i) % RING]]++;
	lab->head = (lab->head + n) % RING;
	lab->count -= n;
	return n;
}

/* A burst, or what passes of some. Returns the packets taken; false in *full if there were fewer
 * than asked for. */
static unsigned gather(struct lab *lab, unsigned pass[VNETS], bool *full)
{
	unsigned count[VNETS], all = 0, passed = 0, n, most;

	for (unsigned bursts = 0; bursts < GATHER && passed <= BURST / 2; bursts++) {
		most = BURST - passed;
		n = take(lab, most, count);
		all += n;
		*full = n == most;
		for (unsigned i = 0; i < VNETS; i++) {
			unsigned some = count[i] ? share_admit(lab->s, i, count[i]) : 0;

			if (count[i])
				share_charge(lab->s, i, count[i] * LOOK, 0);
			lab->vnets[i].ticks += count[i] * LOOK;
			lab->vnets[i].dropped += count[i] - some;
			pass[i] += some;
			passed += some;
		}
		if (!*full || !lab->s->limiting)
			break;
	}
	return all;
}

static void poll(struct lab *lab)
{
	unsigned pass[VNETS] = {0}, n;
	uint64_t took = 200, idle = 0; /* what is nobody's */
	bool full;

	lab->s->backlog = lab->waiting >= 4;
	n = gather(lab, pass, &full);
	lab->waiting = full ? lab->waiting + 1 : 0;
	for (unsigned i = 0; i < VNETS; i++) {
		uint64_t ticks = (uint64_t)pass[i] * lab->vnets[i].cost;

		if (pass[i])
			share_charge(lab->s, i, ticks, pass[i]);
		lab->vnets[i].passed += pass[i];
		lab->vnets[i].ticks += ticks;
		took += ticks;
	}
	took += n * LOOK;
	if (!n)
		idle = took;
	else if (lab->s->limiting && n < BURST && took < REST) /* as the worker does */
		idle = REST - took;
	share_idle(lab->s, idle);
	lab->idle += idle;
	lab->full &= full;
	arrivals(lab, lab->now + (n ? took : 0) + idle);
	if (share_epoch(lab->s, lab->now, lab->full))
		lab->full = true;
}

static void run(struct lab *lab, uint64_t ticks)
{
	uint64_t end = lab->now + ticks;

	while (lab->now < end)
		poll(lab);
}

static void forget(struct lab *lab)
{
	for (unsigned i = 0; i < VNETS; i++) {
		struct source *v = &lab->vnets[i];

		v->passed = v->dropped = v->overflow = v->ticks = 0;
	}
	lab->idle = 0;
}

static uint64_t lost(const struct lab *lab, unsigned vnet)
{
	return lab->vnets[vnet].dropped + lab->vnets[vnet].overflow;
}

static double part(const struct lab *lab, unsigned vnet, uint64_t ticks)
{
	return (double)lab->vnets[vnet].ticks / (double)ticks;
}

/* One wants ten times the core, in packets of many hops; sixteen want half of what is theirs. */
static void hog(void **state)
{
	struct lab *lab = lab_create();

	for (unsigned i = 1; i <= 16; i++)
		lab_vnet(lab, i, 0, 1, 0.5 / 17, 150);
	run(lab, 20 * MS);
	assert_false(lab->s->limiting);
	lab_vnet(lab, 0, 0, 1, 10, 6000);
	run(lab, 5 * MS); /* it has seen through it */
	forget(lab);
	run(lab, 300 * MS);
	for (unsigned i = 1; i <= 16; i++) {
		assert_int_equal(lost(lab, i), 0);
		assert_true(lab->vnets[i].passed > 0);
	}
	assert_true(lost(lab, 0) > lab->vnets[0].passed);
	/* What is left: all but the sixteen's 8 / 17, 2 % of slack and what polls cost. */
	assert_true(part(lab, 0, 300 * MS) > 1 - 8.0 / 17 - 0.06);
	assert_true((double)lab->idle / (300.0 * MS) < 0.04);

	/* It has gone: after a while nobody is looked at any more. */
	lab->vnets[0].rate = 0;
	run(lab, 10 * MS);
	assert_false(lab->s->limiting);
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
	run(lab, 20 * MS);
	forget(lab);
	for (unsigned k = 0; k < 50; k++) {
		run(lab, 7 * MS);
		for (unsigned i = 1; i <= 4; i++) { /* they pause, others pause and come back */
			double rate = 0.5 / 17 / (150 + LOOK);
			struct source *v = &lab->vnets[i + 4 * (k % 4)];

			v->rate = v->rate > 0 ? 0 : rate;
			v->due = (double)lab->now;
		}
	}
	for (unsigned i = 1; i <= 16; i++)
		assert_int_equal(lab->vnets[i].dropped, 0);
	assert_true(lost(lab, 0) > 0);
	lab_destroy(lab);
}

/* All want too much: time by weight, whatever a packet costs. */
static void weights(void **state)
{
	struct lab *lab = lab_create();
	double sum = 0, squares = 0, all = 0;

	for (unsigned i = 0; i < 32; i++)
		lab_vnet(lab, i, 0, 1 + i % 8, 2 * (1 + i % 8) / 144.0, 150 + 400 * (i % 5));
	run(lab, 50 * MS);
	forget(lab);
	run(lab, 300 * MS);
	for (unsigned i = 0; i < 32; i++)
		all += part(lab, i, 300 * MS);
	assert_true(all > 0.95);
	for (unsigned i = 0; i < 32; i++) {
		double got = part(lab, i, 300 * MS) / (all * (1 + i % 8) / 144);

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
	run(lab, 20 * MS);
	forget(lab);
	run(lab, 300 * MS);
	assert_int_equal(lost(lab, 0), 0);
	assert_true(lost(lab, 1) > 0 && lost(lab, 2) > 0);
	/* The guarantee comes first, the rest is halved. */
	assert_true(part(lab, 2, 300 * MS) - part(lab, 1, 300 * MS) > 0.09);
	assert_true(part(lab, 2, 300 * MS) - part(lab, 1, 300 * MS) < 0.11);
	assert_true(part(lab, 0, 300 * MS) + part(lab, 1, 300 * MS) + part(lab, 2, 300 * MS) >
		    0.95);
	lab_destroy(lab);
}

/* Nobody is limited while there is time for all, however uneven they are. */
static void uncontended(void **state)
{
	struct lab *lab = lab_create();

	lab_vnet(lab, 0, 0, 1, 0.85, 150);
	lab_vnet(lab, 1, 0, 1000, 0.05, 700);
	run(lab, 200 * MS);
	assert_int_equal(lost(lab, 0) + lost(lab, 1), 0);
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
	run(lab, 10 * MS);
	assert_true(lab->s->limiting);
	assert_true(lab->s->active_count <= 2);
	forget(lab);
	run(lab, 100 * MS);
	/* Nor do they get a part. */
	assert_true(part(lab, 3, 100 * MS) > 0.84);
	assert_int_equal(lost(lab, 5), 0);
	lab_destroy(lab);
}

/* Vnets come, change and go under overload; those that stay are right again at once. */
static void changes(void **state)
{
	struct lab *lab = lab_create();

	for (unsigned i = 0; i < 8; i++)
		lab_vnet(lab, i, 0, 1, 0.3, 300);
	run(lab, 50 * MS);
	for (unsigned k = 0; k < 200; k++) {
		unsigned i = 4 + k % 4;

		lab->vnets[i].rate = 0;
		run(lab, MS); /* the ring holds none of its packets */
		share_vnet_del(lab->s, i);
		run(lab, MS / 2);
		lab_vnet(lab, i, k % 3 * 10000, 1 + k % 7, 0.3, 300);
		run(lab, MS);
	}
	for (unsigned i = 0; i < 8; i++)
		lab_vnet(lab, i, 0, i < 4 ? 1 : 2, 0.6, 300);
	run(lab, 20 * MS);
	forget(lab);
	run(lab, 200 * MS);
	for (unsigned i = 4; i < 8; i++) {
		double ratio = part(lab, i, 1) / part(lab, i - 4, 1);

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
		cmocka_unit_test(hog),	       cmocka_unit_test(clumps),
		cmocka_unit_test(weights),     cmocka_unit_test(guarantees),
		cmocka_unit_test(uncontended), cmocka_unit_test(idle_cost_nothing),
		cmocka_unit_test(changes),     cmocka_unit_test(debts),
		cmocka_unit_test(catching_up), cmocka_unit_test(in_advance),
		cmocka_unit_test(refusals),    cmocka_unit_test(idle_is_given),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
