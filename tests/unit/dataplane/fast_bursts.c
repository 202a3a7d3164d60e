/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Bursts from a device by the fast path and, frame by frame, by the graph: out of the same ports
 * must come the same frames, and every counter must grow by the same.
 */
#include "dataplane/device_priv.h"
#include "dataplane/share_priv.h"
#include "tests/unit/dataplane/lab.h"
#include "tests/unit/test.h"

#include <rte_ethdev.h>
#include <stdlib.h>

enum { VNETS = 300, FRAME = 1600, SECOND_VLAN = 1000, OUT_MAX = 4 * BURST };

/* What came out: by a port of a router (its id), or with a tag by the device (0). */
struct out {
	uint32_t port, len;
	uint8_t data[FRAME];
};

struct outs {
	unsigned count;
	struct out out[OUT_MAX];
};

static struct {
	unsigned vnets;
	uint16_t in, out; /* DPDK's ids of the devices */
	unsigned count;	  /* frames of the burst */
	uint32_t port[BURST];
	size_t len[BURST];
	uint8_t frame[BURST][FRAME];
	struct rte_mbuf *shared; /* a second reference to one of them */
	uint8_t shared_data[FRAME];
	struct outs fast, graph;
	struct counters before[VNETS * 10 + 10], grown[VNETS * 10 + 10];
} lab;

static void check(int rc, const struct err *err)
{
	if (rc)
		fail_msg("%s", err->text);
}

static void node_of(struct engine *e, uint32_t v, uint32_t id, uint32_t kind, uint32_t flags)
{
	struct dp_node node = { .id = id, .vnet = v, .kind = kind, .flags = flags, .name = "node" };
	struct err err;

	check(node_set(e, &node, &err), &err);
}

static void port_of(struct engine *e, uint32_t id, uint32_t node, uint32_t fib, const char *dev,
		    uint16_t vlan)
{
	struct dp_port port = { .id = id, .node = node, .fib = fib, .mtu = 1400, .vlan = vlan,
				.backing = dev ? DP_BACK_DEV : DP_BACK_DGRAM,
				.mac = { 2, 0, 0, 0, 0, (uint8_t)(id % 10) }, .name = "port" };
	struct err err;
	int fd = -1;

	if (dev)
		snprintf(port.dev, sizeof(port.dev), "%s", dev);
	check(port_set(e, &port, &fd, &err), &err);
}

static void link_of(struct engine *e, uint32_t id, uint32_t a, uint32_t b)
{
	struct dp_link link = { .id = id, .port_a = a, .port_b = b };
	struct err err;

	check(link_set(e, &link, &err), &err);
}

static void nh_of(struct engine *e, uint32_t node, uint32_t id, uint32_t kind, uint32_t port)
{
	struct dp_nh nh = { .node = node, .id = id, .kind = kind, .port = port };
	struct err err;

	if (kind == DP_NH_ADJ)
		memcpy(nh.mac, (uint8_t[]){ 2, 0, 0, 0, (uint8_t)id, 5 }, 6);
	check(nh_set(e, &nh, &err), &err);
}

static void routes_of(struct engine *e, uint32_t fib, uint32_t nh, uint8_t net)
{
	struct dp_route route = { .fib = fib, .nh = nh, .family = 4, .len = 16,
				  .addr = { 10, net } };

	lab_route(e, DP_ROUTE_SET, route);
	route.family = 6;
	route.len = 32;
	route.addr[0] = 0xfd;
	lab_route(e, DP_ROUTE_SET, route);
}

/*
 * Of vnet v, ids 10 v + ...: device, VLAN v --- +3 router +0: +4 --- another device, VLAN v;
 * +6 --- +5 router +1: +7 --- that device, VLAN 1000 + v.
 */
static void build_vnet(struct engine *e, uint32_t v)
{
	struct {
		struct dp_nh nh;
		uint32_t members[3];
	} group = { .nh = { .node = v * 10, .id = 6, .kind = DP_NH_GROUP, .member_count = 3 },
		    .members = { 1, 2, 4 } };
	struct dp_vnet vnet = { .id = v, .name = "vnet" };
	struct dp_fib fib = { .id = v * 10, .node = v * 10, .max_routes = 100 };
	struct dp_fib second = { .id = v * 10 + 1, .node = v * 10 + 1, .max_routes = 100 };
	uint32_t b = v * 10;
	struct err err;

	check(vnet_set(e, &vnet, &err), &err);
	node_of(e, v, b, DP_NODE_ROUTER, 0);
	node_of(e, v, b + 1, DP_NODE_ROUTER, 0);
	node_of(e, v, b + 2, DP_NODE_PHYSICAL, 0);
	check(vfib_set(e, &fib, &err), &err);
	check(vfib_set(e, &second, &err), &err);
	port_of(e, b + 1, b + 2, 0, "net_ring0", lab.vnets > 1 ? (uint16_t)v : 0);
	port_of(e, b + 2, b + 2, 0, "net_ring1", (uint16_t)v);
	port_of(e, b + 3, b, b, NULL, 0);
	port_of(e, b + 4, b, b, NULL, 0);
	port_of(e, b + 5, b + 1, b + 1, NULL, 0);
	port_of(e, b + 6, b, b, NULL, 0);
	port_of(e, b + 7, b + 1, b + 1, NULL, 0);
	port_of(e, b + 8, b + 2, 0, "net_ring1", (uint16_t)(SECOND_VLAN + v));
	link_of(e, b + 1, b + 1, b + 3);
	link_of(e, b + 2, b + 2, b + 4);
	link_of(e, b + 3, b + 5, b + 6);
	link_of(e, b + 4, b + 7, b + 8);
	nh_of(e, b, 1, DP_NH_ADJ, b + 4);
	nh_of(e, b, 2, DP_NH_ADJ, b + 4);
	nh_of(e, b, 3, DP_NH_ADJ, b + 6);
	lab_port(e, b + 5)->mac = mac_load((uint8_t[]){ 2, 0, 0, 0, 3, 5 }); /* as this says */
	nh_of(e, b, 4, DP_NH_PUNT, 0);
	nh_of(e, b, 5, DP_NH_DROP, 0);
	check(nh_set(e, &group.nh, &err), &err);
	nh_of(e, b + 1, 0x10, DP_NH_ADJ, b + 7);
	for (uint8_t net = 1; net <= 6; net++)
		routes_of(e, b, net, net);
	routes_of(e, b, 3, 7); /* the second router has no route */
	routes_of(e, b + 1, 0x10, 3);
}

static void build(struct engine *e, unsigned vnets)
{
	objects_clear(e);
	lab.vnets = vnets;
	for (uint32_t v = 1; v <= vnets; v++)
		build_vnet(e, v);
	lab.in = lab_port(e, 11)->dev->ethdev;
	lab.out = lab_port(e, 12)->dev->ethdev;
}

/* Frames in runs of one port up to all over; bursts in which all is fine, and others. */
static void any_burst(void)
{
	long kind = random() % 4, spread = random() % 3;
	uint32_t v = 1 + (uint32_t)random() % lab.vnets;

	lab.count = random() % 4 ? BURST : 1 + (unsigned)random() % BURST;
	for (unsigned i = 0; i < lab.count; i++) {
		uint8_t *frame = lab.frame[i], net = (uint8_t)(1 + random() % 7);
		uint8_t ttl = (uint8_t)(2 + random() % 60);

		if (spread == 2 || (spread == 1 && random() % 16 == 0))
			v = 1 + (uint32_t)random() % lab.vnets;
		lab.port[i] = v * 10 + 1;
		if (kind == 0) {
			lab.len[i] = lab_ip4(frame, 10u << 24 | (uint32_t)net << 16 | 5, ttl,
					     (uint16_t)random(), 46);
		} else if (kind == 1) {
			lab.len[i] = lab_ip6(frame, 0xfd00 | net, ttl, 46);
		} else {
			lab.len[i] = lab_any(frame);
		}
		if (lab.len[i] > 54)
			memset(frame + 54, (int)random(), lab.len[i] - 54);
	}
}

/* Of two segments, or somebody else's too, once in a while. */
static struct rte_mbuf *mbuf_of(struct engine *e, const uint8_t *data, size_t len, uint16_t vlan)
{
	struct rte_mbuf *m = rte_pktmbuf_alloc(e->small), *rest = NULL;
	size_t tag = vlan ? 4 : 0, first = len;
	long odd = random() % 400;
	uint8_t *to;

	assert_non_null(m);
	if (odd == 0 && len > 60) {
		first = 20 + (size_t)random() % 30;
		rest = rte_pktmbuf_alloc(e->small);
		assert_non_null(rest);
		memcpy(rte_pktmbuf_append(rest, (uint16_t)(len - first)), data + first,
		       len - first);
	}
	to = (uint8_t *)rte_pktmbuf_append(m, (uint16_t)(first + tag));
	memcpy(to, data, 12);
	if (vlan)
		memcpy(to + 12, (uint8_t[]){ 0x81, 0, (uint8_t)(vlan >> 8), (uint8_t)vlan }, 4);
	memcpy(to + 12 + tag, data + 12, first - 12);
	if (rest)
		assert_int_equal(rte_pktmbuf_chain(m, rest), 0);
	if (odd == 1 && !lab.shared) {
		rte_mbuf_refcnt_update(m, 1);
		lab.shared = m;
		memcpy(lab.shared_data, to, m->data_len);
	}
	return m;
}

static int out_cmp(const void *a, const void *b)
{
	const struct out *x = a, *y = b;

	if (x->port != y->port)
		return x->port < y->port ? -1 : 1;
	if (x->len != y->len)
		return x->len < y->len ? -1 : 1;
	return memcmp(x->data, y->data, x->len);
}

static void collect(struct engine *e, struct outs *outs)
{
	struct rte_mbuf *m;
	struct out *o;

	device_flush_all(e->workers[0]);
	outs->count = 0;
	while (rte_eth_rx_burst(lab.out, 0, &m, 1)) {
		o = &outs->out[outs->count++];
		o->port = 0;
		o->len = m->pkt_len;
		assert_int_equal(m->nb_segs, 1);
		memcpy(o->data, rte_pktmbuf_mtod(m, void *), o->len);
		rte_pktmbuf_free(m);
	}
	for (;;) {
		o = &outs->out[outs->count];
		o->len = (uint32_t)lab_take(e, o->data, FRAME, &o->port);
		if (!o->len)
			break;
		outs->count++;
	}
	qsort(outs->out, outs->count, sizeof(*o), out_cmp);
}

/* What the counters have grown by since the last call; or just that they did. */
static void count(struct engine *e, bool compare)
{
	for (uint32_t id = 11; id < lab.vnets * 10 + 10; id++) {
		const struct port *port = lab_port(e, id);
		const uint64_t *now = port ? (const uint64_t *)&port->local[0].count : NULL;
		uint64_t *before = (uint64_t *)&lab.before[id], *grown = (uint64_t *)&lab.grown[id];

		for (size_t i = 0; now && i < sizeof(struct counters) / 8; i++) {
			if (compare)
				assert_int_equal(grown[i], now[i] - before[i]);
			grown[i] = now[i] - before[i];
			before[i] = now[i];
		}
	}
}

static void both_ways(struct engine *e)
{
	struct worker *w = e->workers[0];

	w->now += w->hz / 10; /* the policers' buckets are full again */
	for (unsigned i = 0; i < lab.count; i++) {
		uint16_t vlan = lab.vnets > 1 ? (uint16_t)(lab.port[i] / 10) : 0;
		struct rte_mbuf *m = mbuf_of(e, lab.frame[i], lab.len[i], vlan);

		assert_int_equal(rte_eth_tx_burst(lab.in, 0, &m, 1), 1);
	}
	assert_int_equal(device_poll_all(w), lab.count);
	graph_run(w);
	worker_flush_relay(w);
	if (lab.shared) { /* nobody may have written into it */
		assert_memory_equal(rte_pktmbuf_mtod(lab.shared, void *), lab.shared_data,
				    lab.shared->data_len);
		rte_pktmbuf_free(lab.shared);
		lab.shared = NULL;
	}
	collect(e, &lab.fast);
	count(e, false);
	w->now += w->hz / 10;
	for (unsigned i = 0; i < lab.count; i++)
		lab_backing(e, lab.port[i], lab.frame[i], lab.len[i]);
	collect(e, &lab.graph);
	count(e, true);
	assert_int_equal(lab.fast.count, lab.graph.count);
	for (unsigned i = 0; i < lab.fast.count; i++)
		assert_int_equal(out_cmp(&lab.fast.out[i], &lab.graph.out[i]), 0);
}

static void bursts(struct engine *e, unsigned vnets, unsigned rounds)
{
	bool avx512 = e->workers[0]->avx512;
	static const uint32_t flags[] = { 0, DP_NODE_PUNT_IP4, DP_NODE_PUNT_IP6, 0 };
	uint64_t forwarded = 0, second = 0;
	uint32_t v;

	build(e, vnets);
	count(e, false);
	for (unsigned i = 0; i < rounds; i++) {
		v = 1 + i % vnets;
		node_of(e, v, v * 10, DP_NODE_ROUTER, flags[random() % 4]);
		e->workers[0]->avx512 = avx512 && random() % 4;
		any_burst();
		both_ways(e);
	}
	e->workers[0]->avx512 = avx512;
	for (v = 1; v <= vnets; v++) {
		forwarded += lab_port(e, v * 10 + 3)->local[0].count.forwarded;
		second += lab_port(e, v * 10 + 5)->local[0].count.forwarded;
	}
	assert_true(forwarded > rounds * BURST / 4);
	assert_true(second > rounds * BURST / 40);
	assert_int_equal(rte_mempool_in_use_count(e->small), 0);
}

static void one_port(void **state)
{
	bursts(*state, 1, 4000);
}

static void two_vnets(void **state)
{
	bursts(*state, 2, 2000);
}

static void many_vnets(void **state)
{
	bursts(*state, VNETS, 500);
}

/* A whole device notes its port once: it is the one that is charged for all that is dropped. What is
 * dropped does not keep what is behind it waiting for another round. */
static void over_its_share(void **state)
{
	struct engine *e = *state;
	struct worker *w = e->workers[0];
	struct share_vnet *share;

	build(e, 1);
	count(e, false);
	any_burst();
	both_ways(e);
	share = &w->share->vnets[lab_port(e, 11)->vnet->slot];
	share_epoch_end(w->share, w->share->now + 1000000, true);
	assert_true(w->share->limiting);
	share->left = -(1ll << 40);
	for (unsigned i = 0; i < 3 * BURST; i++) {
		struct rte_mbuf *m = mbuf_of(e, lab.frame[0], lab.len[0], 0);

		w->fast.rx.from[i % BURST] = lab_port(e, 12);
		assert_int_equal(rte_eth_tx_burst(lab.in, 0, &m, 1), 1);
	}
	assert_int_equal(device_poll_all(w), 3 * BURST);
	assert_int_equal(lab_drops(e, 11, DP_DROP_SHARE), 3 * BURST);
	assert_int_equal(lab_drops(e, 12, DP_DROP_SHARE), 0);
	rte_pktmbuf_free(lab.shared);
	lab.shared = NULL;
	assert_int_equal(rte_mempool_in_use_count(e->small), 0);
}

static int setup(void **state)
{
	*state = lab_engine();
	srandom(11);
	return 0;
}

static int teardown(void **state)
{
	objects_clear(*state);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(one_port, setup, teardown),
		cmocka_unit_test_setup_teardown(two_vnets, setup, teardown),
		cmocka_unit_test_setup_teardown(many_vnets, setup, teardown),
		cmocka_unit_test_setup_teardown(over_its_share, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
