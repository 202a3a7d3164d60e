/* SPDX-License-Identifier: Apache-2.0 */
/* The sums of quotas, and how they are said. */
#include "control/quota.h"
#include "control/topology.h"
#include "control/weftd.h"
#include "tests/unit/test.h"

#include <errno.h>
#include <string.h>

static const struct quota_use nothing;

static int judge(const struct quota *q, const struct quota_use *others, const struct quota_use *had,
		 const struct quota_use *want, struct err *err)
{
	return quota_judge(q, "alice", "red", others, had, want, err);
}

static void no_limits_unless_said(void **state)
{
	struct quota_use want;

	for (unsigned i = 0; i < QUOTA_COUNT; i++)
		want.n[i] = QUOTA_MAX;
	assert_int_equal(judge(&quota_none, &want, &nothing, &want, NULL), 0);
}

static void each_to_the_last(void **state)
{
	for (unsigned i = 0; i < QUOTA_COUNT; i++) {
		struct quota q = quota_none;
		struct quota_use others = nothing, want = nothing;

		q.most[i] = 10;
		others.n[i] = 7;
		want.n[i] = 3;
		assert_int_equal(judge(&q, &others, &nothing, &want, NULL), 0);
		want.n[i]++;
		assert_int_equal(judge(&q, &others, &nothing, &want, NULL), -EDQUOT);
		want.n[i]--;
		others.n[i]++;
		assert_int_equal(judge(&q, &others, &nothing, &want, NULL), -EDQUOT);
		q.most[i] = 0;
		others.n[i] = want.n[i] = 0;
		assert_int_equal(judge(&q, &others, &nothing, &want, NULL), 0);
		want.n[i] = 1;
		assert_int_equal(judge(&q, &others, &nothing, &want, NULL), -EDQUOT);
	}
}

/* The quota may be less than what there is: an edit that takes no more goes through. */
static void what_there_is_may_stay(void **state)
{
	struct quota q = quota_none;
	struct quota_use others = nothing, had = nothing, want = nothing;

	q.most[QUOTA_GUESTS] = 2;
	others.n[QUOTA_GUESTS] = 5;
	had.n[QUOTA_GUESTS] = want.n[QUOTA_GUESTS] = 4;
	assert_int_equal(judge(&q, &others, &had, &want, NULL), 0);
	want.n[QUOTA_GUESTS] = 3;
	assert_int_equal(judge(&q, &others, &had, &want, NULL), 0);
	want.n[QUOTA_GUESTS] = 5;
	assert_int_equal(judge(&q, &others, &had, &want, NULL), -EDQUOT);
}

static void sentences(void **state)
{
	struct quota q = quota_none;
	struct quota_use others = nothing, want = nothing;
	struct err err;

	q.most[QUOTA_GUESTS] = 4;
	others.n[QUOTA_GUESTS] = 3;
	want.n[QUOTA_GUESTS] = 2;
	assert_int_equal(judge(&q, &others, &nothing, &want, &err), -EDQUOT);
	assert_string_equal(err.text, "quota guests: red asks for 2 guests; alice may have 4, other vnets have 3 "
				      "of them, 1 left: take some away, or ask the operator for more");
	q.most[QUOTA_GUESTS] = QUOTA_NONE;
	q.most[QUOTA_CORES] = 500;
	want.n[QUOTA_CORES] = 750;
	assert_int_equal(judge(&q, &others, &nothing, &want, &err), -EDQUOT);
	assert_string_equal(err.text, "quota cores: red asks for 0.750 cores of guarantee; alice may have 0.500, "
				      "other vnets have 0.000 of them, 0.500 left: take some away, or ask the "
				      "operator for more");
	q.most[QUOTA_CORES] = QUOTA_NONE;
	q.most[QUOTA_MEMORY] = 256;
	others.n[QUOTA_MEMORY] = 1024; /* since the quota was made less */
	want.n[QUOTA_MEMORY] = 160;
	assert_int_equal(judge(&q, &others, &nothing, &want, &err), -EDQUOT);
	assert_string_equal(err.text, "quota memory: red asks for 160 MiB of guests' memory; alice may have 256, "
				      "other vnets have 1024 of them, 0 left: take some away, or ask the operator "
				      "for more");
}

static void what_a_topology_takes(void **state)
{
	struct topology_port slices[] = { { .name = "p0.100" }, { .name = "p0.101" } };
	struct topology_node nodes[] = {
		{ .name = "r1", .kind = TOPOLOGY_ROUTER, .guest_image = "frr", .memory_mib = 256, .fib_routes = 1000 },
		{ .name = "r2", .kind = TOPOLOGY_ROUTER, .guest_image = "frr", .memory_mib = 128, .fib_routes = 500 },
		{ .name = "h1", .kind = TOPOLOGY_HOST },
		{ .name = "b1", .kind = TOPOLOGY_BRIDGE },
		{ .name = "port", .kind = TOPOLOGY_PHYSICAL, .ports = slices, .port_count = 2 },
	};
	struct topology_link links[] = {
		{ .node = { 0, 4 }, .port = { 0, 0 }, .share = { .ceiling = 10000001 } },
		{ .node = { 0, 1 }, .port = { 1, 0 } },
	};
	const struct topology t = { .name = "red", .weight = 150, .guarantee = 50, .node_count = 5, .nodes = nodes,
				    .link_count = 2, .links = links };
	const struct quota_use is = { .n = { [QUOTA_VNETS] = 2, [QUOTA_GUESTS] = 4, [QUOTA_HOSTS] = 2,
					     [QUOTA_MEMORY] = 768, [QUOTA_ROUTES] = 3000, [QUOTA_CORES] = 100,
					     [QUOTA_WEIGHT] = 300, [QUOTA_RATE] = 22 } };
	const struct weftd d = { .state = "/nonexistent" };
	struct quota_use use = nothing;
	struct err err;

	assert_int_equal(quota_add(&d, &t, &use, &err), 0);
	assert_int_equal(quota_add(&d, &t, &use, &err), 0);
	assert_memory_equal(&use, &is, sizeof(use));
	/* A slice without a ceiling may take all that its port has, and of this one nobody knows what that is. */
	links[1] = (struct topology_link){ .node = { 4, 1 }, .port = { 1, 0 } };
	use = nothing;
	assert_int_equal(quota_add(&d, &t, &use, &err), 0);
	assert_true(use.n[QUOTA_RATE] > QUOTA_MAX);
	/* What the image says is not known without one. */
	nodes[1].memory_mib = 0;
	assert_int_equal(quota_add(&d, &t, &use, &err), -ENOENT);
	assert_int_equal(strncmp(err.text, "node r2: ", 9), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(no_limits_unless_said),
		cmocka_unit_test(each_to_the_last),
		cmocka_unit_test(what_there_is_may_stay),
		cmocka_unit_test(sentences),
		cmocka_unit_test(what_a_topology_takes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
