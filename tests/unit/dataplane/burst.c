/* SPDX-License-Identifier: Apache-2.0 */
/* Who pays for a burst, and who is not let in. */
#include "dataplane/device_priv.h"
#include "dataplane/share_priv.h"
#include "dataplane/stats_priv.h"
#include "tests/unit/dataplane/lab.h"
#include "tests/unit/test.h"

#include <rte_cycles.h>

static uint8_t frame[200];

static int setup(void **state)
{
	*state = lab_engine();
	lab_build(*state);
	lab_ip4(frame, 0x0a010001, 64, 1, 100);
	return 0;
}

static int teardown(void **state)
{
	struct engine *e = *state;

	e->workers[0]->share->limiting = false;
	objects_clear(e);
	return 0;
}

static struct share_vnet *share_of(struct engine *e, uint32_t v)
{
	return &e->workers[0]->share->vnets[lab_port(e, v * 100 + 1)->vnet->slot];
}

static uint64_t cpu_ns(struct engine *e, uint32_t v)
{
	struct dp_vnet_stats s = { 0 };

	stats_vnet(e, lab_port(e, v * 100 + 1)->vnet, &s);
	return s.cpu_ns;
}

static unsigned sent(struct engine *e, uint32_t v, unsigned n)
{
	unsigned came = 0;

	for (unsigned i = 0; i < n; i++) {
		lab_fast(e, v * 100 + 1, frame, 114);
		came += lab_take(e, frame + 114, 0, NULL) > 0;
	}
	return came;
}

static void each_pays_for_its_own(void **state)
{
	struct engine *e = *state;
	uint64_t before;

	assert_int_equal(sent(e, 1, 1000), 1000);
	assert_true(cpu_ns(e, 1) > 0);
	assert_int_equal(cpu_ns(e, 2), 0);
	assert_int_equal(share_of(e, 1)->packets, 1000);
	assert_int_equal(share_of(e, 2)->packets, 0);
	before = cpu_ns(e, 1);
	lab_ip4(frame, 0x0a010001, 1, 1, 100); /* for the guest */
	sent(e, 2, 100);
	assert_int_equal(cpu_ns(e, 1), before);
	assert_true(cpu_ns(e, 2) > 0);
	assert_int_equal(share_of(e, 2)->packets, 100);
}

/* A second that somebody else had our core is nobody's. */
static void away(void **state)
{
	struct engine *e = *state;

	assert_int_equal(sent(e, 1, 1), 1);
	e->workers[0]->billed_until = rte_rdtsc() - e->workers[0]->hz;
	assert_int_equal(sent(e, 1, 1), 1);
	assert_true(cpu_ns(e, 1) < 1000000);
}

/* While vnets are limited, nobody pays more than twice what its packets cost of late, and 5 us. */
static void away_while_limited(void **state)
{
	enum { MEAN = 1000 };
	struct engine *e = *state;
	struct worker *w = e->workers[0];
	struct share_vnet *v = share_of(e, 1);
	uint64_t before;

	w->share->limiting = true;
	v->mean = MEAN;
	v->left = INT64_MAX / 2;
	fast_receive(&w->fast.rx, lab_mbuf(e, frame, 114), lab_port(e, 101));
	worker_admit(w, 0, true);
	before = v->cycles;
	w->billed_until = rte_rdtsc() - w->hz;
	worker_forward(w, true);
	worker_flush_relay(w);
	assert_true(lab_take(e, frame + 114, 0, NULL) > 0);
	assert_in_range(v->cycles - before, 1, 2 * MEAN + w->hz / 1000000 * 5);
}

/* Who crosses more wires pays for more, in the graph as well. */
static void each_wire(void **state)
{
	struct engine *e = *state;
	struct worker *w = e->workers[0];
	struct vnet *vnet = lab_port(e, 101)->vnet;
	struct rte_mbuf *m = lab_mbuf(e, frame, 114);

	pkt_enter(m, lab_port(e, 101));
	pkt(m)->out = lab_port(e, 101);
	wire_tx_run(w, &m, 1);
	assert_int_equal(vnet->local[0].work, WORK_SLOW);
	worker_forward(w, false);
	worker_flush_relay(w);
	assert_true(lab_take(e, frame + 114, 0, NULL) > 0);
	assert_int_equal(vnet->local[0].work, 0);
	assert_int_equal(w->billed_count, 0);
}

static void over_its_share(void **state)
{
	struct engine *e = *state;
	struct share *s = e->workers[0]->share;

	assert_int_equal(sent(e, 1, 10) + sent(e, 2, 10), 20);
	share_epoch_end(s, s->now + 1000000, true);
	assert_true(s->limiting);
	share_of(e, 1)->left = -(1ll << 40);
	assert_int_equal(sent(e, 1, 100), 0);
	assert_int_equal(lab_drops(e, 101, DP_DROP_SHARE), 100);
	assert_int_equal(rte_mempool_in_use_count(e->small), 0);
	assert_int_equal(sent(e, 2, 1), 1);
	assert_int_equal(lab_drops(e, 201, DP_DROP_SHARE), 0);
}

/* Each round looks at the clock, which ends epochs. */
static void rounds(void **state)
{
	struct engine *e = *state;
	struct worker *w = e->workers[0];
	uint32_t epoch = w->share->epoch;

	w->share->start = rte_rdtsc() - 2 * w->share->length;
	assert_int_equal(worker_poll(w), 0);
	assert_int_equal(w->share->epoch, epoch + 1);
	assert_int_equal(w->share->now, w->now);
}

static void overflowing(void **state)
{
	static struct device dev = { .tx[0].full = 7 };
	struct engine *e = *state;

	assert_false(device_overflows(e->workers[0], 512));
	e->devices[0] = &dev;
	assert_false(device_overflows(e->workers[0], 512));
	assert_true(device_overflows(e->workers[0], 448));
	dev.tx[0].full = 8;
	assert_true(device_overflows(e->workers[0], 512));
	dev.endless = true;
	assert_false(device_overflows(e->workers[0], 512));
	e->devices[0] = NULL;
}

static void weights(void **state)
{
	struct engine *e = *state;
	struct dp_vnet vnet = { .id = 1, .weight = 700, .guarantee = 250, .name = "vnet" };
	uint32_t slot = lab_port(e, 101)->vnet->slot;
	struct err err;

	assert_int_equal(share_of(e, 1)->weight, DP_WEIGHT_DEFAULT);
	assert_int_equal(vnet_set(e, &vnet, &err), 0);
	assert_int_equal(share_of(e, 1)->weight, 700);
	assert_int_equal(share_of(e, 1)->guarantee, 1u << 30);
	assert_int_equal(vnet_del(e, 1, &err), 0);
	engine_reclaim(e);
	assert_int_equal(e->workers[0]->share->vnets[slot].weight, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(each_pays_for_its_own, setup, teardown),
		cmocka_unit_test_setup_teardown(away, setup, teardown),
		cmocka_unit_test_setup_teardown(away_while_limited, setup, teardown),
		cmocka_unit_test_setup_teardown(each_wire, setup, teardown),
		cmocka_unit_test_setup_teardown(over_its_share, setup, teardown),
		cmocka_unit_test_setup_teardown(rounds, setup, teardown),
		cmocka_unit_test_setup_teardown(overflowing, setup, teardown),
		cmocka_unit_test_setup_teardown(weights, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
