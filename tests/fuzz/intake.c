/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Bytes as a guest's stream: first byte of each piece says what it is (dump begin, end, commit,
 * or messages), the second its length in 16s. The sink checks the order of what is programmed.
 */
#include "vrouter/intake.h"

#include <stdlib.h>
#include <string.h>

enum { NHS = 4096 };

static bool known[NHS];

static void on_table(void *a, uint32_t t) { }
static void on_nh(void *a, const struct intake_nh *nh)
{
	if (nh->id >= NHS)
		abort();
	for (unsigned i = 0; i < nh->member_count; i++) {
		if (!known[nh->members[i]])
			abort();
	}
	known[nh->id] = true;
}
static void on_nh_del(void *a, uint32_t id)
{
	if (!known[id])
		abort();
	known[id] = false;
}
static void on_route(void *a, uint32_t t, const struct intake_prefix *p, uint32_t nh)
{
	if (!known[nh])
		abort();
}
static void on_route_del(void *a, uint32_t t, const struct intake_prefix *p) { }
static void on_port(void *a, unsigned p, uint32_t t, bool up, bool f4, bool f6) { }
static void on_node(void *a, bool v4, bool v6) { }
static void on_mark(void *a) { }
static void on_reason(void *a, const char *text) { }
static void on_held(void *a, uint32_t t, const struct intake_prefix *p, const struct intake_nh *nh)
{
	if (!known[nh->id]) /* deleted under a route */
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct intake_sink sink = {
		.fib_set = on_table, .fib_del = on_table, .nh_set = on_nh, .nh_del = on_nh_del,
		.route_set = on_route, .route_del = on_route_del, .port_set = on_port,
		.node_set = on_node, .sync_begin = on_mark, .sync_end = on_mark, .flush = on_mark,
	};
	const struct intake_port port = { .mac = { 2, 0, 0, 0, 0, 1 }, .name = "eth1" };
	const struct intake_conf conf = { .port_count = 1, .ports = &port, .max_routes = 64,
					  .sink = &sink };
	struct intake *in;

	memset(known, 0, sizeof(known));
	if (intake_create(&conf, &in) < 0)
		return 0;
	while (size >= 2) {
		size_t len = data[1] * 16u < size - 2 ? data[1] * 16u : size - 2;

		if (data[0] % 4 == 0)
			intake_dump_begin(in);
		else if (data[0] % 4 == 1)
			intake_dump_end(in);
		else if (data[0] % 4 == 2)
			intake_commit(in);
		else
			intake_netlink(in, data + 2, len);
		if (data[0] % 4 != 3)
			len = 0;
		data += 2 + len;
		size -= 2 + len;
		intake_each_route(in, 0, on_held, NULL);
	}
	intake_each_reason(in, on_reason, NULL);
	intake_destroy(in);
	return 0;
}
