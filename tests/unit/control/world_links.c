/* SPDX-License-Identifier: Apache-2.0 */
/* Links of hosts that run: they come, change and go. */
#include "control/sweep.h"
#include "tests/unit/control/world_lab.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>

/* h1 and h2, with links h1:ethN - h2:ethN as the digits say; h1:ethN's MTU is 1500 or, of capital
 * letters A, B, ... as digits 1, 2, ..., 1400. */
static int deploy_links(struct daemon *w, const char *rest, const char *digits)
{
	struct buf body = { 0 };
	char path[64];
	int status;

	buf_printf(&body, "{\"file\": \"t.yml\", \"files\": {}, \"topology\": \"name: %s\\ntopology:\\n"
		   "  nodes: {h1: {kind: linux, image: a}, h2: {kind: linux, image: a}}\\n  links:\\n", w->name);
	for (; *digits; digits++) {
		int n = *digits < 'A' ? *digits - '0' : *digits - 'A' + 1;

		buf_printf(&body, "    - {endpoints: [h1:eth%d, h2:eth%d], mtu: %d}\\n", n, n,
			   *digits < 'A' ? 1500 : 1400);
	}
	buf_printf(&body, "\"}");
	buf_u8(&body, 0);
	snprintf(path, sizeof(path), "/v1/vnets/%s%s", w->name, rest);
	status = daemon_call(w, "PUT", path, (const char *)body.data);
	buf_free(&body);
	return status;
}

/* The MTU of a host's interface; 0: there is none. */
static int mtu(struct daemon *w, const char *host, const char *ifname)
{
	char name[64], command[256], line[512] = "";
	FILE *p;
	int found = 0;

	snprintf(name, sizeof(name), "weft-%s-%s", w->name, host);
	snprintf(command, sizeof(command), "ip netns exec %s ip -o link show dev %s 2>/dev/null", name, ifname);
	p = popen(command, "r");
	if (fgets(line, sizeof(line), p) && strstr(line, " mtu "))
		sscanf(strstr(line, " mtu "), " mtu %d", &found);
	pclose(p);
	return found;
}

static uint32_t port_id(struct daemon *w, unsigned n)
{
	char name[16];

	snprintf(name, sizeof(name), "eth%u", n);
	for (unsigned i = 0; i < vnet_node(vnet_find(&w->d, w->name), "h1")->spec->port_count; i++) {
		struct port *p = &vnet_node(vnet_find(&w->d, w->name), "h1")->ports[i];

		if (!strcmp(p->spec->name, name))
			return p->id;
	}
	return 0;
}

static void links_come_and_go(void **state)
{
	struct daemon *w = *state;
	uint32_t eth1, eth2;
	ino_t h1;

	assert_int_equal(deploy_links(w, "", "12"), 202);
	world_await_ready(w);
	h1 = world_ns(w, "h1");
	eth1 = port_id(w, 1);
	eth2 = port_id(w, 2);
	assert_int_equal(mtu(w, "h1", "eth1"), 1500);

	assert_int_equal(deploy_links(w, "?dry-run=1", "32A"), 200);
	assert_non_null(strstr(w->said, "{\"name\":\"eth3\",\"change\":\"add\"}"));
	assert_non_null(strstr(w->said, "{\"name\":\"eth1\",\"change\":\"change\"}"));
	assert_non_null(strstr(w->said, "\"kept\":{\"nodes\":0,\"links\":1}"));
	assert_int_equal(mtu(w, "h1", "eth3"), 0);
	assert_int_equal(mtu(w, "h1", "eth1"), 1500);

	assert_int_equal(deploy_links(w, "", "32A"), 202);
	world_await_ready(w);
	assert_true(world_ns(w, "h1") == h1 && port_id(w, 1) == eth1 && port_id(w, 2) == eth2);
	assert_true(port_id(w, 3) > eth2);
	assert_int_equal(mtu(w, "h1", "eth3"), 1500);
	assert_int_equal(mtu(w, "h1", "eth1"), 1400);

	assert_int_equal(deploy_links(w, "", "3"), 202);
	world_await_ready(w);
	assert_true(world_ns(w, "h1") == h1);
	assert_true(mtu(w, "h1", "eth3") && !mtu(w, "h1", "eth1") && !mtu(w, "h2", "eth2"));
	assert_false(store_id_has(w->d.store, STORE_PORT, eth1));
	assert_int_equal(world_vnet(w, "DELETE", "", ""), 200);
}

/* Killed when the store had the new wish, before anything was done: the next one does it. */
static void the_next_weftd_finishes(void **state)
{
	struct daemon *w = *state;
	char text[512];
	uint32_t id;
	ino_t h1;

	assert_int_equal(deploy_links(w, "", "12"), 202);
	world_await_ready(w);
	h1 = world_ns(w, "h1");
	id = vnet_find(&w->d, w->name)->id;
	daemon_stop(w);
	daemon_start(w);
	snprintf(text, sizeof(text),
		 "name: %s\ntopology:\n  nodes: {h1: {kind: linux, image: a}, h2: {kind: linux, image: a}}\n"
		 "  links:\n    - endpoints: [h1:eth2, h2:eth2]\n    - endpoints: [h1:eth3, h2:eth3]\n", w->name);
	assert_int_equal(store_vnet_put(w->d.store, id, w->name, "t.yml", text, "{}", NULL), 0);
	sweep(&w->d);
	assert_int_equal(store_vnet_each(w->d.store, world_restore, w, NULL), 0);
	world_await_ready(w);
	assert_true(world_ns(w, "h1") == h1);
	assert_true(!mtu(w, "h1", "eth1") && mtu(w, "h1", "eth2") && mtu(w, "h1", "eth3"));
	assert_int_equal(world_vnet(w, "DELETE", "", ""), 200);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(links_come_and_go, daemon_setup, daemon_teardown),
		cmocka_unit_test_setup_teardown(the_next_weftd_finishes, daemon_setup, daemon_teardown),
	};

	signal(SIGPIPE, SIG_IGN);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
