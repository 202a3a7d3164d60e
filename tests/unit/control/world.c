/* SPDX-License-Identifier: Apache-2.0 */
#include "control/netns.h"
#include "control/sweep.h"
#include "tests/unit/control/world_lab.h"

#include <event2/event.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static int deploy(struct daemon *w, const char *exec)
{
	char body[1024];

	snprintf(body, sizeof(body),
		 "{\"file\": \"t.yml\", \"files\": {}, \"topology\": \"name: %s\\ntopology:\\n  nodes:\\n"
		 "    h1: {kind: linux, image: a}\\n"
		 "    h2: {kind: linux, image: a, exec: [%s]}\\n"
		 "  links:\\n    - endpoints: [h1:eth1, h2:eth1]\\n\"}", w->name, exec);
	return world_vnet(w, "PUT", "", body);
}

static uint32_t id(struct daemon *w, const char *host)
{
	return vnet_node(vnet_find(&w->d, w->name), host)->id;
}

static bool link_risen(struct daemon *w)
{
	return store_link_is(w->d.store, STORE_LINK_RISEN, vnet_find(&w->d, w->name)->id,
			     "h1:eth1,h2:eth1");
}

static void changes_what_differs(void **state)
{
	struct daemon *w = *state;
	uint32_t first, second;
	ino_t h1, h2;

	assert_int_equal(deploy(w, "touch done"), 202);
	world_await_ready(w);
	h1 = world_ns(w, "h1");
	h2 = world_ns(w, "h2");
	first = id(w, "h1");
	second = id(w, "h2");
	assert_true(h1 && h2 && second > first);
	assert_true(strstr(w->said, "\"risen\":true"));
	assert_true(link_risen(w));
	assert_int_equal(deploy(w, "'true'"), 202);
	world_await_ready(w);
	assert_int_equal(world_ns(w, "h1"), h1);
	assert_int_equal(id(w, "h1"), first);
	assert_int_equal(id(w, "h2"), second + 1); /* the highest is not given again */
	assert_int_equal(deploy(w, "'exit 4'"), 202);
	world_await(w, "exit status 4");
	assert_true(strstr(w->said, "\"state\":\"degraded\""));
	assert_int_equal(world_vnet(w, "POST", "/links/h1:eth1", "{\"up\": false}"), 200);
	assert_int_equal(world_vnet(w, "POST", "/links/h1:eth1", "{\"up\": 1}"), 400);
	assert_int_equal(world_vnet(w, "POST", "/links/h1:eth9", "{\"up\": true}"), 404);
	assert_int_equal(world_vnet(w, "DELETE", "", ""), 200);
	assert_true(!world_ns(w, "h1") && !world_ns(w, "h2"));
	assert_int_equal(world_vnet(w, "DELETE", "", ""), 404);
	assert_false(store_vnet_has(w->d.store, NULL));
}

static void the_next_weftd_takes_over(void **state)
{
	struct daemon *w = *state;
	uint32_t first;
	ino_t h1;

	assert_int_equal(deploy(w, "'true'"), 202);
	world_await_ready(w);
	h1 = world_ns(w, "h1");
	first = id(w, "h1");
	daemon_stop(w);
	daemon_start(w);
	sweep(&w->d);
	assert_int_equal(store_vnet_each(w->d.store, world_restore, w, NULL), 0);
	assert_int_equal(world_ns(w, "h1"), h1);
	assert_int_equal(id(w, "h1"), first);
	assert_true(vnet_find(&w->d, w->name)->links[0].risen);
	world_await_ready(w);
	/* Killed as it began to destroy: the next one does not restore, it ends. */
	assert_int_equal(store_vnet_end(w->d.store, w->name, NULL), 0);
	daemon_stop(w);
	daemon_start(w);
	sweep(&w->d);
	assert_true(!world_ns(w, "h1") && !world_ns(w, "h2"));
	assert_false(store_vnet_has(w->d.store, NULL));
}

static void what_cannot_be_restored_can_be_destroyed(void **state)
{
	struct daemon *w = *state;

	assert_int_equal(deploy(w, "'true'"), 202);
	world_await_ready(w);
	daemon_stop(w);
	daemon_start(w);
	sweep(&w->d);
	assert_true(world_ns(w, "h1") != 0);
	assert_int_equal(world_vnet(w, "DELETE", "", ""), 200);
	assert_true(!world_ns(w, "h1") && !world_ns(w, "h2"));
	assert_false(store_vnet_has(w->d.store, NULL));
}

/* So many hosts on a bridge that they are not made in one turn of the loop. */
static int deploy_many(struct daemon *w, unsigned count)
{
	struct buf body = { 0 };
	int status;

	buf_printf(&body, "{\"file\": \"t.yml\", \"files\": {}, \"topology\": \"name: %s\\ntopology:\\n"
		   "  nodes:\\n    sw: {kind: bridge}\\n", w->name);
	for (unsigned i = 0; i < count; i++)
		buf_printf(&body, "    m%u: {kind: linux, image: a}\\n", i);
	buf_printf(&body, "  links:\\n");
	for (unsigned i = 0; i < count; i++)
		buf_printf(&body, "    - endpoints: [m%u:eth1, sw:p%u]\\n", i, i);
	buf_printf(&body, "\"}");
	buf_u8(&body, 0);
	status = world_vnet(w, "PUT", "", (const char *)body.data);
	buf_free(&body);
	return status;
}

static void nodes_are_made_over_some_turns(void **state)
{
	struct daemon *w = *state;
	ino_t first;

	assert_int_equal(deploy_many(w, 60), 202);
	assert_true(strstr(w->said, "\"state\":\"waiting\""));
	assert_true(strstr(w->said, "\"state\":\"deploying\""));
	first = world_ns(w, "m0");
	assert_true(first != 0);
	assert_int_equal(deploy_many(w, 62), 202); /* another one meanwhile */
	world_await_ready(w);
	assert_false(strstr(w->said, "\"state\":\"waiting\"") || strstr(w->said, "\"risen\":false"));
	assert_true(world_ns(w, "m0") == first && world_ns(w, "m61") != 0);
	assert_int_equal(world_vnet(w, "DELETE", "", ""), 200);
	assert_int_equal(deploy_many(w, 60), 202);
	assert_int_equal(world_vnet(w, "DELETE", "", ""), 200); /* in the middle of it */
	assert_true(!world_ns(w, "m0") && !world_ns(w, "m59"));
	assert_false(store_vnet_has(w->d.store, NULL));
}

static void a_namespace_of_somebody_else(void **state)
{
	struct daemon *w = *state;
	char name[64];

	snprintf(name, sizeof(name), "weft-%s-h1", w->name);
	assert_int_equal(netns_create(name, 0, NULL), 0);
	assert_int_equal(deploy(w, "'true'"), 202);
	assert_true(strstr(w->said, "is not this weftd's"));
	assert_int_equal(world_vnet(w, "DELETE", "", ""), 200);
	assert_true(world_ns(w, "h1") != 0);
	assert_int_equal(netns_destroy(name, NULL), 0);
}

static void clients_that_leave(void **state)
{
	struct daemon *w = *state;
	char path[128];
	int fd;

	assert_int_equal(deploy(w, "'true'"), 202);
	world_await_ready(w);
	assert_int_equal(world_vnet(w, "POST", "/nodes/h1/exec", "{\"argv\": [\"echo\", \"hi\"]}"), 200);
	assert_true(strstr(w->said, "{\"stdout\":\"aGkK\"}") && strstr(w->said, "{\"exit\":0}"));
	snprintf(path, sizeof(path), "/v1/vnets/%s/nodes/h1/exec", w->name);
	/* In the middle of much output, which waits for its client. */
	fd = daemon_dial(w, "POST", path, "{\"argv\": [\"cat\", \"/dev/zero\"]}");
	daemon_hear(w, fd, "stdout");
	for (int i = 0; i < 200; i++) {
		poll(NULL, 0, 1);
		event_base_loop(w->d.base, EVLOOP_NONBLOCK);
	}
	close(fd);
	/* Before anything is said; and one whom the end of weftd meets. */
	close(daemon_dial(w, "POST", path, "{\"argv\": [\"sleep\", \"1000\"]}"));
	close(daemon_dial(w, "DELETE", "/v1/vnets/nobody", ""));
	fd = daemon_dial(w, "POST", path, "{\"argv\": [\"sh\", \"-c\", \"echo hi; exec sleep 1000\"]}");
	assert_int_equal(daemon_hear(w, fd, "stdout"), 200);
	daemon_stop(w);
	close(fd);
	daemon_start(w);
	assert_int_equal(store_vnet_end(w->d.store, NULL, NULL), 0);
	sweep(&w->d);
	assert_true(!world_ns(w, "h1") && !world_ns(w, "h2"));
}

static void nonsense(void **state)
{
	static const struct {
		const char *method, *path, *body;
		int status;
	} calls[] = {
		{ "GET", "/", "", 404 },
		{ "GET", "/v1/version%00x", "", 400 },
		{ "GET", "/v1/vnets/a%2fb", "", 404 },
		{ "GET", "/v1/vnets/..%2f..%2fetc", "", 404 },
		{ "GET", "/v1/vnets/%ff", "", 404 },
		{ "PUT", "/v1/vnets/red", "", 400 },
		{ "PUT", "/v1/vnets/red", "[]", 400 },
		{ "PUT", "/v1/vnets/red", "{}", 400 },
		{ "PUT", "/v1/vnets/red", "{\"file\": 1, \"topology\": [], \"files\": {}}", 400 },
		{ "PUT", "/v1/vnets/red", "{\"file\": \"f\", \"topology\": \"\", \"files\": 3}", 400 },
		{ "PUT", "/v1/vnets/red", "{\"file\": \"\xff\", \"topology\": \"\", \"files\": {}}", 400 },
		{ "PUT", "/v1/vnets/red", "{\"file\": \"a\\u0000\", \"topology\": \"\", \"files\": {}}", 400 },
		{ "DELETE", "/v1/vnets/red", "", 404 },
		{ "DELETE", "/v1/vnets", "", 405 },
		{ "POST", "/v1/vnets/red/nodes/r1/exec", "{}", 404 },
	};
	struct daemon *w = *state;

	for (unsigned i = 0; i < sizeof(calls) / sizeof(calls[0]); i++) {
		assert_int_equal(daemon_call(w, calls[i].method, calls[i].path, calls[i].body), calls[i].status);
		assert_true(strstr(w->said, "{\"error\":\""));
	}
}

static void many_clients(void **state)
{
	struct daemon *w = *state;
	int fds[100];

	for (unsigned i = 0; i < 100; i++)
		fds[i] = daemon_dial(w, "GET", "/v1/version", "");
	for (unsigned i = 0; i < 100; i++) {
		assert_int_equal(daemon_hear(w, fds[i], NULL), 200);
		close(fds[i]);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(changes_what_differs, daemon_setup, daemon_teardown),
		cmocka_unit_test_setup_teardown(the_next_weftd_takes_over, daemon_setup, daemon_teardown),
		cmocka_unit_test_setup_teardown(what_cannot_be_restored_can_be_destroyed, daemon_setup, daemon_teardown),
		cmocka_unit_test_setup_teardown(nodes_are_made_over_some_turns, daemon_setup, daemon_teardown),
		cmocka_unit_test_setup_teardown(a_namespace_of_somebody_else, daemon_setup, daemon_teardown),
		cmocka_unit_test_setup_teardown(clients_that_leave, daemon_setup, daemon_teardown),
		cmocka_unit_test_setup_teardown(nonsense, daemon_setup, daemon_teardown),
		cmocka_unit_test_setup_teardown(many_clients, daemon_setup, daemon_teardown),
	};

	signal(SIGPIPE, SIG_IGN);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
