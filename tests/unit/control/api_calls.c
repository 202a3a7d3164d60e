/* SPDX-License-Identifier: Apache-2.0 */
/* Who may do what: every call of the table is here, once more. A new one is to be thought about twice. */
#include "control/api_calls.h"
#include "tests/unit/test.h"

#include <string.h>

/* What is said to the owner of a vnet, to another user, and where there is no such vnet. */
struct expected {
	const char *call;
	enum api_verdict owner, other, nobodys, absent;
};

#define OPERATOR API_FORBIDDEN, API_FORBIDDEN, API_FORBIDDEN, API_FORBIDDEN
#define OWNER	 API_ALLOWED, API_NO_VNET, API_NO_VNET, API_NO_VNET
#define USER	 API_ALLOWED, API_ALLOWED, API_ALLOWED, API_ALLOWED

static const struct expected table[] = {
	{ "GET /v1/version", USER },
	{ "GET /v1/vnets", USER },
	{ "GET /v1/vnets/red", OWNER },
	{ "PUT /v1/vnets/red", API_ALLOWED, API_TAKEN, API_TAKEN, API_ALLOWED },
	{ "DELETE /v1/vnets/red", OWNER },
	{ "POST /v1/vnets/red/pause", OWNER },
	{ "POST /v1/vnets/red/hibernate", OWNER },
	{ "POST /v1/vnets/red/resume", OWNER },
	{ "GET /v1/vnets/red/verify", OWNER },
	{ "POST /v1/vnets/red/nodes/r1/exec", OWNER },
	{ "POST /v1/vnets/red/nodes/r1/restart", OWNER },
	{ "GET /v1/vnets/red/nodes/r1/console", OPERATOR },
	{ "GET /v1/vnets/red/nodes/r1/debug", OPERATOR },
	{ "GET /v1/vnets/red/nodes/r1/routes", OWNER },
	{ "GET /v1/vnets/red/nodes/r1/trace", OWNER },
	{ "POST /v1/vnets/red/links/r1:eth1", OWNER },
	{ "GET /v1/users", USER },
	{ "PUT /v1/users/alice", OPERATOR },
	{ "POST /v1/users/alice", OPERATOR },
	{ "DELETE /v1/users/alice", OPERATOR },
	{ "POST /v1/users/alice/token", OPERATOR },
	{ "GET /v1/engine", OPERATOR },
	{ "GET /v1/ports", OPERATOR },
	{ "POST /v1/ports/reload", OPERATOR },
	{ "GET /v1/events", USER },
	{ "GET /metrics", USER },
	{ "POST /v1/shutdown", OPERATOR },
};

static const struct api_call *find(const char *text, bool *known)
{
	static const struct {
		const char *name;
		enum evhttp_cmd_type method;
	} methods[] = { { "GET", EVHTTP_REQ_GET }, { "PUT", EVHTTP_REQ_PUT },
			{ "POST", EVHTTP_REQ_POST }, { "DELETE", EVHTTP_REQ_DELETE } };
	size_t n = strcspn(text, " ");

	for (unsigned i = 0; i < 4; i++)
		if (strlen(methods[i].name) == n && !strncmp(methods[i].name, text, n))
			return api_call_find(methods[i].method, text + n + 1, known);
	return NULL;
}

static void each_call(void **state)
{
	const struct principal operator = { .user = 0 }, alice = { .user = 7, .name = "alice" };
	unsigned calls = 0;
	bool known;

	while (api_calls[calls].path)
		calls++;
	assert_int_equal(calls, sizeof(table) / sizeof(table[0]));
	for (unsigned i = 0; i < calls; i++) {
		const struct api_call *c = find(table[i].call, &known);

		if (c != &api_calls[i])
			fail_msg("%s is not call %u of the table", table[i].call, i);
		assert_int_equal(api_judge(c, &operator, true, 7), API_ALLOWED);
		assert_int_equal(api_judge(c, &operator, true, 0), API_ALLOWED);
		assert_int_equal(api_judge(c, &operator, false, 0), API_ALLOWED);
		assert_int_equal(api_judge(c, &alice, true, 7), table[i].owner);
		assert_int_equal(api_judge(c, &alice, true, 8), table[i].other);
		assert_int_equal(api_judge(c, &alice, true, 0), table[i].nobodys);
		assert_int_equal(api_judge(c, &alice, false, 0), table[i].absent);
	}
}

static void what_is_no_call(void **state)
{
	static const char *const none[] = { "GET /", "GET /v1", "GET /v1/vnets/", "GET /v1/vnets//",
					    "GET /v1/vnets/red/", "GET /v1/vnets/red/nodes", "GET /metrics/",
					    "POST /v1/vnets/red/nodes/r1/exec/", "GET v1/vnets",
					    "POST /v1/vnets//nodes/r1/exec", "GET /v1/versions",
					    "POST /v1/vnets/red/nodes/r1/sing", "POST /v1/vnets/red/sing" };
	bool known;

	for (unsigned i = 0; i < sizeof(none) / sizeof(none[0]); i++)
		if (find(none[i], &known) || known)
			fail_msg("%s is a call", none[i]);
	assert_null(find("DELETE /v1/vnets/red/nodes/r1/trace", &known));
	assert_true(known);
	assert_null(find("POST /metrics", &known));
	assert_true(known);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_call),
		cmocka_unit_test(what_is_no_call),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
