/* SPDX-License-Identifier: Apache-2.0 */
/* What the engine gets of routes that come by FPM, and of what is told beside them. */
#include "tests/unit/vrouter/fpm_lab.h"

#include <stdio.h>
#include <string.h>

static void objects(void **state)
{
	lab_object(7, NULL, ETH1);
	lab_object(8, "10.0.1.2", ETH1);
	lab_route(RTM_NEWROUTE, 254, "10.0.1.0/24", KERNEL, NULL, 0, 7);
	lab_route(RTM_NEWROUTE, 254, "10.9.0.0/16", OSPF, NULL, 0, 8);
	lab_send(false);
	lab_gets("10.9.1.1", "eth1 12");
	lab_gets("10.0.1.2", "eth1 12");
}

static void neighbours_come_and_go(void **state)
{
	lab_connected();
	lab_route(RTM_NEWROUTE, 254, "10.9.0.0/16", OSPF, "10.0.2.2", ETH2, 0);
	lab_send(false);
	lab_neighbour(ETH2, "10.0.2.2", 23);
	intake_commit(fpm_lab.in);
	lab_gets("10.9.1.1", "eth2 23");
	lab_neighbour(ETH2, "10.0.2.2", 0);
	intake_commit(fpm_lab.in);
	lab_gets("10.9.1.1", "punt");
	lab_own(ETH1, "10.9.1.1", true); /* its own, though zebra has another route there */
	intake_commit(fpm_lab.in);
	lab_gets("10.9.1.1", "local");
	lab_own(ETH1, "10.9.1.1", false);
	intake_commit(fpm_lab.in);
	lab_gets("10.9.1.1", "punt");
}

static char reasons[512];

static void on_reason(void *arg, const char *text)
{
	size_t used = strlen(reasons);

	snprintf(reasons + used, sizeof(reasons) - used, "%s\n", text);
}

static void inspect_says(const char *what)
{
	reasons[0] = 0;
	intake_each_reason(fpm_lab.in, on_reason, NULL);
	assert_string_equal(reasons, what);
}

static void a_port_is_where_its_connected_routes_are(void **state)
{
	intake_commit(fpm_lab.in);
	assert_int_equal(fpm_lab.held.ports[0].table, 0);
	assert_true(fpm_lab.held.ports[0].up);
	inspect_says("all received on eth1: no connected route over it was told\n"
		     "all received on eth2: no connected route over it was told\n");
	lab_route(RTM_NEWROUTE, 254, "10.0.2.0/24", KERNEL, NULL, ETH2, 0);
	lab_route(RTM_NEWROUTE, 77, "10.0.1.0/24", KERNEL, NULL, ETH1, 0);
	lab_route(RTM_NEWROUTE, 77, "10.9.0.0/16", OSPF, "10.0.1.2", ETH1, 0);
	lab_send(false);
	assert_int_equal(fpm_lab.held.ports[0].table, 77);
	assert_int_equal(fpm_lab.held.ports[1].table, 254);
	inspect_says("");
	lab_gets("10.9.1.1", "eth1 12");
	lab_route(RTM_NEWROUTE, 254, "10.0.3.0/24", KERNEL, NULL, ETH1, 0); /* in two */
	lab_send(false);
	assert_int_equal(fpm_lab.held.ports[0].table, 0);
	lab_route(RTM_DELROUTE, 77, "10.0.1.0/24", KERNEL, NULL, 0, 0);
	lab_send(false);
	assert_int_equal(fpm_lab.held.ports[0].table, 254);
}

/* The guest has its interfaces in another order than its NICs are in. */
static void interfaces_in_another_order(void **state)
{
	lab_connected();
	lab_send(false);
	lab_own(ETH1, "10.0.1.1", true);
	lab_own(ETH1, "192.0.2.1", true); /* not connected anywhere */
	lab_own(ETH1, "fe80::1", true);
	intake_commit(fpm_lab.in);
	assert_false(fpm_lab.held.punt4 || fpm_lab.held.punt6);
	lab_own(ETH2, "10.0.1.7", true);
	intake_commit(fpm_lab.in);
	assert_true(fpm_lab.held.punt4 && fpm_lab.held.punt6);
	inspect_says("all IPv4: the guest has 10.0.1.7 on eth2, and says that it is on its interface 3\n"
		     "all IPv6: the guest has 10.0.1.7 on eth2, and says that it is on its interface 3\n");
	lab_own(ETH2, "10.0.1.7", false);
	intake_commit(fpm_lab.in);
	assert_false(fpm_lab.held.punt4 || fpm_lab.held.punt6);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(objects),
		CASE(neighbours_come_and_go),
		CASE(a_port_is_where_its_connected_routes_are),
		CASE(interfaces_in_another_order),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
