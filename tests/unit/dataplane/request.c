/* SPDX-License-Identifier: Apache-2.0 */
#include "dataplane/request_priv.h"
#include "tests/unit/dataplane/lab.h"
#include "tests/unit/test.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

static struct dp_reply last;
static unsigned datagrams, results;

static void on_reply(void *arg, const void *bytes, size_t len)
{
	memcpy(&last, bytes, sizeof(last));
	assert_true(len <= DP_DATAGRAM_MAX);
	datagrams++;
	results += last.results;
}

/* Sends exactly these bytes, in memory of exactly their size. */
static int raw(const void *bytes, size_t len, int *fds, unsigned fd_count)
{
	void *exact = malloc(len ? len : 1);

	memcpy(exact, bytes, len);
	datagrams = results = 0;
	request_handle(lab_engine(), exact, len, fds, fd_count, on_reply, NULL);
	free(exact);
	assert_true(datagrams > 0);
	assert_int_equal(last.flags, 0);
	assert_true(memchr(last.error, 0, sizeof(last.error)) != NULL);
	assert_int_equal(!last.status, !last.error[0]);
	return last.status;
}

static int one_fds(uint16_t op, void *record, size_t len, int *fds, unsigned fd_count)
{
	struct dp_request head = { .seq = 7, .count = 1 };
	struct dp_record rec = { .op = op, .len = (uint16_t)len };
	uint8_t bytes[1040];

	memcpy(record, &rec, sizeof(rec));
	memcpy(bytes, &head, sizeof(head));
	memcpy(bytes + sizeof(head), record, len);
	raw(bytes, sizeof(head) + len, fds, fd_count);
	assert_int_equal(last.seq, 7);
	return last.status;
}

static int one(uint16_t op, void *record, size_t len)
{
	return one_fds(op, record, len, NULL, 0);
}

/* Every cut of a good request, and every wrong length of each operation, is refused. */
static void bad_lengths(void **state)
{
	struct {
		struct dp_request head;
		struct dp_vnet vnet;
	} good = { { 1, 1, 0 }, { { DP_VNET_SET, sizeof(struct dp_vnet), 0 }, 9, 0, 0, 0, "nine" } };
	uint64_t record[128] = { 0 };

	for (size_t len = 0; len < sizeof(good); len++)
		assert_int_equal(raw(&good, len, NULL, 0), -EBADMSG);
	assert_int_equal(raw(&good, sizeof(good), NULL, 0), 0);
	good.head.count = 2;
	assert_int_equal(raw(&good, sizeof(good), NULL, 0), -EBADMSG);
	assert_int_equal(last.index, 1);
	good.head.count = 0;
	assert_int_equal(raw(&good, sizeof(good), NULL, 0), -EBADMSG);
	good.head.count = DP_RECORDS_MAX + 1;
	assert_int_equal(raw(&good, sizeof(good), NULL, 0), -EBADMSG);
	for (uint16_t op = 0; op < 30; op++)
		for (size_t len = 8; len < sizeof(record); len += 4)
			if (len % 8)
				assert_int_not_equal(one(op, record, len), 0);
	for (uint16_t op = DP_HELLO; op <= DP_ROUTE_GET; op++)
		assert_int_not_equal(one(op, record, 512), 0);
	good.head.count = 1;
	good.vnet.rec.pad = 1;
	assert_int_equal(raw(&good, sizeof(good), NULL, 0), -EBADMSG);
	good.vnet.rec.pad = 0;
	memset(good.vnet.name, 'x', sizeof(good.vnet.name));
	assert_int_equal(raw(&good, sizeof(good), NULL, 0), -EBADMSG);
}

/* A request that is to follow one that was done waits for one that is. */
static void in_a_row(void **state)
{
	struct {
		struct dp_request head;
		struct dp_vnet vnet;
	} rq = { { 1, 1, 0 }, { { DP_VNET_SET, sizeof(struct dp_vnet), 0 }, 9, 0, 0, 0, "nine" } };

	assert_int_equal(raw(&rq, sizeof(rq), NULL, 0), 0);
	rq.head.flags = DP_REQUEST_NEXT;
	assert_int_equal(raw(&rq, sizeof(rq), NULL, 0), 0);
	rq.vnet.weight = DP_WEIGHT_MAX + 1;
	assert_int_equal(raw(&rq, sizeof(rq), NULL, 0), -EINVAL);
	rq.vnet.weight = 0;
	rq.vnet.id = 10;
	for (unsigned i = 0; i < 2; i++) {
		assert_int_equal(raw(&rq, sizeof(rq), NULL, 0), -ECANCELED);
		assert_int_equal(last.index, 0);
		assert_null(hash_map_find(lab_engine()->vnet_map, &rq.vnet.id));
	}
	rq.head.flags = 0;
	assert_int_equal(raw(&rq, sizeof(rq), NULL, 0), 0);
	rq.head.flags = DP_REQUEST_NEXT;
	assert_int_equal(raw(&rq, sizeof(rq), NULL, 0), 0);
	rq.head.flags = 2;
	assert_int_equal(raw(&rq, sizeof(rq), NULL, 0), -EBADMSG);
	rq.head.flags = DP_REQUEST_NEXT;
	assert_int_equal(raw(&rq, sizeof(rq), NULL, 0), -ECANCELED);
	rq.head.flags = 0;
	assert_int_equal(raw(&rq, sizeof(rq), NULL, 0), 0);
}

/* What a vnet is promised is what it was last told, and nothing of what is refused. */
static void weights(void **state)
{
	struct dp_vnet v = { .id = 1, .weight = DP_WEIGHT_MAX, .guarantee = WORKERS_MAX * 1000,
			     .name = "v" };
	struct vnet *vnet = hash_map_find(lab_engine()->vnet_map, &v.id);

	assert_int_equal(vnet->weight, DP_WEIGHT_DEFAULT); /* lab_build() says 0 */
	assert_int_equal(vnet->guarantee, 0);
	assert_int_equal(one(DP_VNET_SET, &v, sizeof(v)), 0);
	assert_int_equal(vnet->weight, DP_WEIGHT_MAX);
	assert_int_equal(vnet->guarantee, WORKERS_MAX * 1000);
	v.weight++;
	assert_int_equal(one(DP_VNET_SET, &v, sizeof(v)), -EINVAL);
	v.weight = 1;
	v.guarantee++;
	assert_int_equal(one(DP_VNET_SET, &v, sizeof(v)), -EINVAL);
	assert_int_equal(vnet->weight, DP_WEIGHT_MAX);
	v.guarantee = 0;
	assert_int_equal(one(DP_VNET_SET, &v, sizeof(v)), 0);
	assert_int_equal(vnet->weight, 1);
	assert_int_equal(vnet->guarantee, 0);
}

static struct dp_port router_port(void)
{
	return (struct dp_port){ .id = 103, .node = 103, .backing = DP_BACK_DGRAM, .fib = 101,
				 .mtu = 1500, .mac = { LAB_ROUTER_MAC }, .name = "eth1" };
}

static void bad_ports(void **state)
{
	struct dp_port p = router_port();

	assert_int_equal(one(DP_PORT_SET, &p, sizeof(p)), 0);
#define REFUSED(code, change)                                                                  \
	do {                                                                                   \
		p = router_port();                                                             \
		change;                                                                        \
		assert_int_equal(one(DP_PORT_SET, &p, sizeof(p)), -(code));                    \
	} while (0)
	REFUSED(EINVAL, p.id = 0);
	REFUSED(ENOENT, p.node = 77);
	REFUSED(EBUSY, p.node = 203);
	REFUSED(EXDEV, p.fib = 201);
	REFUSED(ENOENT, p.fib = 77);
	REFUSED(EINVAL, p.mtu = 67);
	REFUSED(EINVAL, p.mtu = 9217);
	REFUSED(EINVAL, p.mac[0] = 1);
	REFUSED(EINVAL, memset(p.mac, 0, 6));
	REFUSED(EINVAL, p.backing = 4);
	REFUSED(EINVAL, p.flags = 32);
	REFUSED(EINVAL, p.backing = DP_BACK_DEV);
	REFUSED(EBADF, p.flags = DP_PORT_HAS_FD);
	REFUSED(EINVAL, (p.id = 105, p.node = 104, p.fib = 0));
	p = (struct dp_port){ .id = 101, .node = 101, .fib = 101, .mtu = 1500 };
	assert_int_equal(one(DP_PORT_SET, &p, sizeof(p)), -EINVAL); /* a host has no FIB */
}

static void foreign_vnets(void **state)
{
	struct dp_link link = { .id = 999, .port_a = 103, .port_b = 204 };
	struct dp_nh nh = { .node = 103, .id = 9, .kind = DP_NH_ADJ, .port = 204 };
	struct dp_node node = { .id = 103, .vnet = 2, .kind = DP_NODE_ROUTER };
	struct dp_id id = { .id = 101 };

	assert_int_equal(one(DP_LINK_DEL, &id, sizeof(id)), 0);
	id.id = 202;
	assert_int_equal(one(DP_LINK_DEL, &id, sizeof(id)), 0);
	assert_int_equal(one(DP_LINK_SET, &link, sizeof(link)), -EXDEV);
	assert_int_equal(one(DP_NH_SET, &nh, sizeof(nh)), -EXDEV);
	assert_int_equal(one(DP_NODE_SET, &node, sizeof(node)), -EBUSY);
	/* Link 102 is vnet 1's: it cannot be given to ports of vnet 2. */
	link = (struct dp_link){ .id = 102, .port_a = 202, .port_b = 204 };
	assert_int_equal(one(DP_LINK_SET, &link, sizeof(link)), -EXDEV);
}

static void next_hops_and_routes(void **state)
{
	struct {
		struct dp_nh nh;
		uint32_t members[DP_NH_GROUP_MAX];
	} g = { .nh = { .node = 103, .id = 9, .kind = DP_NH_GROUP, .member_count = 2 },
		.members = { 1, 2 } };
	struct dp_route route = { .fib = 101, .nh = 9, .family = 4, .len = 8, .addr = { 44 } };
	struct dp_nh_id id = { .node = 103, .id = 9 };
	struct dp_nh blackhole = { .node = 103, .id = 1, .kind = DP_NH_DROP };

	assert_int_equal(one(DP_NH_SET, &g, sizeof(g.nh) + 16), -EBADMSG);
	assert_int_equal(one(DP_NH_SET, &g, sizeof(g.nh) + 8), 0);
	g.members[1] = 9; /* a group in a group, itself at that */
	assert_int_equal(one(DP_NH_SET, &g, sizeof(g.nh) + 8), -EINVAL);
	g.members[1] = 77;
	assert_int_equal(one(DP_NH_SET, &g, sizeof(g.nh) + 8), -ENOENT);
	g.nh.member_count = 0;
	assert_int_equal(one(DP_NH_SET, &g, sizeof(g.nh)), -EINVAL);
	assert_int_equal(one(DP_NH_SET, &blackhole, sizeof(blackhole)), -EBUSY); /* in a group */
	assert_int_equal(one(DP_ROUTE_SET, &route, sizeof(route)), 0);
	assert_int_equal(one(DP_NH_DEL, &id, sizeof(id)), -EBUSY);
	route.addr[3] = 1;
	assert_int_equal(one(DP_ROUTE_SET, &route, sizeof(route)), -EINVAL);
	assert_int_equal(one(DP_ROUTE_DEL, &route, sizeof(route)), -EINVAL);
	route.addr[3] = 0;
	route.len = 33;
	assert_int_equal(one(DP_ROUTE_SET, &route, sizeof(route)), -EINVAL);
	route.len = 8;
	route.family = 5;
	assert_int_equal(one(DP_ROUTE_SET, &route, sizeof(route)), -EINVAL);
	route.family = 4;
	assert_int_equal(one(DP_ROUTE_DEL, &route, sizeof(route)), 0);
	assert_int_equal(one(DP_ROUTE_DEL, &route, sizeof(route)), 0);
	assert_int_equal(one(DP_NH_DEL, &id, sizeof(id)), 0);
	assert_int_equal(one(DP_NH_DEL, &id, sizeof(id)), -ENOENT);
}

/* More results than a datagram holds come in several, none lost. */
static void many_results(void **state)
{
	struct dp_id all = { .id = 0 };
	struct dp_port p = { .node = 101, .mtu = 1500 };

	for (p.id = 10000; p.id < 11000; p.id++)
		assert_int_equal(one(DP_PORT_SET, &p, sizeof(p)), 0);
	assert_int_equal(one(DP_PORT_GET, &all, sizeof(all)), 0);
	assert_int_equal(results, 1020);
	assert_true(datagrams > 2);
	all.id = 77;
	assert_int_equal(one(DP_VNET_GET, &all, sizeof(all)), -ENOENT);
}

/* A descriptor is taken when the record is applied, and only then. */
static void descriptors(void **state)
{
	struct dp_port p = router_port();
	int pair[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_DGRAM, 0, pair), 0);
	p.flags = DP_PORT_HAS_FD;
	p.mtu = 1;
	assert_int_equal(one_fds(DP_PORT_SET, &p, sizeof(p), pair, 1), -EINVAL);
	assert_true(pair[0] >= 0);
	p.mtu = 1500;
	p.backing = DP_BACK_NONE;
	assert_int_equal(one_fds(DP_PORT_SET, &p, sizeof(p), pair, 1), -EINVAL);
	assert_true(pair[0] >= 0);
	close(pair[0]);
	close(pair[1]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(bad_lengths, lab_setup, lab_teardown),
		cmocka_unit_test_setup_teardown(in_a_row, lab_setup, lab_teardown),
		cmocka_unit_test_setup_teardown(weights, lab_setup, lab_teardown),
		cmocka_unit_test_setup_teardown(bad_ports, lab_setup, lab_teardown),
		cmocka_unit_test_setup_teardown(foreign_vnets, lab_setup, lab_teardown),
		cmocka_unit_test_setup_teardown(next_hops_and_routes, lab_setup, lab_teardown),
		cmocka_unit_test_setup_teardown(many_results, lab_setup, lab_teardown),
		cmocka_unit_test_setup_teardown(descriptors, lab_setup, lab_teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
