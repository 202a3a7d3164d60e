/* SPDX-License-Identifier: Apache-2.0 */
/* Routes of a request are applied together, and nobody can tell. */
#include "dataplane/request_priv.h"
#include "tests/unit/dataplane/lab.h"
#include "tests/unit/test.h"

#include <errno.h>
#include <stdlib.h>

enum { LIMIT = 1000, BUILT = 5 }; /* routes of a FIB of the lab; those that lab_build() sets */

static struct {
	struct dp_request head;
	uint8_t records[DP_DATAGRAM_MAX - sizeof(struct dp_request)];
} request;
static size_t used;
static struct dp_reply last;
static struct dp_fib_stats stats;

static void on_reply(void *arg, const void *bytes, size_t len)
{
	memcpy(&last, bytes, sizeof(last));
	if (len == sizeof(last) + sizeof(stats))
		memcpy(&stats, (const uint8_t *)bytes + sizeof(last), sizeof(stats));
}

static void begin(void)
{
	request.head.count = 0;
	used = 0;
}

static void add(uint16_t op, const void *record, size_t len)
{
	struct dp_record rec = { .op = op, .len = (uint16_t)len };

	assert_true(used + len <= sizeof(request.records));
	memcpy(request.records + used, record, len);
	memcpy(request.records + used, &rec, sizeof(rec));
	request.head.count++;
	used += len;
}

static int end_with(size_t extra)
{
	size_t len = sizeof(request.head) + used + extra;
	void *exact = malloc(len);

	memcpy(exact, &request, len);
	request_handle(lab_engine(), exact, len, NULL, 0, on_reply, NULL);
	free(exact);
	return last.status;
}

static int end(void)
{
	return end_with(0);
}

static struct dp_route ip4(uint32_t fib, uint32_t nh, uint16_t top, uint8_t len)
{
	return (struct dp_route){ .fib = fib, .nh = nh, .family = 4, .len = len,
				  .addr = { (uint8_t)(top >> 8), (uint8_t)top } };
}

static void set(uint32_t fib, uint32_t nh, uint16_t top)
{
	struct dp_route route = ip4(fib, nh, top, 16);

	add(DP_ROUTE_SET, &route, sizeof(route));
}

static void del(uint32_t fib, uint16_t top)
{
	struct dp_route route = ip4(fib, 0, top, 16);

	add(DP_ROUTE_DEL, &route, sizeof(route));
}

static const struct vfib *vfib(uint32_t id)
{
	return hash_map_find(lab_engine()->fib_map, &id);
}

/* The id of the next hop that a /16 leads to; 0: there is no such route. */
static uint32_t leads(uint32_t fib, uint16_t top)
{
	struct dp_route route = ip4(fib, 0, top, 16);
	uint32_t slot;
	int rc = fib_route_find(vfib(fib)->fib, 4, route.addr, 16, &slot);

	return rc ? 0 : lab_engine()->nh_entries[slot]->id;
}

static uint32_t refs(uint32_t fib, uint32_t nh)
{
	return nh_find(vfib(fib)->node, nh)->refs;
}

static void count_one(const struct fib_route *route, void *arg)
{
	++*(unsigned *)arg;
}

static unsigned routes(uint32_t fib)
{
	unsigned n = 0;

	fib_each_route(vfib(fib)->fib, 4, count_one, &n);
	fib_each_route(vfib(fib)->fib, 6, count_one, &n);
	return n;
}

static int setup(void **state)
{
	*state = lab_engine();
	lab_build(*state);
	begin();
	return 0;
}

static int teardown(void **state)
{
	objects_clear(*state);
	return 0;
}

/* Of next hop 3 the lab has one route, 10.3/16. */
static void counts_next_hops(void **state)
{
	set(101, 3, 0x1400);
	set(101, 3, 0x1400);
	set(101, 2, 0x1400);
	del(101, 0x1400);
	del(101, 0x1400);
	set(101, 3, 0x1400);
	set(101, 3, 0x1500);
	set(101, 2, 0x1500);
	assert_int_equal(end(), 0);
	assert_int_equal(last.index, 8);
	assert_int_equal(leads(101, 0x1400), 3);
	assert_int_equal(leads(101, 0x1500), 2);
	assert_int_equal(refs(101, 3), 2);
	assert_int_equal(refs(101, 2), 3); /* with 10.2/16 and a place in a group */
	assert_int_equal(routes(101), BUILT + 2);
}

/* Whatever fails, all before it is applied and counted, nothing behind it. */
static void fails_in_the_middle(void **state)
{
	const struct {
		struct dp_route route;
		int status;
	} bad[] = {
		{ ip4(101, 3, 0x1401, 8), -EINVAL },  /* host bits: the FIB says so, later */
		{ ip4(101, 3, 0x1400, 33), -EINVAL },
		{ ip4(101, 77, 0x1400, 16), -ENOENT }, /* these are seen at once */
		{ ip4(77, 3, 0x1400, 16), -ENOENT },
		{ { .fib = 101, .nh = 3, .family = 5, .len = 16 }, -EINVAL },
	};

	for (unsigned i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		lab_build(*state);
		begin();
		set(101, 3, 0x1400);
		set(101, 3, 0x1500);
		add(DP_ROUTE_SET, &bad[i].route, sizeof(bad[i].route));
		set(101, 3, 0x1600);
		set(101, 77, 0x1700);
		assert_int_equal(end(), bad[i].status);
		assert_int_equal(last.index, 2);
		assert_true(last.error[0]);
		assert_int_equal(routes(101), BUILT + 2);
		assert_int_equal(leads(101, 0x1500), 3);
		assert_int_equal(refs(101, 3), 3);
	}
}

/* The first that fails is the answer, also when a later one was seen to be bad before it. */
static void first_failure_wins(void **state)
{
	struct dp_route host_bits = ip4(101, 3, 0x1401, 8);

	set(101, 3, 0x1400);
	add(DP_ROUTE_SET, &host_bits, sizeof(host_bits));
	set(101, 77, 0x1500);
	assert_int_equal(end(), -EINVAL);
	assert_int_equal(last.index, 1);
	assert_int_equal(refs(101, 3), 2);

	begin();
	add(DP_ROUTE_SET, &host_bits, sizeof(host_bits));
	assert_int_equal(end_with(8), -EINVAL); /* and not -EBADMSG, for what is behind it */
	assert_int_equal(last.index, 0);
	begin();
	set(101, 3, 0x1600);
	assert_int_equal(end_with(8), -EBADMSG);
	assert_int_equal(last.index, 1);
	assert_int_equal(leads(101, 0x1600), 3);
	request.head.count = 2; /* a record that is cut short */
	set(101, 3, 0x1700);
	used -= 8;
	assert_int_equal(end(), -EBADMSG);
	assert_int_equal(refs(101, 3), 3);
}

/* A FIB that becomes full does so at its record, and one that has room again takes the next. */
static void full(void **state)
{
	for (uint16_t i = 0; i < LIMIT; i++)
		set(101, 3, (uint16_t)(0x1400 + i));
	assert_int_equal(end(), -ENOSPC);
	assert_int_equal(last.index, LIMIT - BUILT);
	assert_int_equal(routes(101), LIMIT);
	assert_int_equal(refs(101, 3), LIMIT - BUILT + 1);
	assert_int_equal(leads(101, 0x1400 + LIMIT - BUILT - 1), 3);
	assert_int_equal(leads(101, 0x1400 + LIMIT - BUILT), 0);

	begin();
	set(101, 2, 0x1400); /* there already */
	del(101, 0x1401);
	set(101, 3, 0x3000);
	set(101, 3, 0x3100);
	del(101, 0x1402); /* too late */
	assert_int_equal(end(), -ENOSPC);
	assert_int_equal(last.index, 3);
	assert_int_equal(leads(101, 0x1400), 2);
	assert_int_equal(leads(101, 0x3000), 3);
	assert_int_equal(leads(101, 0x1402), 3);
	assert_int_equal(refs(101, 3), LIMIT - BUILT);
}

/* What is not a route meets the routes before it, and those behind it meet what it did. */
static void others_between(void **state)
{
	struct dp_nh nine = { .node = 103, .id = 9, .kind = DP_NH_DROP };
	struct dp_nh_id gone = { .node = 103, .id = 9 };
	struct dp_id fib = { .id = 101 };

	set(101, 3, 0x1400);
	add(DP_FIB_GET, &fib, sizeof(fib));
	add(DP_NH_SET, &nine, sizeof(nine));
	set(101, 9, 0x1400);
	del(101, 0x1400);
	add(DP_NH_DEL, &gone, sizeof(gone)); /* of no use any more */
	add(DP_NH_SET, &nine, sizeof(nine));
	set(101, 9, 0x1500);
	add(DP_NH_DEL, &gone, sizeof(gone));
	set(101, 3, 0x1600);
	assert_int_equal(end(), -EBUSY);
	assert_int_equal(last.index, 8);
	assert_int_equal(stats.routes4 + stats.routes6, BUILT + 1);
	assert_int_equal(leads(101, 0x1500), 9);
	assert_int_equal(leads(101, 0x1600), 0);
	assert_int_equal(refs(101, 9), 1);

	begin();
	set(101, 3, 0x1600);
	add(DP_FIB_DEL, &fib, sizeof(fib));
	set(101, 3, 0x1700);
	assert_int_equal(end(), -ENOENT);
	assert_int_equal(last.index, 2);
	assert_int_equal(refs(201, 3), 1);
}

/* A next hop's id says something in its own node only. */
static void fibs_take_turns(void **state)
{
	struct dp_nh nine = { .node = 203, .id = 9, .kind = DP_NH_DROP };

	add(DP_NH_SET, &nine, sizeof(nine));
	for (uint16_t i = 0; i < 200; i++)
		set(i % 3 ? 101 : 201, 3, (uint16_t)(0x1400 + i));
	set(201, 9, 0x3000);
	set(101, 9, 0x3000);
	assert_int_equal(end(), -ENOENT);
	assert_int_equal(last.index, 202);
	assert_int_equal(routes(201), BUILT + 67 + 1);
	assert_int_equal(routes(101), BUILT + 133);
	assert_int_equal(refs(201, 3), 68);
	assert_int_equal(refs(101, 3), 134);
}

static uint32_t rnd(void)
{
	static uint64_t x = 88172645463325252u;

	x ^= x << 13;
	x ^= x >> 7;
	x ^= x << 17;
	return (uint32_t)(x >> 32);
}

static size_t random_record(uint16_t *op, void *bytes, uint32_t v)
{
	struct dp_route route = { .fib = v * 100 + 1, .nh = 1 + rnd() % 5, .family = 4, .len = 32,
				  .addr = { 10, 0, (uint8_t)(rnd() % 5), (uint8_t)rnd() } };
	struct dp_nh nh = { .node = v * 100 + 3, .id = 6, .kind = DP_NH_DROP };
	struct dp_nh_id id = { .node = v * 100 + 3, .id = 6 };
	uint32_t what = rnd() % 1000;

	if (what < 3) {
		*op = what ? DP_NH_SET : DP_NH_DEL;
		memcpy(bytes, what ? (void *)&nh : (void *)&id, what ? sizeof(nh) : sizeof(id));
		return what ? sizeof(nh) : sizeof(id);
	}
	*op = what < 250 ? DP_ROUTE_DEL : DP_ROUTE_SET;
	route.nh += what % 5 == 4 && route.nh == 5;
	if (what == 3)
		route.len = 24;
	if (what < 400 && what % 2)
		route = (struct dp_route){ .fib = route.fib, .nh = route.nh, .family = 6, .len = 64,
					   .addr = { 0xfd, 2, 0, 0, 0, 0, 0, (uint8_t)rnd() } };
	memcpy(bytes, &route, sizeof(route));
	return sizeof(route);
}

/* A route of FIB 101 is one of FIB 201 too. */
static void compare(const struct fib_route *route, void *arg)
{
	struct nh_entry **nhs = lab_engine()->nh_entries;
	uint32_t slot;

	assert_int_equal(fib_route_find(vfib(201)->fib, route->family, route->addr, route->len,
					&slot), 0);
	assert_int_equal(nhs[slot]->id, nhs[route->value]->id);
	++*(unsigned *)arg;
}

static void compare_vnets(void)
{
	unsigned count = 0;

	fib_each_route(vfib(101)->fib, 4, compare, &count);
	fib_each_route(vfib(101)->fib, 6, compare, &count);
	assert_int_equal(count, routes(201));
	for (uint32_t id = 1; id <= 6; id++) {
		struct nh_entry *a = nh_find(vfib(101)->node, id), *b = nh_find(vfib(201)->node, id);

		assert_int_equal(!a, !b);
		if (a)
			assert_int_equal(a->refs, b->refs);
	}
}

/* Vnet 1 gets requests of many records, vnet 2 the same records one a request. */
static void as_one_by_one(void **state)
{
	enum { MANY = 400 };
	static struct {
		uint64_t bytes[2][8];
		size_t len;
		uint16_t op;
	} all[MANY];

	for (unsigned round = 0, errors = 0; round < 300 || errors < 20; round++) {
		unsigned n = 1 + rnd() % MANY, at = 0;
		int status = 0;

		begin();
		for (unsigned i = 0; i < n; i++) {
			all[i].len = random_record(&all[i].op, all[i].bytes[0], 1);
			memcpy(all[i].bytes[1], all[i].bytes[0], all[i].len);
			/* fib of a route, node of a next hop: the first field of each */
			((struct dp_id *)all[i].bytes[1])->id += 100;
			add(all[i].op, all[i].bytes[0], all[i].len);
		}
		end();
		errors += last.status != 0;
		for (struct dp_reply many = last; !status && at < n; at += !status) {
			begin();
			add(all[at].op, all[at].bytes[1], all[at].len);
			status = end();
			if (status || at + 1 == n)
				assert_int_equal(status, many.status);
			if (status)
				assert_int_equal(at, many.index);
		}
		compare_vnets();
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(counts_next_hops, setup, teardown),
		cmocka_unit_test_setup_teardown(fails_in_the_middle, setup, teardown),
		cmocka_unit_test_setup_teardown(first_failure_wins, setup, teardown),
		cmocka_unit_test_setup_teardown(full, setup, teardown),
		cmocka_unit_test_setup_teardown(others_between, setup, teardown),
		cmocka_unit_test_setup_teardown(fibs_take_turns, setup, teardown),
		cmocka_unit_test_setup_teardown(as_one_by_one, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
