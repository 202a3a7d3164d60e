/* SPDX-License-Identifier: Apache-2.0 */
/* What a guest says that its kernel has: a stream, then a dump whose frames hold the input, one type
 * by its first byte each. Compared with an intake that has nothing, and with itself. */
#include "tests/unit/vrouter/held.h"
#include "vrouter/look_priv.h"
#include "vrouter/verify.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void feed(struct look_stream *s, uint16_t type, const uint8_t *bytes, size_t len)
{
	struct buf wire = { 0 };

	host_frame(&wire, type, AGENT_DUMP_NONCE, 0, bytes, len);
	look_feed(s, wire.data, wire.len / 2);
	look_feed(s, wire.data + wire.len / 2, wire.len - wire.len / 2);
	buf_free(&wire);
}

static void on_difference(void *arg, const struct verify_difference *d)
{
	for (unsigned i = 0; i < VERIFY_VIEWS; i++) {
		for (unsigned h = 0; d->nhs[i] && h < d->nhs[i]->hop_count; h++)
			*(unsigned *)arg += d->nhs[i]->hops[h].port;
	}
}

static size_t compare(const struct intake *kernel, const struct intake *in)
{
	struct verify_sum sum;
	unsigned ports = 0;
	struct verify *v;

	if (verify_create(&v) < 0)
		abort();
	for (unsigned take = 0; take < 2; take++) {
		verify_begin(v);
		verify_add_intake(v, VERIFY_KERNEL, kernel);
		verify_add_intake(v, VERIFY_INTAKE, in);
		if (verify_end(v) < 0)
			abort();
	}
	verify_sum(v, &sum);
	verify_each(v, 1000, on_difference, &ports);
	verify_destroy(v);
	if (sum.changing || ports)
		abort();
	return sum.differences - (kernel == in ? sum.routes[VERIFY_INTAKE] : 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const uint16_t types[] = { AGENT_DUMP_BEGIN, AGENT_DUMP_AGAIN, AGENT_FORWARD,
					  AGENT_NETLINK, AGENT_NETLINK, AGENT_NETLINK };
	const struct intake_port port = { .mac = { 2, 0, 0, 0, 0, 1 }, .name = "eth1" };
	struct held held = { 0 };
	const struct intake_conf conf = { .port_count = 1, .ports = &port, .max_routes = 64,
					  .sink = &held_sink, .arg = &held };
	struct look_stream s = { 0 };
	struct intake *in;

	if (intake_create(&conf, &in) < 0 || intake_twin(in, &s.kernel) < 0)
		abort();
	look_feed(&s, data, size);
	feed(&s, AGENT_DUMP_BEGIN, NULL, 0);
	while (size >= 2) {
		size_t len = data[1] * 16u < size - 2 ? data[1] * 16u : size - 2;

		feed(&s, types[data[0] % 6], data + 2, len);
		data += 2 + len;
		size -= 2 + len;
	}
	feed(&s, AGENT_DUMP_END, NULL, 0);
	if (!s.ended)
		abort();
	compare(s.kernel, in);
	if (compare(s.kernel, s.kernel)) /* of what it has in FIBs this engine has nothing */
		abort();
	intake_destroy(s.kernel);
	look_fini(&s);
	intake_destroy(in);
	held_fini(&held);
	return 0;
}
