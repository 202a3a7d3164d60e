/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Bytes as a guest's stream: first byte of each piece says what it is (dump begin, end, commit,
 * messages, ...), the second its length in 16s. The sink checks the order of what is programmed.
 */
#include "tests/unit/vrouter/held.h"

#include <stdlib.h>
#include <string.h>

static void on_reason(void *a, const char *text) { }
/* What the intake believes the engine has, it has. */
static void on_route(void *arg, uint32_t table, const struct intake_prefix *p,
		     const struct intake_nh *nh)
{
	const struct held *h = arg;

	for (size_t i = 0; i < h->route_count; i++) {
		const struct held_route *r = &h->routes[i];

		if (r->table == table && r->nh == nh->id && !memcmp(&r->prefix, p, sizeof(*p)) &&
		    held_nh(h, nh->id)->kind == nh->kind)
			return;
	}
	abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct held held = { 0 };
	const struct intake_port port = { .mac = { 2, 0, 0, 0, 0, 1 }, .name = "eth1" };
	const struct intake_conf conf = { .port_count = 1, .ports = &port, .max_routes = 64,
					  .sink = &held_sink, .arg = &held };
	struct intake *in;

	if (intake_create(&conf, &in) < 0)
		return 0;
	while (size >= 2) {
		size_t len = data[1] * 16u < size - 2 ? data[1] * 16u : size - 2;

		switch (data[0] % 8) {
		case 0:
			intake_dump_begin(in);
			break;
		case 1:
			intake_dump_end(in);
			break;
		case 2:
			intake_commit(in);
			break;
		case 4:
			intake_forward(in, data[1]);
			break;
		case 5:
			intake_dump_again(in, (uint16_t)(18 + data[1] / 2 * 4), data[1] % 2 ? 10 : 2);
			break;
		case 6: /* the engine has lost everything */
			held_fini(&held);
			intake_replay(in);
			break;
		case 3:
			intake_netlink(in, data + 2, len);
			break;
		default:
			break;
		}
		if (data[0] % 8 != 3)
			len = 0;
		data += 2 + len;
		size -= 2 + len;
		intake_each_route(in, 0, on_route, &held);
	}
	intake_each_reason(in, on_reason, NULL);
	intake_destroy(in);
	held_fini(&held);
	return 0;
}
