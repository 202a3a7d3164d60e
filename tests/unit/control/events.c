/* SPDX-License-Identifier: Apache-2.0 */
/* The history by itself, and over the API of a weftd in this process. */
#include "control/events.h"
#include "tests/unit/control/daemon.h"
#include "tests/unit/test.h"

#include <errno.h>
#include <event2/event.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static unsigned woken;

static void wake(void *arg)
{
	woken++;
}

static void add(struct events *e, const char *vnet, const char *name, const char *why)
{
	struct event_record r = { .type = "node", .vnet = vnet, .name = name, .state = "ready", .why = why };

	events_add(e, &r);
}

/* All that there is for it, as a string. */
static const char *hear(struct events *e, struct events_follower *f, const char *vnet)
{
	static struct buf out;

	buf_reset(&out);
	while (events_read(e, f, vnet, out.len + 100, &out))
		;
	buf_u8(&out, 0);
	return (const char *)out.data;
}

static unsigned count(const char *text, const char *what)
{
	unsigned n = 0;

	for (; (text = strstr(text, what)); text++)
		n++;
	return n;
}

static int setup(void **state)
{
	return events_create(7, (struct events **)state, NULL);
}

static int teardown(void **state)
{
	events_destroy(*state);
	return 0;
}

static void lines_and_cursors(void **state)
{
	const char *gap = "{\"cursor\":\"7.0\",\"type\":\"missed\",\"count\":null}\n{\"cursor\":\"7.1\"";
	struct events_follower f = { .wake = wake };
	struct events *e = *state;

	assert_int_equal(events_since(e, NULL, &f), 0);
	assert_string_equal(hear(e, &f, NULL), "");
	events_follow(e, &f);
	add(e, "red", "r1", "a \"guest\"\n\xff");
	add(e, "blue", "r1", NULL);
	add(e, NULL, "frr", "");
	assert_int_equal(woken, 3);
	events_leave(e, &f);
	add(e, "red", "r2", NULL);
	assert_int_equal(woken, 3);
	assert_int_equal(count(hear(e, &f, NULL), "\n"), 4);
	assert_int_equal(events_since(e, NULL, &f), 0);
	assert_true(strstr(hear(e, &f, "red"), "{\"cursor\":\"7.1\",\"time\":1") != NULL);
	assert_int_equal(events_since(e, "7.0", &f), 0);
	assert_non_null(strstr(hear(e, &f, "red"), ",\"type\":\"node\",\"vnet\":\"red\",\"name\":\"r1\","
			       "\"state\":\"ready\",\"why\":\"a \\\"guest\\\"\\n?\"}\n{\"cursor\":\"7.3\","));
	assert_int_equal(events_since(e, "7.0", &f), 0);
	assert_int_equal(count(hear(e, &f, "blue"), "\n"), 2); /* its own, and the template */
	/* On from a cursor: what comes after it, once. */
	assert_int_equal(events_since(e, "7.3", &f), 0);
	assert_memory_equal(hear(e, &f, NULL), "{\"cursor\":\"7.4\"", 15);
	assert_string_equal(hear(e, &f, NULL), "");
	assert_int_equal(events_since(e, "7.4", &f), 0);
	assert_string_equal(hear(e, &f, NULL), "");
	assert_int_equal(events_since(e, "now", &f), 0);
	assert_string_equal(hear(e, &f, NULL), "{\"cursor\":\"7.4\",\"type\":\"now\"}\n");
	/* Of another weftd: that something is missing, and all there is. */
	assert_int_equal(events_since(e, "6.900", &f), 0);
	assert_int_equal(strncmp(hear(e, &f, NULL), gap, strlen(gap)), 0);
}

static void no_cursors(void **state)
{
	static const char *const bad[] = { "", "7", "7.", ".1", "7.1.1", "7.x", " 7.1", "7.1 ", "-7.1", "7.2",
					   "7.999999999999999999", "7.9999999999999999999", "soon",
					   "99999999999.1" };
	struct events_follower f = { .next = 0 };
	struct events *e = *state;

	add(e, "red", "r1", NULL);
	for (unsigned i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_int_equal(events_since(e, bad[i], &f), -EINVAL);
	assert_int_equal(events_since(e, "7.1", &f), 0);
}

/* Whoever does not read misses the oldest, exactly as many as it is told. */
static void it_is_bounded(void **state)
{
	struct events_follower f = { .next = 0 };
	struct events *e = *state;
	char why[600], missed[80], first[80];
	unsigned told = 0, seen;
	const char *text;

	memset(why, 1, sizeof(why) - 1); /* six bytes each in JSON */
	why[sizeof(why) - 1] = 0;
	assert_int_equal(events_since(e, NULL, &f), 0);
	for (unsigned i = 0; i < 20000; i++)
		add(e, "red", "r1", NULL);
	text = hear(e, &f, NULL);
	assert_int_equal(sscanf(text, "{\"cursor\":\"7.%u\",\"type\":\"missed\"", &told), 1);
	assert_int_equal(told, 20000 - 16384);
	snprintf(missed, sizeof(missed), "\"type\":\"missed\",\"count\":%u}\n", told);
	assert_non_null(strstr(text, missed));
	assert_int_equal(count(text, "\"state\":\"ready\""), 16384);
	/* Long ones: bytes are what there is a limit of. */
	for (unsigned i = 0; i < 2000; i++)
		add(e, "red", "r1", why);
	text = hear(e, &f, NULL);
	seen = count(text, "\"state\":\"ready\"");
	assert_true(seen > 1000 && strlen(text) < (5u << 20));
	snprintf(missed, sizeof(missed), "\"type\":\"missed\",\"count\":%u}\n", 2000 - seen);
	snprintf(first, sizeof(first), "\n{\"cursor\":\"7.%u\",\"time\"", 22000 - seen + 1);
	assert_non_null(strstr(text, missed));
	assert_non_null(strstr(text, first));
}

static void deploy(struct daemon *w, const char *more)
{
	char body[512];

	snprintf(body, sizeof(body), "{\"file\": \"t.yml\", \"files\": {}, \"topology\": \"name: red\\ntopology:\\n"
		 "  nodes:\\n    b1: {kind: bridge}\\n    b2: {kind: bridge}\\n%s"
		 "  links:\\n    - endpoints: [b1:a, b2:a]\\n\"}", more);
	assert_int_equal(daemon_call(w, "PUT", "/v1/vnets/red", body), 202);
}

static void over_the_api(void **state)
{
	static const char *const story[] = {
		"\"vnet\":\"red\",\"name\":null,\"state\":\"deployed\",\"why\":\"t.yml\"}\n",
		"\"type\":\"node\",\"vnet\":\"red\",\"name\":\"b2\",\"state\":\"ready\",\"why\":null}\n",
		"\"type\":\"link\",\"vnet\":\"red\",\"name\":\"b1:a,b2:a\",\"state\":\"up\",\"why\":null}\n",
		"\"type\":\"vnet\",\"vnet\":\"red\",\"name\":null,\"state\":\"deploying\",\"why\":null}\n", /* no engine runs */
		"\"name\":\"b1:a,b2:a\",\"state\":\"down\",\"why\":\"an operator has cut it\"}\n",
		"\"name\":\"b1:a,b2:a\",\"state\":\"up\"",
		"\"state\":\"deployed\"",
		"\"type\":\"node\",\"vnet\":\"red\",\"name\":\"b3\",\"state\":\"ready\",\"why\":null}\n",
		"\"type\":\"node\",\"vnet\":\"red\",\"name\":\"b3\",\"state\":\"removed\",\"why\":null}\n",
		"\"vnet\":\"red\",\"name\":null,\"state\":\"destroying\"",
		"\"vnet\":\"red\",\"name\":null,\"state\":\"destroyed\"",
	};
	struct daemon *w = *state;
	int fd = daemon_dial(w, "GET", "/v1/events?vnet=red", "");
	const char *at;

	deploy(w, "");
	assert_int_equal(daemon_call(w, "POST", "/v1/vnets/red/links/b1:a", "{\"up\": false}"), 200);
	assert_int_equal(daemon_call(w, "POST", "/v1/vnets/red/links/b1:a", "{\"up\": true}"), 200);
	deploy(w, "    b3: {kind: bridge}\\n");
	assert_int_equal(daemon_hear(w, fd, "b3"), 200);
	close(fd); /* and there is another client, who hears the same from the beginning */
	deploy(w, "");
	fd = daemon_dial(w, "GET", "/v1/events", "");
	daemon_hear(w, fd, "removed");
	close(fd);
	assert_int_equal(daemon_call(w, "DELETE", "/v1/vnets/red", ""), 200);
	assert_int_equal(daemon_call(w, "GET", "/v1/events?vnet=red&follow=0", ""), 200);
	at = w->said;
	for (unsigned i = 0; i < sizeof(story) / sizeof(story[0]); i++) {
		at = strstr(at, story[i]);
		if (!at)
			print_error("not in its place: %s\n%s\n", story[i], w->said);
		assert_non_null(at);
	}
	assert_null(strstr(w->said, "missed"));
	assert_int_equal(count(w->said, "\"b2\",\"state\":\"ready\""), 1);
	assert_int_equal(daemon_call(w, "GET", "/v1/events?vnet=blue&follow=0", ""), 200);
	assert_null(strstr(w->said, "cursor"));
	assert_int_equal(daemon_call(w, "GET", "/v1/events?since=8", ""), 400);
	assert_int_equal(daemon_call(w, "GET", "/v1/events?follow=no", ""), 400);
	assert_int_equal(daemon_call(w, "GET", "/v1/events?a=%00&&=&since", ""), 400);
	assert_int_equal(daemon_call(w, "POST", "/v1/events", ""), 405);
}

/* They hold neither memory nor the daemon; the end of weftd meets one. */
static void slow_clients(void **state)
{
	struct daemon *w = *state;
	int fds[64];

	for (unsigned i = 0; i < 64; i++)
		fds[i] = daemon_dial(w, "GET", "/v1/events", "");
	assert_int_equal(daemon_call(w, "GET", "/v1/events", ""), 503);
	for (unsigned i = 0; i < 25000; i++) {
		add(w->d.events, NULL, "r1", NULL);
		if (!(i % 2500))
			assert_int_equal(daemon_call(w, "GET", "/v1/version", ""), 200);
	}
	/* What its socket took, and then the gap. */
	assert_int_equal(daemon_hear(w, fds[0], "\"type\":\"missed\""), 200);
	assert_non_null(strstr(w->said, "\"cursor\":\"7.1\""));
	assert_non_null(strstr(w->said, "\"type\":\"missed\",\"count\":"));
	assert_true(strlen(w->said) < (2u << 20));
	for (unsigned i = 1; i < 64; i++)
		close(fds[i]);
	assert_int_equal(daemon_call(w, "GET", "/v1/events?follow=0", ""), 200);
	daemon_stop(w);
	close(fds[0]);
	daemon_start(w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(lines_and_cursors, setup, teardown),
		cmocka_unit_test_setup_teardown(no_cursors, setup, teardown),
		cmocka_unit_test_setup_teardown(it_is_bounded, setup, teardown),
		cmocka_unit_test_setup_teardown(over_the_api, daemon_setup, daemon_teardown),
		cmocka_unit_test_setup_teardown(slow_clients, daemon_setup, daemon_teardown),
	};

	signal(SIGPIPE, SIG_IGN);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
