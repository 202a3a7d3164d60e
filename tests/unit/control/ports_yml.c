/* SPDX-License-Identifier: Apache-2.0 */
#include "control/ports_yml.h"
#include "tests/unit/test.h"

#include <errno.h>
#include <string.h>

static struct ports_yml load(const char *text)
{
	struct ports_yml yml = { 0 };
	struct err err = { "" };

	if (ports_yml_load("ports.yml", text, strlen(text), &yml, &err) != 0)
		fail_msg("%s", err.text);
	return yml;
}

static void reads_each_kind(void **state)
{
	struct ports_yml yml = load("ports:\n"
				    "  p0: {device: \"0000:03:00.0,mprq_en=1\", rate: 10Gbit}\n"
				    "  p1: {interface: ens3, users: [alice, bob]}\n"
				    "  up-2: {interface: ens4, driver: af_packet, rate: 1.5Mbit}\n"
				    "  3: {device: \"net_memif0,role=client\"}\n");
	const struct ports_conf *p = yml.ports;

	assert_int_equal(yml.count, 4);
	assert_int_equal(p[0].driver, PORTS_DPDK);
	assert_string_equal(p[0].device, "0000:03:00.0,mprq_en=1");
	assert_string_equal(p[0].pci, "0000:03:00.0");
	assert_int_equal(p[0].rate, 10000000000);
	assert_int_equal(p[0].line, 2);
	assert_int_equal(p[1].driver, PORTS_AF_XDP);
	assert_string_equal(p[1].interface, "ens3");
	assert_int_equal(p[1].rate, 0);
	assert_int_equal(p[2].driver, PORTS_AF_PACKET);
	assert_int_equal(p[2].rate, 1500000);
	assert_string_equal(p[3].pci, "");
	assert_ptr_equal(ports_yml_find(&yml, "up-2"), &p[2]);
	assert_null(ports_yml_find(&yml, "up"));
	ports_yml_free(&yml);
	assert_int_equal(yml.count, 0);
	yml = load("ports:\n");
	assert_int_equal(yml.count, 0);
	ports_yml_free(&yml);
}

static void users_are_those_named(void **state)
{
	struct ports_yml yml = load("ports:\n  p0: {interface: a}\n  p1: {interface: b, users: [alice, bob]}\n");

	assert_true(ports_allows(&yml.ports[0], NULL));
	assert_false(ports_allows(&yml.ports[0], "alice"));
	assert_true(ports_allows(&yml.ports[1], NULL));
	assert_true(ports_allows(&yml.ports[1], "bob"));
	assert_false(ports_allows(&yml.ports[1], "bo"));
	ports_yml_free(&yml);
}

static void wrong_files_are_refused(void **state)
{
	static const struct {
		const char *text, *sentence;
	} bad[] = {
		{ "", "ports.yml:1: the file is empty" },
		{ "- a", "ports.yml:1: ports.yml must be a mapping (key: value)" },
		{ "port: {}", "ports.yml:1: key \"port\" is unknown: there is only \"ports\"" },
		{ "ports: [p0]", "ports.yml:1: ports must be a mapping (key: value)" },
		{ "ports:\n  p0: {}", "ports.yml:2: port p0 has either a device of DPDK's or an interface of the "
				      "kernel's" },
		{ "ports:\n  p0: {interface: a, device: b}",
		  "ports.yml:2: port p0 has either a device of DPDK's or an interface of the kernel's" },
		{ "ports:\n  p0: {interface: a, rte: 1Gbit}",
		  "ports.yml:2: key \"rte\" is not one of a port: device, interface, driver, rate, users" },
		{ "ports:\n  p0: {interface: a, rate: 1G}",
		  "ports.yml:2: rate \"1G\" is not a rate such as \"10Gbit\", from 8kbit to 1000Gbit" },
		{ "ports:\n  p0: {interface: a, driver: dpdk}",
		  "ports.yml:2: driver \"dpdk\" is neither af_xdp nor af_packet" },
		{ "ports:\n  p0: {device: net_null0, driver: af_xdp}", "ports.yml:2: driver: it is of an interface" },
		{ "ports:\n  p0: {interface: \"a,force_copy=1\"}",
		  "ports.yml:2: interface \"a,force_copy=1\" is no name of an interface" },
		{ "ports:\n  p0: {interface: sixteen-letters-}",
		  "ports.yml:2: interface \"sixteen-letters-\" is no name of an interface" },
		{ "ports:\n  p0: {device: \"net_null0 \"}",
		  "ports.yml:2: device \"net_null0 \" is no device string of DPDK's, of 111 characters at most and no "
		  "blanks" },
		{ "ports:\n  p0: {device: net_vhost0}", "ports.yml:2: device: net_vhost is for guests" },
		{ "ports:\n  p0.1: {interface: a}",
		  "ports.yml:2: \"p0.1\" is no name of a port: a-z or 0-9, then a-z 0-9 - _, 10 characters at most" },
		{ "ports:\n  p0: {interface: a}\n  p1: {interface: a}", "ports.yml:3: port p1 is port p0 of line 2" },
		{ "ports:\n  p0: {interface: a}\n  p0: {interface: b}", "ports.yml:3: key \"p0\" is here twice, first in line 2" },
		{ "ports:\n  a: {device: \"0000:00:00.0\"}\n  b: {device: \"0000:00:00.1\"}\n"
		  "  c: {device: \"0000:00:00.2\"}\n  d: {device: \"0000:00:00.3\"}\n"
		  "  e: {device: \"0000:00:00.4\"}\n  f: {device: \"0000:00:00.5\"}\n"
		  "  g: {device: \"0000:00:00.6\"}\n  h: {device: \"0000:00:00.7\"}\n"
		  "  i: {device: \"0000:01:00.0\"}\n", "ports.yml:10: more than 8 PCI devices" },
		{ "ports:\n  p0: {interface: a, users: alice}", "ports.yml:2: users must be a list" },
		{ "ports:\n  p0: {interface: a, users: [\"\"]}", "ports.yml:2: \"\" is no name of a user" },
	};

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct ports_yml yml = { 0 };
		struct err err = { "" };

		assert_int_equal(ports_yml_load("ports.yml", bad[i].text, strlen(bad[i].text), &yml, &err), -EINVAL);
		assert_string_equal(err.text, bad[i].sentence);
		assert_null(yml.ports);
	}
}

static void slices_are_taken_apart(void **state)
{
	static const char *const bad[] = { "",	"p0.",	 "p0.0",  "p0.01", "p0.4095", "p0.99999", ".1",
					   "-a", "P0",	 "p0.1.2", "p0 ",  "eleven-long", "p0.1x", "p0:1" };
	char name[TOPOLOGY_PHYS_MAX];
	uint16_t vlan;

	assert_true(topology_slice("p0", name, &vlan));
	assert_string_equal(name, "p0");
	assert_int_equal(vlan, 0);
	assert_true(topology_slice("ten_long-0.4094", name, &vlan));
	assert_string_equal(name, "ten_long-0");
	assert_int_equal(vlan, 4094);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		if (topology_slice(bad[i], name, &vlan))
			fail_msg("%s", bad[i]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(reads_each_kind),
		cmocka_unit_test(users_are_those_named),
		cmocka_unit_test(wrong_files_are_refused),
		cmocka_unit_test(slices_are_taken_apart),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
