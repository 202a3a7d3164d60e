/* SPDX-License-Identifier: Apache-2.0 */
/* Three views of routes, and what counts as a difference between them. */
#include "vrouter/verify.h"

#include "tests/unit/test.h"
#include "tests/unit/vrouter/held.h"
#include "tests/unit/vrouter/message.h"

#include <linux/if.h>
#include <linux/if_arp.h>
#include <linux/neighbour.h>
#include <linux/rtnetlink.h>
#include <string.h>
#include <sys/socket.h>

static struct {
	struct verify *v;
	struct held held;
	struct intake *intake, *kernel;
	struct verify_sum sum;
	struct verify_difference last;
} t;

static void link_is(struct intake *in, uint8_t number, bool up)
{
	struct ifinfomsg m = { .ifi_index = number, .ifi_type = ARPHRD_ETHER,
			       .ifi_flags = up ? IFF_UP | IFF_RUNNING : 0 };

	attr(IFLA_IFNAME, number == 1 ? "eth1" : "eth2", 5);
	attr(IFLA_ADDRESS, ((uint8_t[]){ 2, 0, 0, 0, 0, number }), 6);
	say_to(in, RTM_NEWLINK, 0, &m, sizeof(m));
}

static void neigh_is(struct intake *in, uint8_t host, uint8_t mac)
{
	struct ndmsg m = { .ndm_family = AF_INET, .ndm_ifindex = 1, .ndm_state = NUD_STALE };

	attr(NDA_DST, ((uint8_t[]){ 10, 0, 1, host }), 4);
	attr(NDA_LLADDR, ((uint8_t[]){ 2, 0, 0, 0, 1, mac }), 6);
	say_to(in, RTM_NEWNEIGH, 0, &m, sizeof(m));
}

/* 10.0.NET.0/24; host 0: on-link, else via 10.0.1.HOST */
static void route(struct intake *in, uint16_t type, uint32_t table, uint8_t net, uint8_t host)
{
	struct rtmsg m = { .rtm_family = AF_INET, .rtm_dst_len = 24, .rtm_type = RTN_UNICAST };

	attr32(RTA_TABLE, table);
	attr(RTA_DST, ((uint8_t[]){ 10, 0, net, 0 }), 4);
	attr32(RTA_OIF, 1);
	if (host)
		attr(RTA_GATEWAY, ((uint8_t[]){ 10, 0, 1, host }), 4);
	say_to(in, type, 0, &m, sizeof(m));
}

static const struct intake_port port = { .mac = { 2, 0, 0, 0, 0, 1 }, .name = "eth1" };

static int setup(void **state)
{
	const struct intake_conf conf = { .port_count = 1, .ports = &port, .max_routes = 100,
					  .sink = &held_sink, .arg = &t.held };

	memset(&t, 0, sizeof(t));
	assert_int_equal(verify_create(&t.v), 0);
	assert_int_equal(intake_create(&conf, &t.intake), 0);
	assert_int_equal(intake_twin(t.intake, &t.kernel), 0);
	for (unsigned i = 0; i < 2; i++) {
		struct intake *in = i ? t.kernel : t.intake;

		intake_dump_begin(in);
		link_is(in, 1, true);
		route(in, RTM_NEWROUTE, 254, 1, 0);
		route(in, RTM_NEWROUTE, 254, 9, 2);
		neigh_is(in, 2, 7);
		intake_dump_end(in);
	}
	return 0;
}

static int teardown(void **state)
{
	verify_destroy(t.v);
	intake_destroy(t.intake);
	intake_destroy(t.kernel);
	held_fini(&t.held);
	buf_free(&attrs);
	attrs = (struct buf){ 0 };
	return 0;
}

static void keep(void *arg, const struct verify_difference *d)
{
	t.last = *d;
}

/* The FIB is what the intake has told the sink. */
static void take(bool kernel)
{
	verify_begin(t.v);
	if (kernel)
		verify_add_intake(t.v, VERIFY_KERNEL, t.kernel);
	verify_add_intake(t.v, VERIFY_INTAKE, t.intake);
	held_verify(&t.held, t.v);
	assert_int_equal(verify_end(t.v), 0);
	verify_sum(t.v, &t.sum);
	memset(&t.last, 0, sizeof(t.last));
	verify_each(t.v, 1, keep, NULL);
}

static void all_agree(void **state)
{
	take(true);
	assert_int_equal(t.sum.differences, 0);
	assert_int_equal(t.sum.routes[VERIFY_KERNEL], 3); /* two networks and a neighbour */
	assert_int_equal(t.sum.routes[VERIFY_INTAKE], 3);
	assert_int_equal(t.sum.routes[VERIFY_FIB], 3);
}

/* A route that the intake has not heard of; one that went and it has not heard of that. */
static void the_kernel_differs(void **state)
{
	route(t.kernel, RTM_NEWROUTE, 254, 10, 2);
	intake_commit(t.kernel);
	take(true);
	assert_int_equal(t.sum.differences, 1);
	assert_int_equal(t.last.prefix.addr[2], 10);
	assert_int_equal(t.last.table, 254);
	assert_int_equal(t.last.nhs[VERIFY_KERNEL]->kind, INTAKE_NH_ADJ);
	assert_int_equal(t.last.nhs[VERIFY_KERNEL]->hops[0].mac[5], 7);
	assert_null(t.last.nhs[VERIFY_INTAKE]);
	assert_null(t.last.nhs[VERIFY_FIB]);
	assert_true(t.last.routes);
	route(t.kernel, RTM_DELROUTE, 254, 10, 2);
	route(t.kernel, RTM_DELROUTE, 254, 9, 2);
	intake_commit(t.kernel);
	take(true);
	assert_int_equal(t.sum.differences, 0); /* the first take had another one */
	assert_int_equal(t.sum.changing, 1);
}

static void count_left_out(void *arg, uint32_t table, size_t prefixes)
{
	assert_int_equal(table, 77);
	*(size_t *)arg += prefixes;
}

/* In a table that is no FIB. */
static void hidden_routes_differ(void **state)
{
	size_t left_out = 0;

	route(t.kernel, RTM_NEWROUTE, 77, 10, 2);
	intake_commit(t.kernel);
	take(true);
	assert_int_equal(t.sum.differences, 1);
	assert_true(t.last.routes && t.last.table == 77);
	assert_null(t.last.nhs[VERIFY_KERNEL]);
	route(t.intake, RTM_NEWROUTE, 77, 10, 2);
	intake_commit(t.intake);
	take(true);
	assert_int_equal(t.sum.differences, 0);
	verify_each_left_out(t.v, count_left_out, &left_out);
	assert_int_equal(left_out, 1);
}

static void the_engine_differs(void **state)
{
	struct held_route lost = t.held.routes[--t.held.route_count];

	take(true);
	assert_int_equal(t.sum.differences, 1);
	assert_false(t.last.routes);
	assert_non_null(t.last.nhs[VERIFY_INTAKE]);
	assert_ptr_equal(t.last.nhs[VERIFY_INTAKE], t.last.nhs[VERIFY_KERNEL]);
	assert_null(t.last.nhs[VERIFY_FIB]);
	take(true);
	assert_int_equal(t.sum.differences, 1); /* and stays so */
	assert_int_equal(t.sum.takes, 2);
	t.held.routes[t.held.route_count++] = lost;
	take(true);
	assert_int_equal(t.sum.differences, 0);
	assert_int_equal(t.sum.changing, 0);
}

/* One that is another in every take is on its way. */
static void what_changes_is_no_difference(void **state)
{
	size_t all = t.held.route_count;

	t.held.route_count = all - 1;
	take(true);
	assert_int_equal(t.sum.differences, 1);
	t.held.routes[all - 1].table = 900; /* it is two then: in one table too many, in one too few */
	t.held.route_count = all;
	take(true);
	assert_int_equal(t.sum.differences, 1);
	assert_int_equal(t.sum.changing, 1);
	t.held.routes[all - 1].table = 254;
	t.held.routes[all - 1].nh = t.held.routes[0].nh == t.held.routes[all - 1].nh ?
				    t.held.routes[1].nh : t.held.routes[0].nh;
	take(true);
	assert_int_equal(t.sum.differences, 0);
	assert_int_equal(t.sum.changing, 1);
}

/* Nobody asked it. */
static void without_the_kernel(void **state)
{
	route(t.kernel, RTM_NEWROUTE, 254, 10, 2);
	take(false);
	assert_int_equal(t.sum.differences, 0);
	t.held.route_count--;
	take(false);
	assert_int_equal(t.sum.differences, 0);
	assert_int_equal(t.sum.changing, 1);
}

/* 10.0.0.0/LEN, on-link, or by 10.0.1.2 and by what is no port. */
static void wide(struct intake *in, uint8_t len, bool both)
{
	struct rtmsg m = { .rtm_family = AF_INET, .rtm_dst_len = len, .rtm_table = 254, .rtm_type = RTN_UNICAST };
	const struct {
		struct rtnexthop hop;
		uint16_t len, type;
		uint8_t gateway[4];
	} hops[] = { { { .rtnh_len = sizeof(hops[0]), .rtnh_ifindex = 1 }, 8, RTA_GATEWAY, { 10, 0, 1, 2 } },
		     { { .rtnh_len = sizeof(hops[0]), .rtnh_ifindex = 2 }, 8, RTA_GATEWAY, { 10, 0, 2, 2 } } };

	attr(RTA_DST, ((uint8_t[]){ 10, 0, 0, 0 }), 4);
	if (both)
		attr(RTA_MULTIPATH, hops, sizeof(hops));
	else
		attr32(RTA_OIF, 1);
	say_to(in, RTM_NEWROUTE, 0, &m, sizeof(m));
}

/* 10.0.0.0/16, with all that is in it an address of its own. */
static void own(struct intake *in)
{
	struct rtmsg m = { .rtm_family = AF_INET, .rtm_dst_len = 16, .rtm_table = 255, .rtm_type = RTN_LOCAL,
			   .rtm_scope = RT_SCOPE_HOST };

	attr(RTA_DST, ((uint8_t[]){ 10, 0, 0, 0 }), 4);
	attr32(RTA_OIF, 1);
	say_to(in, RTM_NEWROUTE, 0, &m, sizeof(m));
	intake_commit(in);
}

/* The links of 10.0.0.0/16 have been down, if not both at once: nobody knows whether the kernel still has it. */
static void become_unsure(void)
{
	link_is(t.intake, 2, true);
	wide(t.intake, 16, true);
	intake_commit(t.intake);
	link_is(t.intake, 2, false);
	link_is(t.intake, 2, true);
	link_is(t.intake, 1, false);
	link_is(t.intake, 1, true); /* all by it alone went */
	intake_commit(t.intake);
	route(t.kernel, RTM_DELROUTE, 254, 1, 0);
	route(t.kernel, RTM_DELROUTE, 254, 9, 2);
	intake_commit(t.kernel);
}

static void an_unsure_route_is_hidden(void **state)
{
	become_unsure();
	own(t.kernel);
	own(t.intake);
	take(true);
	assert_int_equal(t.sum.differences, 0);
	assert_int_equal(held_lookup(&t.held, 254, 4, (const uint8_t[]){ 10, 0, 5, 1 })->kind, INTAKE_NH_LOCAL);
}

/* What a longer prefix of table default gets, or a neighbour, it decides. */
static void a_shorter_route_is_unsure(void **state)
{
	static const uint8_t longer[] = { 10, 0, 11, 1 };

	become_unsure();
	route(t.kernel, RTM_NEWROUTE, 253, 11, 2);
	route(t.intake, RTM_NEWROUTE, 253, 11, 2);
	intake_commit(t.kernel);
	intake_commit(t.intake);
	take(true);
	assert_int_equal(t.sum.differences, 0);
	assert_int_equal(t.sum.routes[VERIFY_KERNEL], 1); /* by the neighbour */
	wide(t.kernel, 8, false);
	wide(t.intake, 8, false);
	intake_commit(t.kernel);
	intake_commit(t.intake);
	verify_destroy(t.v);
	assert_int_equal(verify_create(&t.v), 0);
	take(true);
	assert_int_equal(t.sum.differences, 0);
	assert_int_equal(t.sum.routes[VERIFY_KERNEL], 3); /* the neighbour itself, too */
	assert_int_equal(held_lookup(&t.held, 254, 4, longer)->kind, INTAKE_NH_PUNT);
	wide(t.intake, 16, true); /* it is told again: now it decides */
	intake_commit(t.intake);
	assert_int_equal(held_lookup(&t.held, 254, 4, longer)->kind, INTAKE_NH_GROUP);
	wide(t.kernel, 16, true);
	intake_commit(t.kernel);
	take(true);
	assert_int_equal(t.sum.differences, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(all_agree, setup, teardown),
		cmocka_unit_test_setup_teardown(the_kernel_differs, setup, teardown),
		cmocka_unit_test_setup_teardown(hidden_routes_differ, setup, teardown),
		cmocka_unit_test_setup_teardown(the_engine_differs, setup, teardown),
		cmocka_unit_test_setup_teardown(what_changes_is_no_difference, setup, teardown),
		cmocka_unit_test_setup_teardown(without_the_kernel, setup, teardown),
		cmocka_unit_test_setup_teardown(an_unsure_route_is_hidden, setup, teardown),
		cmocka_unit_test_setup_teardown(a_shorter_route_is_unsure, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
