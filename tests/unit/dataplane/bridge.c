/* SPDX-License-Identifier: Apache-2.0 */
#include "dataplane/bridge_priv.h"
#include "tests/unit/dataplane/lab.h"
#include "tests/unit/test.h"

static void learns_moves_forgets(void **state)
{
	static struct bridge_table t;

	bridge_learn(&t, 0x1234, 7, 1000);
	assert_int_equal(bridge_find(&t, 0x1234, 1000), 7);
	assert_int_equal(bridge_find(&t, 0x1235, 1000), 0);
	bridge_learn(&t, 0x1234, 8, 1001);
	assert_int_equal(bridge_find(&t, 0x1234, 1001 + BRIDGE_AGE - 1), 8);
	assert_int_equal(bridge_find(&t, 0x1234, 1001 + BRIDGE_AGE), 0);
}

/* However many MACs a host invents, the table stays what it is, and the newest are known. */
static void bounded(void **state)
{
	static struct bridge_table t;
	uint64_t n = 100ull * BRIDGE_SETS * BRIDGE_WAYS;

	for (uint64_t mac = 1; mac <= n; mac++) {
		bridge_learn(&t, mac, 3, (uint32_t)mac);
		assert_int_equal(bridge_find(&t, mac, (uint32_t)mac), 3);
	}
}

static const uint8_t hello[60] = { 1, 0x80, 0xc2, 0, 0, 2, 2, 0, 0, 0, 0, 0x11, 0x88, 9 };

static void floods_then_switches(void **state)
{
	struct engine *e = lab_engine();
	uint8_t back[60] = { 2, 0, 0, 0, 0, 0x11, 2, 0, 0, 0, 0, 0x22, 8, 0 }, got[60];
	uint32_t a, b;

	lab_build(e);
	lab_backing(e, 108, hello, sizeof(hello));
	assert_int_equal(lab_take(e, got, sizeof(got), &a), 60);
	assert_memory_equal(got, hello, 60);
	assert_int_equal(lab_take(e, got, sizeof(got), &b), 60);
	assert_int_equal(a + b, 109 + 110);
	assert_int_equal(lab_take(e, got, sizeof(got), NULL), 0);
	lab_backing(e, 109, back, sizeof(back));
	assert_int_equal(lab_take(e, got, sizeof(got), &a), 60);
	assert_int_equal(a, 108);
	assert_int_equal(lab_take(e, got, sizeof(got), NULL), 0);
	lab_backing(e, 108, back, sizeof(back)); /* to itself; and 0x22 moved here */
	assert_int_equal(lab_drops(e, 105, DP_DROP_BRIDGE_SAME), 1);
	objects_clear(e);
}

/* Many bridges, each linked to each other, twice: the worst of loops ends and frees everything. */
static void storm_is_bounded(void **state)
{
	enum { BRIDGES = 6 };
	struct engine *e = lab_engine();
	unsigned before = rte_mempool_avail_count(e->small);
	struct err err;
	uint32_t port = 1000, link = 1000;
	uint64_t seen = 0;

	lab_build(e);
	for (uint32_t i = 0; i < BRIDGES; i++)
		assert_int_equal(node_set(e, &(struct dp_node){ .id = 1000 + i, .vnet = 1,
				 .kind = DP_NODE_BRIDGE }, &err), 0);
	for (uint32_t i = 0; i < BRIDGES; i++) {
		for (uint32_t j = 0; j < 2 * i; j++) {
			struct dp_port p = { .id = port++, .node = 1000 + i, .mtu = 1500 };
			struct dp_port q = { .id = port++, .node = 1000 + j / 2, .mtu = 1500 };
			int fd = -1;

			assert_int_equal(port_set(e, &p, &fd, &err), 0);
			assert_int_equal(port_set(e, &q, &fd, &err), 0);
			assert_int_equal(link_set(e, &(struct dp_link){ .id = link++,
					 .port_a = p.id, .port_b = q.id }, &err), 0);
		}
	}
	lab_wire(e, 1000, hello, sizeof(hello));
	for (uint32_t id = 1000; id < port; id++)
		seen += lab_port(e, id)->local[0].count.wire_rx_packets;
	assert_in_range(seen, 100, PKT_COPIES * PKT_BRIDGES * 2);
	objects_clear(e);
	assert_int_equal(rte_mempool_avail_count(e->small), before);
}

/* A guest speaks for others only on a port that the engine does not forward for, as one in its bridge is. */
static void guest_that_bridges(void **state)
{
	struct engine *e = lab_engine();
	const uint8_t of_another[60] = { 2, 0, 0, 0, 9, 9, 2, 0, 0, 0, 8, 8, 8, 0 };
	struct dp_port port = { .id = 103, .node = 103, .fib = 101, .backing = DP_BACK_DGRAM, .mtu = 1500,
				.mac = { 2, 0, 0, 0, 0, 3 } };
	const struct counters *count;
	struct err err;
	int fd = -1;

	lab_build(e);
	count = &lab_port(e, 103)->local[0].count;
	assert_int_equal(port_set(e, &port, &fd, &err), 0);
	lab_backing(e, 103, of_another, sizeof(of_another));
	assert_int_equal(lab_drops(e, 103, DP_DROP_SOURCE_MAC), 1);
	assert_int_equal(count->injected, 0);
	port.fib = 0;
	assert_int_equal(port_set(e, &port, &fd, &err), 0);
	lab_backing(e, 103, of_another, sizeof(of_another));
	assert_int_equal(lab_drops(e, 103, DP_DROP_SOURCE_MAC), 1);
	assert_int_equal(count->injected, 1);
	objects_clear(e);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(learns_moves_forgets),
		cmocka_unit_test(bounded),
		cmocka_unit_test(floods_then_switches),
		cmocka_unit_test(storm_is_bounded),
		cmocka_unit_test(guest_that_bridges),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
