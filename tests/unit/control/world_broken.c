/* SPDX-License-Identifier: Apache-2.0 */
/* Who is root on the machine, or in a host, deletes what weftd has made. */
#include "control/netns.h"
#include "control/sweep.h"
#include "tests/unit/control/world_lab.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

static int deploy(struct daemon *w)
{
	char body[1024];

	snprintf(body, sizeof(body),
		 "{\"file\": \"t.yml\", \"files\": {}, \"topology\": \"name: %s\\ntopology:\\n  nodes:\\n"
		 "    h1: {kind: linux, image: a, exec: [ip addr add 10.0.0.1/24 dev eth1]}\\n"
		 "    h2: {kind: linux, image: a}\\n"
		 "  links:\\n    - endpoints: [h1:eth1, h2:eth1]\\n\"}", w->name);
	return world_vnet(w, "PUT", "", body);
}

static const char *host(struct daemon *w, const char *which)
{
	static char name[64];

	snprintf(name, sizeof(name), "weft-%s-%s", w->name, which);
	return name;
}

/* Runs a shell's line in h1; what it said, base64. */
static const char *in_h1(struct daemon *w, const char *line)
{
	char body[256];

	snprintf(body, sizeof(body), "{\"argv\": [\"sh\", \"-c\", \"%s\"]}", line);
	assert_int_equal(world_vnet(w, "POST", "/nodes/h1/exec", body), 200);
	return w->said;
}

static void await_well(struct daemon *w)
{
	time_t end = time(NULL) + 30;

	do
		world_await_ready(w);
	while (strstr(w->said, "somebody") && time(NULL) < end);
	assert_null(strstr(w->said, "somebody"));
	assert_null(strstr(w->said, "\"state\":\"failed\""));
}

/* As it was made: with its exec lines. */
static void restart(struct daemon *w)
{
	assert_int_equal(world_vnet(w, "POST", "/nodes/h1/restart", ""), 202);
	await_well(w);
	assert_non_null(strstr(in_h1(w, "ip -br addr show dev eth1 | grep -q 10.0.0.1/24 && echo hi"), "aGkK"));
}

static void an_interface_is_deleted(void **state)
{
	struct daemon *w = *state;

	assert_int_equal(deploy(w), 202);
	await_well(w);
	in_h1(w, "ip link add other type dummy; ip link del other");
	await_well(w); /* nothing of ours */
	in_h1(w, "ip link del eth1");
	world_await(w, "interface eth1");
	assert_non_null(strstr(w->said, "\"state\":\"degraded\""));
	/* Again and again, and by whom it is made anew: no more than one state comes of it. */
	in_h1(w, "for i in $(seq 100); do ip tuntap add eth1 mode tap; ip link del eth1; done; "
		 "ip tuntap add eth1 mode tap");
	world_await(w, "interface eth1");
	restart(w);
	/* After weftd began anew, which has no descriptor of it. */
	daemon_stop(w);
	daemon_start(w);
	sweep(&w->d);
	assert_int_equal(store_vnet_each(w->d.store, world_restore, w, NULL), 0);
	await_well(w);
	in_h1(w, "ip link set eth1 down; ip link set eth1 name gone");
	world_await(w, "interface eth1");
	in_h1(w, "ip link set gone name eth1");
	await_well(w); /* it is the one that was made */
	assert_int_equal(world_vnet(w, "DELETE", "", ""), 200);
}

static void a_namespace_is_deleted(void **state)
{
	struct daemon *w = *state;

	assert_int_equal(deploy(w), 202);
	await_well(w);
	assert_int_equal(netns_destroy(host(w, "h1"), NULL), 0);
	world_await(w, "deleted its namespace");
	assert_non_null(strstr(w->said, "\"state\":\"degraded\""));
	assert_int_equal(deploy(w), 202); /* the same file changes nothing */
	world_await(w, "deleted its namespace");
	restart(w);
	/* The whole vnet can be destroyed without. */
	assert_int_equal(netns_destroy(host(w, "h1"), NULL), 0);
	assert_int_equal(netns_destroy(host(w, "h2"), NULL), 0);
	assert_int_equal(world_vnet(w, "DELETE", "", ""), 200);
	assert_false(store_vnet_has(w->d.store, NULL));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(an_interface_is_deleted, daemon_setup, daemon_teardown),
		cmocka_unit_test_setup_teardown(a_namespace_is_deleted, daemon_setup, daemon_teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
