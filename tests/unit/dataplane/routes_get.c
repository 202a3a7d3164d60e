/* SPDX-License-Identifier: Apache-2.0 */
/* What a FIB holds is told page by page, with the next hops that it leads to. */
#include "dataplane/request_priv.h"
#include "tests/unit/dataplane/lab.h"
#include "tests/unit/test.h"

#include <errno.h>

enum { ROUTES = 990, NHS = 16 };

static struct {
	int status;
	unsigned routes, nhs, pages;
	struct dp_route last;
	bool told[NHS];
	uint32_t leads[ROUTES]; /* next hop of 20.x.y.0/24 by x * 256 + y */
	struct dp_nh nh[NHS];
	uint32_t members[NHS][DP_NH_GROUP_MAX];
} got;

static void take_nh(const uint8_t *bytes, size_t len)
{
	struct dp_nh nh;

	memcpy(&nh, bytes, sizeof(nh));
	assert_int_equal(len, (sizeof(nh) + nh.member_count * 4u + 7) & ~7u);
	assert_true(nh.id < NHS && !got.told[nh.id]);
	assert_int_equal(nh.node, 103);
	got.told[nh.id] = true;
	got.nh[nh.id] = nh;
	memcpy(got.members[nh.id], bytes + sizeof(nh), nh.member_count * 4u);
	for (unsigned i = 0; i < nh.member_count; i++)
		assert_true(got.told[got.members[nh.id][i]]); /* before the group */
	got.nhs++;
}

static void take_route(const uint8_t *bytes, size_t len)
{
	assert_int_equal(len, sizeof(got.last));
	memcpy(&got.last, bytes, sizeof(got.last));
	assert_int_equal(got.last.fib, 101);
	assert_true(got.told[got.last.nh]);
	got.routes++;
	if (got.last.family == 4 && got.last.addr[0] == 20) {
		uint32_t *nh = &got.leads[got.last.addr[1] * 256 + got.last.addr[2]];

		assert_int_equal(*nh, 0);
		*nh = got.last.nh;
	}
}

static void on_reply(void *arg, const void *bytes, size_t len)
{
	const uint8_t *at = (const uint8_t *)bytes + sizeof(struct dp_reply);
	const uint8_t *end = (const uint8_t *)bytes + len;
	struct dp_reply reply;
	struct dp_record rec;

	memcpy(&reply, bytes, sizeof(reply));
	got.status = reply.status;
	for (unsigned i = 0; i < reply.results; i++, at += rec.len) {
		memcpy(&rec, at, sizeof(rec));
		assert_true(rec.len >= sizeof(rec) && at + rec.len <= end);
		if (rec.op == DP_NH_SET)
			take_nh(at, rec.len);
		else if (rec.op == DP_ROUTE_SET)
			take_route(at, rec.len);
		else
			fail_msg("a result of operation %u", rec.op);
	}
	assert_ptr_equal(at, end);
}

static int ask(struct dp_route_get rec)
{
	struct {
		struct dp_request head;
		struct dp_route_get rec;
	} request = { .head = { .count = 1 }, .rec = rec };

	request.rec.rec = (struct dp_record){ .op = DP_ROUTE_GET, .len = sizeof(rec) };
	memset(got.told, 0, sizeof(got.told));
	got.pages++;
	request_handle(lab_engine(), &request, sizeof(request), NULL, 0, on_reply, NULL);
	return got.status;
}

static void ask_all(uint8_t family, uint32_t most)
{
	struct dp_route_get rec = { .fib = 101, .most = most, .family = family };
	unsigned before;

	do {
		before = got.routes;
		assert_int_equal(ask(rec), 0);
		rec.after = 1;
		rec.len = got.last.len;
		memcpy(rec.addr, got.last.addr, sizeof(rec.addr));
	} while (got.routes - before == most);
}

static int setup(void **state)
{
	memset(&got, 0, sizeof(got));
	return lab_setup(state);
}

/* The lab's own, and what each is. */
static void with_next_hops(void **state)
{
	assert_int_equal(ask((struct dp_route_get){ .fib = 101, .most = 100, .family = 4 }), 0);
	assert_int_equal(got.routes, 4);
	assert_int_equal(got.nhs, 4);
	assert_int_equal(got.nh[1].kind, DP_NH_ADJ);
	assert_int_equal(got.nh[1].port, 104);
	assert_memory_equal(got.nh[1].mac, ((uint8_t[]){ LAB_HOST_MAC }), 6);
	assert_int_equal(got.nh[3].kind, DP_NH_DROP);
	assert_int_equal(got.nh[5].kind, DP_NH_GROUP);
	assert_int_equal(got.nh[5].member_count, 4);
	assert_int_equal(ask((struct dp_route_get){ .fib = 101, .most = 100, .family = 6 }), 0);
	assert_int_equal(got.routes, 5);
}

static void page_by_page(void **state)
{
	for (unsigned i = 0; i < ROUTES; i++)
		lab_route(*state, DP_ROUTE_SET, (struct dp_route){ .fib = 101, .nh = 1 + i % 3, .family = 4,
			  .len = 24, .addr = { 20, (uint8_t)(i / 256), (uint8_t)i } });
	ask_all(4, 77);
	assert_int_equal(got.routes, ROUTES + 4);
	assert_int_equal(got.pages, (ROUTES + 4) / 77 + 1);
	for (unsigned i = 0; i < ROUTES; i++)
		assert_int_equal(got.leads[i], 1 + i % 3);
	ask_all(6, 1); /* there is one: a page of it, and one of none */
	assert_int_equal(got.routes, ROUTES + 5);
}

/* The route behind which the next page begins goes meanwhile. */
static void behind_what_is_gone(void **state)
{
	struct dp_route_get rec = { .fib = 101, .most = 1, .family = 4 };

	assert_int_equal(ask(rec), 0);
	lab_route(*state, DP_ROUTE_DEL, got.last);
	rec = (struct dp_route_get){ .fib = 101, .most = 100, .family = 4, .after = 1, .len = got.last.len };
	memcpy(rec.addr, got.last.addr, sizeof(rec.addr));
	assert_int_equal(ask(rec), 0);
	assert_int_equal(got.routes, 4);
}

static void refusals(void **state)
{
	const struct dp_route_get bad[] = {
		{ .fib = 101, .most = 0, .family = 4 },
		{ .fib = 101, .most = DP_ROUTES_GET_MAX + 1, .family = 4 },
		{ .fib = 101, .most = 1, .family = 5 },
		{ .fib = 101, .most = 1, .family = 4, .after = 1, .len = 33 },
		{ .fib = 101, .most = 1, .family = 6, .after = 1, .len = 129 },
	};

	for (unsigned i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_int_equal(ask(bad[i]), -EINVAL);
	/* A question cannot fail for what went meanwhile. */
	assert_int_equal(ask((struct dp_route_get){ .fib = 99, .most = 1, .family = 4 }), 0);
	assert_int_equal(got.routes, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(with_next_hops, setup, lab_teardown),
		cmocka_unit_test_setup_teardown(page_by_page, setup, lab_teardown),
		cmocka_unit_test_setup_teardown(behind_what_is_gone, setup, lab_teardown),
		cmocka_unit_test_setup_teardown(refusals, setup, lab_teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
