/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The fast path and the graph do the same to every frame: the twin vnets of the lab get the same
 * frames, one by either way, and must give the same frames and count the same.
 */
#include "dataplane/device_priv.h"
#include "tests/unit/dataplane/lab.h"
#include "tests/unit/test.h"

#include <rte_ethdev.h>
#include <rte_ip.h>
#include <stdlib.h>

enum { ROUNDS = 60000, RING_VLAN = 100 };

static uint8_t frame[9300], fast[9300], slow[9300];

static void check(int rc, const struct err *err)
{
	if (rc)
		fail_msg("%s", err->text);
}

static void port_of(struct engine *e, uint32_t id, uint32_t node, uint32_t fib, const char *dev,
		    uint16_t vlan)
{
	struct dp_port port = { .id = id, .node = node, .fib = fib, .mtu = 1400, .vlan = vlan,
				.backing = dev ? DP_BACK_DEV : DP_BACK_DGRAM,
				.mac = { 2, 0, 0, 0, 0, (uint8_t)(id % 100) }, .name = "port" };
	struct err err;
	int fd = -1;

	if (dev)
		snprintf(port.dev, sizeof(port.dev), "%s", dev);
	check(port_set(e, &port, &fd, &err), &err);
}

static void nh_of(struct engine *e, uint32_t node, uint32_t id, uint32_t port, uint8_t mac)
{
	struct dp_nh nh = { .node = node, .id = id, .kind = DP_NH_ADJ, .port = port,
			    .mac = { 2, 0, 0, 0, 0, mac } };
	struct err err;

	check(nh_set(e, &nh, &err), &err);
}

static void route_of(struct engine *e, uint32_t fib, uint32_t nh, uint8_t family, uint8_t a,
		     uint8_t b)
{
	struct dp_route route = { .fib = fib, .nh = nh, .family = family,
				  .len = family == 4 ? 16 : 32, .addr = { a, b } };

	lab_route(e, DP_ROUTE_SET, route);
}

static void link_of(struct engine *e, uint32_t id, uint32_t a, uint32_t b)
{
	struct dp_link link = { .id = id, .port_a = a, .port_b = b };
	struct err err;

	check(link_set(e, &link, &err), &err);
}

/*
 * To the lab's router +3 another one: +3 port +12 --- port +11 router +6 port +13 --- port +14 of
 * a physical node. 10.5/16 and fd05::/32 go through both to the device; 10.6/16 goes round until
 * its TTL ends; 10.7/16 would leave +6 by a port without a link.
 */
static void build(struct engine *e, const char *dev)
{
	lab_build(e);
	for (uint32_t v = 1; v <= 2; v++) {
		uint32_t b = v * 100;
		struct dp_node router = { .id = b + 6, .vnet = v, .kind = DP_NODE_ROUTER,
					  .name = "second" };
		struct dp_node out = { .id = b + 7, .vnet = v, .kind = DP_NODE_PHYSICAL,
				       .name = "out" };
		struct dp_fib fib = { .id = b + 2, .node = b + 6, .max_routes = 100 };
		struct err err;

		check(node_set(e, &router, &err), &err);
		check(node_set(e, &out, &err), &err);
		check(vfib_set(e, &fib, &err), &err);
		port_of(e, b + 11, b + 6, b + 2, NULL, 0);
		port_of(e, b + 12, b + 3, b + 1, NULL, 0);
		port_of(e, b + 13, b + 6, b + 2, NULL, 0);
		port_of(e, b + 15, b + 6, b + 2, NULL, 0);
		port_of(e, b + 14, b + 7, 0, dev, dev ? (uint16_t)(RING_VLAN + v) : 0);
		link_of(e, b + 12, b + 12, b + 11);
		link_of(e, b + 13, b + 13, b + 14);
		nh_of(e, b + 3, 20, b + 12, 11);
		nh_of(e, b + 6, 20, b + 13, 14);
		nh_of(e, b + 6, 21, b + 11, 12);
		nh_of(e, b + 6, 22, b + 15, 9);
		for (uint8_t net = 5; net <= 7; net++) {
			route_of(e, b + 1, 20, 4, 10, net);
			route_of(e, b + 1, 20, 6, 0xfd, net);
			route_of(e, b + 2, 15 + net, 4, 10, net);
			route_of(e, b + 2, 15 + net, 6, 0xfd, net);
		}
	}
	lab_port(e, 203)->hash_seed = lab_port(e, 103)->hash_seed;
}

static int setup(void **state)
{
	*state = lab_engine();
	srandom(7);
	return 0;
}

static int teardown(void **state)
{
	objects_clear(*state);
	return 0;
}

static void expect_alike(struct engine *e)
{
	for (uint32_t id = 1; id <= 15; id++) {
		struct counters c[2] = { 0 };

		for (uint32_t v = 0; v < 2; v++)
			c[v] = lab_port(e, 100 + v * 100 + id)->local[0].count;
		assert_memory_equal(&c[0], &c[1], sizeof(c[0]));
	}
}

/* One frame each way; true when something came out. */
static bool both_ways(struct engine *e)
{
	size_t len = lab_any(frame), a, b;
	uint32_t at, there;

	e->workers[0]->now += e->workers[0]->hz / 50000;
	lab_fast(e, 101, frame, len);
	a = lab_take(e, fast, sizeof(fast), &at);
	lab_backing(e, 201, frame, len);
	b = lab_take(e, slow, sizeof(slow), &there);
	assert_int_equal(a, b);
	if (!a)
		return false;
	assert_int_equal(at + 100, there);
	assert_memory_equal(fast, slow, a);
	return true;
}

static void any_frames(void **state)
{
	struct engine *e = *state;
	unsigned came = 0;

	build(e, NULL);
	for (unsigned i = 0; i < ROUNDS; i++)
		came += both_ways(e);
	expect_alike(e);
	assert_true(came > ROUNDS / 4);
	assert_true(lab_port(e, 103)->local[0].count.forwarded > ROUNDS / 8);
	assert_true(lab_port(e, 111)->local[0].count.forwarded > ROUNDS / 20);
	assert_int_equal(rte_mempool_in_use_count(e->small), 0);
}

/* What is said about ports, links and nodes holds for either way. */
static void any_state(void **state)
{
	static const uint32_t flags[] = { DP_NODE_PUNT_IP4, DP_NODE_PUNT_IP6, DP_NODE_ASLEEP, 0 };
	struct engine *e = *state;
	struct err err;

	build(e, NULL);
	for (unsigned i = 0; i < 200; i++) {
		bool down = random() % 3 == 0, no_fib = random() % 4 == 0;

		for (uint32_t v = 1; v <= 2; v++) {
			struct dp_link link = { .id = v * 100 + 12, .port_a = v * 100 + 12,
						.port_b = v * 100 + 11,
						.flags = down ? DP_LINK_DOWN : 0 };

			lab_node_flags(e, v, flags[i % RTE_DIM(flags)]);
			check(link_set(e, &link, &err), &err);
			port_of(e, v * 100 + 11, v * 100 + 6, no_fib ? 0 : v * 100 + 2, NULL, 0);
		}
		for (unsigned j = 0; j < 100; j++)
			both_ways(e);
	}
	expect_alike(e);
	assert_true(lab_drops(e, 103, DP_DROP_LINK_DOWN) > 0);
	assert_int_equal(rte_mempool_in_use_count(e->small), 0);
}

/* Tags are taken off and put on; each vnet's slice is its own. */
static void device(void **state)
{
	struct engine *e = *state;
	struct rte_mbuf *m[BURST];
	uint16_t ethdev;

	build(e, "net_ring0");
	ethdev = lab_port(e, 114)->dev->ethdev;
	assert_ptr_equal(lab_port(e, 114)->dev, lab_port(e, 214)->dev);
	for (uint32_t v = 1; v <= 2; v++) {
		size_t len = lab_ip4(frame, 0x0a050001, 64, 1, 100);
		const uint8_t *got;

		lab_fast(e, v * 100 + 1, frame, len);
		device_flush_all(e->workers[0]);
		assert_int_equal(rte_eth_rx_burst(ethdev, 0, m, BURST), 1);
		got = rte_pktmbuf_mtod(m[0], const uint8_t *);
		assert_int_equal(m[0]->pkt_len, len + 4);
		assert_memory_equal(got, ((uint8_t[]){ 2, 0, 0, 0, 0, 14, 2, 0, 0, 0, 0, 13, 0x81, 0, 0,
						       (uint8_t)(RING_VLAN + v), 8, 0, 0x45 }), 19);
		assert_int_equal(got[18 + 8], 62);
		assert_int_equal(rte_raw_cksum(got + 18, 20), 0xffff);
		assert_memory_equal(got + 18 + 12, frame + 14 + 12, 88);
		/* Back it comes, to router +6, and from there to nowhere but that vnet's host. */
		memcpy(rte_pktmbuf_mtod(m[0], uint8_t *), (uint8_t[]){ 2, 0, 0, 0, 0, 13 }, 6);
		assert_int_equal(rte_eth_tx_burst(ethdev, 0, m, 1), 1);
		assert_int_equal(worker_poll(e->workers[0]), 1);
		assert_int_equal(lab_port(e, v * 100 + 13)->local[0].count.forwarded, 1);
		assert_int_equal(lab_port(e, v * 100 + 14)->local[0].count.injected, 1);
		assert_int_equal(lab_port(e, v * 100 + 14)->local[0].count.punted, 2);
		assert_int_equal(rte_eth_rx_burst(ethdev, 0, m, BURST), 1);
		rte_pktmbuf_free(m[0]);
	}
	assert_int_equal(rte_mempool_in_use_count(e->small), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(any_frames, setup, teardown),
		cmocka_unit_test_setup_teardown(any_state, setup, teardown),
		cmocka_unit_test_setup_teardown(device, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
