/* SPDX-License-Identifier: Apache-2.0 */
/* Two users and the operator at the API of a weftd in this process. */
#include "base/buf.h"
#include "control/events.h"
#include "tests/unit/control/daemon.h"
#include "tests/unit/test.h"

#include <errno.h>
#include <event2/event.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#define TOPOLOGY                                                                                                  \
	"{\"file\": \"f\", \"files\": {}, \"topology\": \"name: %s\\nweft: {weight: %u}\\ntopology: {nodes: "    \
	"{b1: {kind: bridge}, b2: {kind: bridge}}, links: [{endpoints: [\\\"b1:p1\\\", \\\"b2:p1\\\"]}]}\"%s}"

struct lab {
	struct daemon *w;
	char alice[USER_TOKEN_MAX], bob[USER_TOKEN_MAX];
};

static struct lab lab;

/* The token in the last answer. */
static void take_token(char token[USER_TOKEN_MAX])
{
	const char *at = strstr(lab.w->said, "weft_");

	assert_non_null(at);
	snprintf(token, USER_TOKEN_MAX, "%s", at);
}

static int deploy(const char *token, const char *name, unsigned weight, const char *more)
{
	char body[512], path[64];

	snprintf(body, sizeof(body), TOPOLOGY, name, weight, more);
	snprintf(path, sizeof(path), "/v1/vnets/%s", name);
	return token ? daemon_call_as(lab.w, token, "PUT", path, body) : daemon_call(lab.w, "PUT", path, body);
}

static int setup(void **state)
{
	daemon_setup((void **)&lab.w);
	assert_int_equal(daemon_call(lab.w, "PUT", "/v1/users/alice", "{\"weight\": 250, \"vnets\": 3}"), 201);
	take_token(lab.alice);
	assert_int_equal(daemon_call(lab.w, "PUT", "/v1/users/bob", "{}"), 201);
	take_token(lab.bob);
	assert_int_equal(deploy(lab.alice, "red", 100, ""), 202);
	assert_int_equal(deploy(lab.bob, "blue", 100, ""), 202);
	assert_int_equal(deploy(NULL, "grey", 100, ""), 202);
	return 0;
}

static int teardown(void **state)
{
	return daemon_teardown((void **)&lab.w);
}

static bool says(const char *what)
{
	return strstr(lab.w->said, what) != NULL;
}

static int get_as(const char *token, const char *path)
{
	return daemon_call_as(lab.w, token, "GET", path, "");
}

static void nobody_without_a_token(void **state)
{
	char wrong[USER_TOKEN_MAX];
	struct stat st;

	strcpy(wrong, lab.alice);
	wrong[30] = wrong[30] == 'a' ? 'b' : 'a';
	assert_int_equal(get_as(NULL, "/v1/version"), 401);
	assert_true(says("WEFT_TOKEN"));
	assert_int_equal(get_as(wrong, "/v1/version"), 401);
	assert_int_equal(get_as("", "/v1/version"), 401);
	assert_int_equal(get_as(lab.alice, "/v1/version"), 200);
	assert_int_equal(stat(lab.w->users, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0666);
	assert_int_equal(stat(lab.w->socket, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0660);
	assert_int_equal(stat(lab.w->inner, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0600);
}

/* A connection of the gate's, with bytes on it that are no request yet. */
static int dial_raw(const char *bytes)
{
	struct sockaddr_un addr = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0);

	strcpy(addr.sun_path, lab.w->users);
	assert_int_equal(connect(fd, (struct sockaddr *)&addr, sizeof(addr)), 0);
	assert_int_equal(write(fd, bytes, strlen(bytes)), strlen(bytes));
	return fd;
}

/* Behind the gate each request of a connection is looked at again. */
static void who_came_in_has_a_token_each_time(void **state)
{
	char text[512];
	int fd;

	snprintf(text, sizeof(text), "GET /v1/version HTTP/1.1\r\nHost: w\r\nAuthorization: Bearer %s\r\n\r\n",
		 lab.alice);
	fd = dial_raw(text);
	assert_int_equal(daemon_hear(lab.w, fd, "\"engine\":"), 200);
	dprintf(fd, "GET /v1/version HTTP/1.1\r\nHost: w\r\n\r\n");
	assert_int_equal(daemon_hear(lab.w, fd, "WEFT_TOKEN"), 401);
	close(fd);
}

/* An upload is not taken from who has no token: the answer does not wait for it. */
static void nothing_is_kept_for_nobody(void **state)
{
	char head[GATE_HEAD_MAX + 2];
	int fd = dial_raw("PUT /v1/vnets/red HTTP/1.1\r\nContent-Length: 16000000\r\n\r\n{\"file\": ");

	assert_int_equal(daemon_hear(lab.w, fd, "WEFT_TOKEN"), 401);
	close(fd);
	memset(head, 'a', sizeof(head));
	head[sizeof(head) - 1] = 0;
	fd = dial_raw(head);
	assert_int_equal(daemon_hear(lab.w, fd, "too long"), 431);
	close(fd);
}

/* Whoever may not have more connections does not keep others out. */
static void connections_are_few(void **state)
{
	int fds[100], refused = 0;

	for (unsigned i = 0; i < 100; i++)
		fds[i] = dial_raw("GET ");
	for (unsigned i = 0; i < 20; i++)
		event_base_loop(lab.w->d.base, EVLOOP_NONBLOCK);
	for (unsigned i = 0; i < 100; i++) {
		char byte;

		refused += read(fds[i], &byte, 1) == 0 || errno != EAGAIN;
		errno = 0;
	}
	assert_int_equal(refused, 36);
	for (unsigned i = 0; i < 100; i++)
		close(fds[i]);
	assert_int_equal(get_as(lab.alice, "/v1/version"), 200);
}

static void only_what_is_theirs(void **state)
{
	char same[256];

	assert_int_equal(get_as(lab.alice, "/v1/vnets"), 200);
	assert_true(says("\"red\"") && says("\"owner\":\"alice\"") && !says("blue") && !says("grey"));
	assert_int_equal(get_as(lab.alice, "/v1/vnets/red"), 200);
	assert_int_equal(get_as(lab.alice, "/v1/vnets/green"), 404);
	snprintf(same, sizeof(same), "%s", strstr(lab.w->said, "{\"error\""));
	memcpy(strstr(same, "green"), "blue\"}\n", 8);
	assert_int_equal(get_as(lab.alice, "/v1/vnets/blue"), 404);
	assert_string_equal(strstr(lab.w->said, "{\"error\""), same);
	assert_int_equal(get_as(lab.alice, "/v1/vnets/grey"), 404);
	assert_int_equal(daemon_call_as(lab.w, lab.alice, "DELETE", "/v1/vnets/blue", ""), 404);
	assert_int_equal(daemon_call_as(lab.w, lab.alice, "POST", "/v1/vnets/blue/links/b1:p1", "{\"up\":false}"), 404);
	assert_int_equal(daemon_call_as(lab.w, lab.alice, "POST", "/v1/vnets/blue/nodes/b1/exec", "{}"), 404);
	assert_int_equal(daemon_call_as(lab.w, lab.bob, "POST", "/v1/vnets/blue/links/b1:p1", "{\"up\":false}"), 200);
	assert_int_equal(deploy(lab.alice, "blue", 100, ""), 409);
	assert_true(says("the name blue is taken"));
	assert_int_equal(daemon_call(lab.w, "GET", "/v1/vnets", ""), 200);
	assert_true(says("\"red\"") && says("\"blue\"") && says("\"grey\"") && says("\"owner\":null"));
}

static void the_operators_alone(void **state)
{
	assert_int_equal(get_as(lab.alice, "/v1/engine"), 403);
	assert_int_equal(daemon_call_as(lab.w, lab.alice, "POST", "/v1/shutdown", ""), 403);
	assert_int_equal(daemon_call_as(lab.w, lab.alice, "PUT", "/v1/users/eve", "{}"), 403);
	assert_int_equal(daemon_call_as(lab.w, lab.alice, "POST", "/v1/users/alice", "{\"guests\":null}"), 403);
	assert_int_equal(daemon_call_as(lab.w, lab.alice, "POST", "/v1/users/bob/token", ""), 403);
	assert_int_equal(get_as(lab.alice, "/v1/vnets/red/nodes/b1/console"), 403);
	assert_int_equal(get_as(lab.alice, "/v1/vnets/blue/nodes/b1/console"), 403);
	/* Nor is a vnet given to, or taken for, somebody else. */
	assert_int_equal(deploy(lab.alice, "red", 100, ", \"owner\": \"bob\""), 202);
	assert_true(says("\"owner\":\"alice\""));
}

static void users_see_themselves(void **state)
{
	assert_int_equal(get_as(lab.alice, "/v1/users"), 200);
	assert_true(says("\"alice\"") && says("\"weight\":250") && !says("bob"));
	assert_int_equal(daemon_call(lab.w, "GET", "/v1/users", ""), 200);
	assert_true(says("\"alice\"") && says("\"bob\""));
	assert_false(says("weft_"));
}

static void events_are_theirs(void **state)
{
	assert_int_equal(get_as(lab.alice, "/v1/events?follow=0"), 200);
	assert_true(says("\"red\"") && says("\"owner\":\"alice\"") && !says("blue") && !says("grey") && !says("bob"));
	assert_int_equal(get_as(lab.alice, "/v1/events?follow=0&vnet=blue"), 200);
	assert_false(says("blue"));
	assert_int_equal(daemon_call(lab.w, "GET", "/v1/events?follow=0", ""), 200);
	assert_true(says("blue") && says("grey") && says("\"user\",\"vnet\":null,\"name\":\"bob\",\"state\":\"added\""));
}

static void metrics_are_theirs(void **state)
{
	assert_int_equal(get_as(lab.alice, "/metrics"), 200);
	assert_true(says("weft_vnet_weight{vnet=\"red\"}") && !says("blue") && !says("grey"));
	assert_false(says("\nweft_engine_up "));
	assert_int_equal(daemon_call(lab.w, "GET", "/metrics", ""), 200);
	assert_true(says("vnet=\"red\"") && says("vnet=\"blue\"") && says("\nweft_engine_up "));
}

/* More than the gate keeps, to somebody who does not read at first. */
static void a_long_answer_comes_whole(void **state)
{
	struct buf body = { 0 };
	size_t len = 0;
	int fd;

	buf_printf(&body, "{\"file\": \"f\", \"files\": {}, \"topology\": \"name: big\\ntopology: {nodes: {b0: {kind: bridge}");
	for (unsigned i = 1; i < 1000; i++)
		buf_printf(&body, ", bridge%u: {kind: bridge}", i);
	buf_printf(&body, "}, links: [{endpoints: [\\\"b0:p1\\\", \\\"bridge1:p1\\\"]}");
	for (unsigned i = 2; i < 1000; i++)
		buf_printf(&body, ", {endpoints: [\\\"b0:p%u\\\", \\\"bridge%u:p1\\\"]}", i, i);
	buf_printf(&body, "]}\"}");
	buf_u8(&body, 0);
	assert_false(body.bad);
	assert_int_equal(daemon_call_as(lab.w, lab.bob, "PUT", "/v1/vnets/big", (const char *)body.data), 202);
	fd = daemon_dial_as(lab.w, lab.bob, "GET", "/v1/vnets/big", "");
	for (unsigned i = 0; i < 300; i++)
		event_base_loop(lab.w->d.base, EVLOOP_NONBLOCK);
	assert_int_equal(daemon_hear(lab.w, fd, NULL), 200);
	close(fd);
	assert_int_equal(sscanf(strstr(lab.w->said, "Content-Length: "), "Content-Length: %zu", &len), 1);
	assert_true(len > 600000);
	assert_int_equal(strlen(strstr(lab.w->said, "\r\n\r\n") + 4), len);
	assert_int_equal(daemon_call_as(lab.w, lab.bob, "DELETE", "/v1/vnets/big", ""), 200);
	buf_free(&body);
}

static void quotas_refuse(void **state)
{
	assert_int_equal(deploy(lab.alice, "red2", 150, ""), 202);
	assert_int_equal(deploy(lab.alice, "red3", 1, ""), 507);
	assert_true(says("quota weight: red3 asks for 1 of weight; alice may have 250, other vnets have 250 of them, 0 left"));
	/* Of its own vnet what it has counts once; who deploys makes no difference. */
	assert_int_equal(deploy(lab.alice, "red2", 140, ""), 202);
	assert_int_equal(deploy(lab.alice, "red2", 151, ""), 507);
	assert_int_equal(deploy(NULL, "red2", 151, ""), 507);
	assert_int_equal(deploy(NULL, "red3", 50, ", \"owner\": \"alice\""), 507);
	assert_int_equal(deploy(NULL, "red3", 10, ", \"owner\": \"alice\""), 202);
	assert_int_equal(deploy(lab.alice, "red3", 9, ""), 202);
	assert_int_equal(deploy(lab.alice, "red4", 1, ""), 507);
	assert_true(says("quota vnets"));
	assert_int_equal(daemon_call(lab.w, "POST", "/v1/users/alice", "{\"vnets\": 4}"), 200);
	assert_true(says("\"used\":{\"vnets\":3"));
	assert_int_equal(deploy(lab.alice, "red4", 1, ""), 202);
	assert_int_equal(deploy(NULL, "grey", 100, ", \"owner\": \"alice\""), 409);
	assert_int_equal(deploy(NULL, "black", 100, ", \"owner\": \"eve\""), 400);
	for (unsigned i = 0; i < 3; i++) {
		static const char *const paths[] = { "/v1/vnets/red2", "/v1/vnets/red3", "/v1/vnets/red4" };

		assert_int_equal(daemon_call_as(lab.w, lab.alice, "DELETE", paths[i], ""), 200);
	}
}

static void bodies_that_are_no_quotas(void **state)
{
	static const char *const wrong[] = { "{\"gests\": 1}", "{\"guests\": -1}", "{\"guests\": 1.5}",
					     "{\"guests\": \"1\"}", "{\"guests\": 1e30}", "{\"cores\": 0.0001}",
					     "{\"guests\": true}", "[]", "" };

	for (unsigned i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
		assert_int_equal(daemon_call(lab.w, "PUT", "/v1/users/eve", wrong[i]), 400);
	assert_int_equal(daemon_call(lab.w, "PUT", "/v1/users/-eve", "{}"), 400);
	assert_int_equal(daemon_call(lab.w, "PUT", "/v1/users/bob", "{}"), 409);
	assert_int_equal(daemon_call(lab.w, "POST", "/v1/users/eve", "{}"), 404);
	assert_int_equal(daemon_call(lab.w, "DELETE", "/v1/users/eve", ""), 404);
}

/* A weftd that is killed keeps users and owners. */
static void they_outlive_weftd(void **state)
{
	daemon_stop(lab.w);
	daemon_start(lab.w);
	assert_int_equal(get_as(lab.alice, "/v1/vnets/blue"), 404);
	assert_int_equal(deploy(lab.alice, "blue", 100, ""), 409); /* which this weftd has not restored */
	assert_int_equal(daemon_call(lab.w, "DELETE", "/v1/vnets/blue", ""), 200);
	assert_int_equal(deploy(lab.bob, "blue", 100, ""), 202);
}

static void a_token_that_is_none_any_more(void **state)
{
	char old[USER_TOKEN_MAX];
	int fd = daemon_dial_as(lab.w, lab.bob, "GET", "/v1/events?since=now", "");

	strcpy(old, lab.bob);
	assert_int_equal(daemon_hear(lab.w, fd, "\"now\""), 200);
	assert_int_equal(daemon_call(lab.w, "POST", "/v1/users/bob/token", ""), 200);
	take_token(lab.bob);
	daemon_hear(lab.w, fd, NULL); /* it has an end: what was under way is over */
	close(fd);
	assert_int_equal(get_as(old, "/v1/vnets"), 401);
	assert_int_equal(get_as(lab.bob, "/v1/vnets/blue"), 200);
	assert_int_equal(daemon_call(lab.w, "DELETE", "/v1/users/bob", ""), 409);
	assert_true(says("bob has vnets"));
	assert_int_equal(daemon_call_as(lab.w, lab.bob, "DELETE", "/v1/vnets/blue", ""), 200);
	assert_int_equal(daemon_call(lab.w, "DELETE", "/v1/users/bob", ""), 200);
	assert_int_equal(get_as(lab.bob, "/v1/vnets"), 401);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(nobody_without_a_token),
		cmocka_unit_test(who_came_in_has_a_token_each_time),
		cmocka_unit_test(nothing_is_kept_for_nobody),
		cmocka_unit_test(connections_are_few),
		cmocka_unit_test(only_what_is_theirs),
		cmocka_unit_test(the_operators_alone),
		cmocka_unit_test(users_see_themselves),
		cmocka_unit_test(events_are_theirs),
		cmocka_unit_test(metrics_are_theirs),
		cmocka_unit_test(a_long_answer_comes_whole),
		cmocka_unit_test(quotas_refuse),
		cmocka_unit_test(bodies_that_are_no_quotas),
		cmocka_unit_test(they_outlive_weftd),
		cmocka_unit_test(a_token_that_is_none_any_more),
	};

	signal(SIGPIPE, SIG_IGN); /* as in weftd */
	return cmocka_run_group_tests(tests, setup, teardown);
}
