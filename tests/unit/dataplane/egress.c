/* SPDX-License-Identifier: Apache-2.0 */
/* A device that two vnets share, through the engine: requests in, frames out, counters. */
#include "dataplane/egress_priv.h"
#include "dataplane/stats_priv.h"
#include "tests/unit/dataplane/lab.h"
#include "tests/unit/test.h"

#include <errno.h>
#include <rte_ethdev.h>

enum { MBIT = 1000000, RATE = 100 * MBIT, FRAME = 1014, WIRE = FRAME + 4 + 24 };

static uint8_t frame[FRAME];

static int port_try(struct engine *e, uint32_t v, uint64_t rate, uint64_t guarantee,
		    uint64_t ceiling, struct err *err)
{
	struct dp_port port = { .id = v * 100 + 12, .node = v * 100 + 6, .mtu = 1500,
				.vlan = (uint16_t)v, .backing = DP_BACK_DEV, .mac = { 2, [5] = 12 },
				.name = "shared", .dev = "net_ring1", .rate = rate,
				.guarantee = guarantee, .ceiling = ceiling };
	int fd = -1;

	return port_set(e, &port, &fd, err);
}

static void port_must(struct engine *e, uint32_t v, uint64_t rate, uint64_t guarantee,
		      uint64_t ceiling)
{
	struct err err = { "" };

	if (port_try(e, v, rate, guarantee, ceiling, &err))
		fail_msg("%s", err.text);
}

/* To the router +3 of each vnet a port +11 whose link leads to the shared device. */
static int setup(void **state)
{
	struct engine *e = lab_engine();

	lab_build(e);
	for (uint32_t v = 1; v <= 2; v++) {
		uint32_t b = v * 100;
		struct dp_node out = { .id = b + 6, .vnet = v, .kind = DP_NODE_PHYSICAL, .name = "out" };
		struct dp_port port = { .id = b + 11, .node = b + 3, .fib = b + 1, .mtu = 1500,
					.mac = { 2, [5] = 11 }, .name = "port" };
		struct dp_link link = { .id = b + 11, .port_a = b + 11, .port_b = b + 12 };
		struct dp_nh nh = { .node = b + 3, .id = 20, .kind = DP_NH_ADJ, .port = b + 11,
				    .mac = { 2, [5] = 12 } };
		struct dp_route route = { .fib = b + 1, .nh = 20, .family = 4, .len = 16,
					  .addr = { 10, 5 } };
		struct err err = { "" };
		int fd = -1;

		assert_int_equal(node_set(e, &out, &err), 0);
		assert_int_equal(port_set(e, &port, &fd, &err), 0);
		port_must(e, v, 0, 0, 0);
		assert_int_equal(link_set(e, &link, &err), 0);
		assert_int_equal(nh_set(e, &nh, &err), 0);
		lab_route(e, DP_ROUTE_SET, route);
	}
	e->workers[0]->now = 1ull << 40;
	*state = e;
	return 0;
}

static int teardown(void **state)
{
	struct engine *e = *state;

	objects_clear(e);
	assert_int_equal(rte_mempool_in_use_count(e->small), 0);
	return 0;
}

static void offer(struct engine *e, uint32_t v, unsigned n)
{
	lab_ip4(frame, 0x0a050001, 64, 1, FRAME - 14);
	for (unsigned i = 0; i < n; i++)
		lab_fast(e, v * 100 + 1, frame, FRAME);
}

/* Lets the device send for so long; got[v] grows by the frames of VLAN v. */
static void run(struct engine *e, unsigned ms, unsigned got[3])
{
	struct worker *w = e->workers[0];
	struct rte_mbuf *m[BURST];
	uint16_t ethdev = lab_port(e, 112)->dev->ethdev;

	for (unsigned i = 0; i < ms * 10; i++) {
		uint16_t n;

		w->now += w->hz / 10000;
		device_flush_all(w);
		while ((n = rte_eth_rx_burst(ethdev, 0, m, BURST)))
			for (uint16_t k = 0; k < n; k++) {
				uint8_t vlan = rte_pktmbuf_mtod(m[k], uint8_t *)[15];

				assert_in_range(vlan, 1, 2);
				got[vlan]++;
				rte_pktmbuf_free(m[k]);
			}
	}
}

static struct dp_port_stats stats(struct engine *e, uint32_t v)
{
	struct dp_port_stats s = { 0 };

	stats_port(e, lab_port(e, v * 100 + 12), &s);
	return s;
}

/* Backlogged alike, each gets what its weight, guarantee and ceiling say, of the rate. */
static void shares(void **state)
{
	static const struct {
		uint32_t weight[2];
		uint64_t guarantee[2], ceiling[2], expect[2];
	} cases[] = {
		{ { 100, 100 }, { 0 }, { 0 }, { 50 * MBIT, 50 * MBIT } },
		{ { 100, 300 }, { 0 }, { 0 }, { 25 * MBIT, 75 * MBIT } },
		{ { 100, 900 }, { 40 * MBIT, 0 }, { 0 }, { 46 * MBIT, 54 * MBIT } },
		{ { 100, 100 }, { 0 }, { 0, 20 * MBIT }, { 80 * MBIT, 20 * MBIT } },
	};
	struct engine *e = *state;

	for (size_t c = 0; c < sizeof(cases) / sizeof(cases[0]); c++) {
		unsigned got[3] = { 0 };

		for (uint32_t v = 1; v <= 2; v++) {
			struct dp_vnet vnet = { .id = v, .weight = cases[c].weight[v - 1],
						.name = "vnet" };
			struct err err = { "" };

			assert_int_equal(vnet_set(e, &vnet, &err), 0);
			port_must(e, v, 0, 0, 0);
		}
		for (uint32_t v = 1; v <= 2; v++)
			port_must(e, v, RATE, cases[c].guarantee[v - 1], cases[c].ceiling[v - 1]);
		for (unsigned ms = 0; ms < 1000; ms += 10) {
			offer(e, 1, 150); /* 10 ms of the rate are 120 */
			offer(e, 2, 150);
			if (ms == 200)
				got[1] = got[2] = 0;
			run(e, 10, got);
		}
		for (uint32_t v = 1; v <= 2; v++) {
			double rate = got[v] * WIRE * 8 / 0.8, want = (double)cases[c].expect[v - 1];

			if (rate < 0.97 * want || rate > 1.03 * want)
				fail_msg("case %zu: vnet %u has %.0f of %.0f bits/s", c, v, rate, want);
		}
		run(e, 1000, got);
	}
	assert_true(lab_drops(e, 112, DP_DROP_QUEUE_FULL) + lab_drops(e, 112, DP_DROP_QUEUE_DELAY) > 0);
}

/* Every frame is sent, queued or a named drop; delays are told. */
static void accounts(void **state)
{
	struct engine *e = *state;
	unsigned got[3] = { 0 };
	struct dp_port_stats s;

	port_must(e, 1, RATE, 0, 0);
	port_must(e, 2, 0, 0, 0);
	offer(e, 1, 600);
	run(e, 20, got);
	s = stats(e, 1);
	assert_int_equal(s.punted, got[1]);
	assert_int_equal(s.punted + s.queued + s.drops[DP_DROP_QUEUE_FULL] +
				 s.drops[DP_DROP_QUEUE_DELAY], 600);
	assert_true(s.queued > 100);
	run(e, 500, got);
	s = stats(e, 1);
	assert_int_equal(s.queued, 0);
	assert_true(s.delay_ns[DP_DELAY_P50] > 1000000);
	assert_true(s.delay_ns[DP_DELAY_P50] <= s.delay_ns[DP_DELAY_P99] &&
		    s.delay_ns[DP_DELAY_P99] <= s.delay_ns[DP_DELAY_P999]);
	assert_true(s.delay_ns[DP_DELAY_P999] < 200000000);
	assert_int_equal(stats(e, 2).delay_ns[DP_DELAY_P99], 0);
}

/* A port that goes leaves nothing queued behind it, and the other one's stays. */
static void gone(void **state)
{
	struct engine *e = *state;
	unsigned got[3] = { 0 };
	struct err err;

	port_must(e, 1, RATE, 0, 0);
	offer(e, 1, 100);
	offer(e, 2, 100);
	assert_int_equal(port_del(e, 112, &err), 0);
	assert_int_equal(stats(e, 2).queued, 100);
	for (unsigned ms = 0; ms < 100; ms++) {
		struct rte_mbuf *m[BURST];
		uint16_t n;

		e->workers[0]->now += e->workers[0]->hz / 1000;
		device_flush_all(e->workers[0]);
		n = rte_eth_rx_burst(lab_port(e, 212)->dev->ethdev, 0, m, BURST);
		got[2] += n;
		rte_pktmbuf_free_bulk(m, n);
	}
	assert_int_equal(got[2], 100);
}

/* What it had queued is a named drop of its vnet, whether or not that has another port there. */
static void gone_is_counted(void **state)
{
	struct engine *e = *state;
	struct dp_port second = { .id = 113, .node = 106, .mtu = 1500, .vlan = 13,
				  .backing = DP_BACK_DEV, .mac = { 2, [5] = 13 },
				  .name = "second", .dev = "net_ring1" };

	for (unsigned round = 0; round < 2; round++) {
		struct dp_vnet_stats s = { 0 };
		unsigned got[3] = { 0 };
		struct err err;
		int fd = -1;

		if (round) {
			teardown(state);
			setup(state);
			assert_int_equal(port_set(e, &second, &fd, &err), 0);
		}
		port_must(e, 1, RATE, 0, 0);
		offer(e, 1, 100);
		assert_int_equal(port_del(e, 112, &err), 0);
		engine_reclaim(e);
		for (unsigned ms = 0; ms < 100; ms++) {
			e->workers[0]->now += e->workers[0]->hz / 1000;
			device_flush_all(e->workers[0]);
		}
		stats_vnet(e, lab_port(e, 101)->vnet, &s);
		assert_int_equal(s.drops[DP_DROP_NO_BACKING], 100);
		port_must(e, 1, 0, 0, 0);
		run(e, 1, got);
		assert_int_equal(got[1], 0);
	}
}

/* Who has the untagged part sends no frame of another's part. */
static void stray(void **state)
{
	struct engine *e = *state;
	struct dp_port untagged = { .id = 113, .node = 106, .mtu = 1500, .backing = DP_BACK_DEV,
				    .mac = { 2, [5] = 13 }, .name = "rest", .dev = "net_ring1" };
	struct rte_mbuf *m;
	struct err err;
	int fd = -1;

	assert_int_equal(port_set(e, &untagged, &fd, &err), 0);
	memcpy(frame, (uint8_t[18]){ [12] = 0x81, [15] = 2, [16] = 8 }, 18);
	for (unsigned i = 0; i < 2; i++) {
		lab_wire(e, 113, frame, 100);
		device_flush_all(e->workers[0]);
		assert_int_equal(rte_eth_rx_burst(lab_port(e, 113)->dev->ethdev, 0, &m, 1), 0);
		assert_int_equal(lab_drops(e, 113, DP_DROP_VLAN), i + 1);
		port_must(e, 1, RATE, 0, 0); /* with a scheduler as without */
	}
	frame[12] = 8;
	lab_wire(e, 113, frame, 100);
	device_flush_all(e->workers[0]);
	assert_int_equal(rte_eth_rx_burst(lab_port(e, 113)->dev->ethdev, 0, &m, 1), 1);
	rte_pktmbuf_free(m);
}

static void refusals(void **state)
{
	struct engine *e = *state;
	unsigned got[3] = { 0 };
	struct err err;

	assert_int_equal(port_try(e, 1, 0, 10 * MBIT, 0, &err), -EINVAL);
	assert_int_equal(port_try(e, 1, 100, 0, 0, &err), -EINVAL);
	assert_int_equal(port_try(e, 1, RATE, 20 * MBIT, 10 * MBIT, &err), -EINVAL);
	port_must(e, 1, RATE, 60 * MBIT, 0);
	assert_int_equal(port_try(e, 2, 0, 50 * MBIT, 0, &err), -ENOSPC);
	assert_non_null(strstr(err.text, "has 40000000 of 100000000 bits a second left"));
	port_must(e, 2, 0, 40 * MBIT, 0);
	assert_int_equal(port_try(e, 2, 90 * MBIT, 40 * MBIT, 0, &err), -ENOSPC);
	/* All is as it was. */
	lab_ip4(frame, 0x0a050001, 64, 1, FRAME - 14);
	lab_backing(e, 201, frame, FRAME);
	run(e, 1, got);
	assert_int_equal(got[2], 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(shares, setup, teardown),
		cmocka_unit_test_setup_teardown(accounts, setup, teardown),
		cmocka_unit_test_setup_teardown(gone, setup, teardown),
		cmocka_unit_test_setup_teardown(gone_is_counted, setup, teardown),
		cmocka_unit_test_setup_teardown(stray, setup, teardown),
		cmocka_unit_test_setup_teardown(refusals, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
