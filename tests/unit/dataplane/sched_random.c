/* SPDX-License-Identifier: Apache-2.0 */
/* Whatever happens: what came in has left, was dropped by name, or is queued. */
#include "tests/unit/dataplane/sched_lab.h"

enum { OPERATIONS = 1000000, VNETS = 24, LIMIT = 512 };

static void conserved(struct lab *lab)
{
	uint64_t queued = 0;

	for (unsigned i = 0; i < VNETS; i++) {
		const struct lab_count *c = &lab->vnets[i];
		struct sched_stats stats;

		sched_vnet_stats(lab->s, i, &stats);
		queued += stats.queued;
		assert_int_equal(c->in, c->out + stats.queued + c->drops[SCHED_DROP_OVERLIMIT] +
						c->drops[SCHED_DROP_CODEL] +
						c->drops[SCHED_DROP_GONE]);
	}
	assert_int_equal(queued, sched_queued(lab->s));
	assert_true(queued <= LIMIT);
}

static void reconfigure(struct lab *lab)
{
	static const uint64_t rates[] = { 0, 8000, 100000, MBIT, 30 * MBIT, 900 * MBIT };
	unsigned vnet = lab_rnd(lab, VNETS);
	uint64_t guarantee = rates[lab_rnd(lab, 6)], ceiling = rates[lab_rnd(lab, 6)];

	switch (lab_rnd(lab, 8)) {
	case 0:
		sched_vnet_del(lab->s, vnet);
		break;
	case 1:
		sched_rate_set(lab->s, rates[lab_rnd(lab, 6)], lab->now);
		break;
	default:
		if (ceiling && ceiling < guarantee)
			guarantee = 0;
		lab_vnet(lab, vnet, guarantee, 1 + lab_rnd(lab, 1000), ceiling);
	}
}

static void operation(struct lab *lab)
{
	unsigned vnet = lab_rnd(lab, VNETS);

	switch (lab_rnd(lab, 16)) {
	case 0:
		reconfigure(lab);
		break;
	case 1:
		lab->now += (uint64_t)lab_rnd(lab, 1 << 20) << lab_rnd(lab, 12);
		break;
	case 2:
	case 3:
	case 4:
	case 5:
	case 6:
		lab->len = lab_rnd(lab, 100) ? 0 : 60 + lab_rnd(lab, 9200);
		lab_send(lab, vnet, lab_rnd(lab, 1000), 1 + lab_rnd(lab, 8));
		break;
	case 7:
		lab_send(lab, lab_rnd(lab, 2), lab_rnd(lab, 2), 1 + lab_rnd(lab, 60));
		break;
	case 8:
	case 9:
		lab_take(lab, lab_rnd(lab, LAB_BURST + 1));
		break;
	default:
		lab->now += lab_rnd(lab, 1 << 16);
		lab_take(lab, 1 + lab_rnd(lab, 8));
	}
}

static void all_is_accounted_for(void **state)
{
	struct lab *lab = lab_create(100 * MBIT, VNETS, LIMIT);
	struct lab_count all = { 0 };

	for (unsigned i = 0; i < OPERATIONS; i++) {
		operation(lab);
		if (i % 16 == 0)
			conserved(lab);
	}
	/* Once nothing hinders them, all that are left leave. */
	for (unsigned i = 0; i < VNETS; i++)
		lab_vnet(lab, i, 0, 1, 0);
	sched_rate_set(lab->s, 0, lab->now);
	lab_run(lab, LAB_MS);
	assert_int_equal(sched_queued(lab->s), 0);
	assert_true(sched_next(lab->s, lab->now) == UINT64_MAX);
	conserved(lab);
	for (unsigned i = 0; i < VNETS; i++) {
		all.out += lab->vnets[i].out;
		for (unsigned k = 0; k < SCHED_DROPS; k++)
			all.drops[k] += lab->vnets[i].drops[k];
	}
	/* All of it has happened. */
	assert_true(all.out > 100000);
	for (unsigned k = 0; k < SCHED_DROPS; k++)
		assert_true(all.drops[k] > 1000);
	lab_destroy(lab);
}

/* What is queued leaves when sched_next() says so, and not only when somebody happens to ask. */
static void next_is_true(void **state)
{
	struct lab *lab = lab_create(100 * MBIT, VNETS, LIMIT);

	for (unsigned i = 0; i < VNETS; i++)
		lab_vnet(lab, i, i % 2 ? 100000 : 0, 1 + i, i % 3 ? 200000 * (1 + i) : 0);
	for (unsigned k = 0; k < 20000; k++) {
		unsigned idle = 0;

		if (lab_rnd(lab, 4))
			lab_send(lab, lab_rnd(lab, VNETS), lab_rnd(lab, 100), 1);
		/* Twice early is allowed: a wheel's slot that does not reach far enough. */
		while (lab_rnd(lab, 4) && sched_queued(lab->s)) {
			uint64_t next = sched_next(lab->s, lab->now);

			assert_true(next >= lab->now && next != UINT64_MAX);
			if (next > lab->now + 1) {
				lab->now = next - 1;
				assert_int_equal(lab_take(lab, 1), 0);
			}
			lab->now = next;
			idle = lab_take(lab, 1) ? 0 : idle + 1;
			assert_true(idle < 100);
		}
	}
	lab_destroy(lab);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(all_is_accounted_for),
		cmocka_unit_test(next_is_true),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
