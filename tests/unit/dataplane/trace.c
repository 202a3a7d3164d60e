/* SPDX-License-Identifier: Apache-2.0 */
/* What a trace says is what happens: each packet is traced, and then sent. */
#include "dataplane/link_impair_priv.h"
#include "dataplane/trace_priv.h"
#include "tests/unit/dataplane/lab.h"
#include "tests/unit/test.h"

#include <rte_ip.h>
#include <stdlib.h>

enum { HOPS = 64 };
static struct dp_hop hops[HOPS];
static unsigned count;
static uint8_t frame[9300], got[9300];

static void on_hop(void *arg, const struct dp_hop *hop)
{
	assert_true(count < HOPS);
	hops[count++] = *hop;
}

/* Of what is in `frame`; the last hop. */
static const struct dp_hop *trace(struct engine *e, uint32_t port)
{
	struct dp_trace rec = { .port = port, .family = frame[14] >> 4 };
	bool v4 = rec.family == 4;
	const uint8_t *l4 = frame + 14 + (v4 ? 20 : 40);

	memcpy(rec.src, frame + 14 + (v4 ? 12 : 8), v4 ? 4 : 16);
	memcpy(rec.dst, frame + 14 + (v4 ? 16 : 24), v4 ? 4 : 16);
	rec.proto = frame[14 + (v4 ? 9 : 6)];
	rec.ttl = frame[14 + (v4 ? 8 : 7)];
	rec.sport = (uint16_t)(l4[0] << 8 | l4[1]);
	rec.dport = (uint16_t)(l4[2] << 8 | l4[3]);
	count = 0;
	trace_run(e, &rec, on_hop, NULL);
	return count ? &hops[count - 1] : NULL;
}

/* Its end, if the lab's ports had descriptors behind them. */
static enum dp_end end_of(const struct dp_hop *last)
{
	return last->end == DP_END_DROP && last->drop == DP_DROP_NO_BACKING ? DP_END_DELIVERED :
									      last->end;
}

/* By the port that it was given to: a host's, or a router's guest; 0: it was dropped. */
static uint32_t sent(struct engine *e, uint32_t port, size_t len)
{
	uint32_t at = 0;

	lab_wire(e, port, frame, len);
	if (!lab_take(e, got, sizeof(got), &at))
		return 0;
	assert_int_equal(lab_take(e, got, sizeof(got), NULL), 0);
	return at;
}

static void expect_same(struct engine *e, size_t len, unsigned ends[DP_END_COUNT])
{
	const struct dp_hop *last = trace(e, 103);
	uint32_t at;

	assert_non_null(last);
	ends[end_of(last)]++;
	at = sent(e, 103, len);
	switch (end_of(last)) {
	case DP_END_DELIVERED:
		assert_int_equal(at, last->port);
		assert_int_equal(count, 2);
		assert_int_equal(hops[0].out, 104);
		assert_memory_equal(got, hops[0].mac, 6);
		assert_int_equal(got[frame[14] >> 4 == 4 ? 22 : 21], last->ttl);
		break;
	case DP_END_DROP:
		assert_int_equal(at, 0);
		break;
	default: /* its guest gets it */
		assert_int_equal(at, 103);
		assert_int_equal(count, 1);
	}
}

static void as_it_happens(void **state)
{
	unsigned ends[DP_END_COUNT] = { 0 };
	struct engine *e = *state;

	srandom(1);
	lab_local(e, 1, 4, (const uint8_t[16]){ 10, 6, 0, 1 });
	for (unsigned i = 0; i < 4000; i++) {
		uint8_t ttl = (uint8_t)(random() % 8 ? 64 : random() % 3);
		size_t len;

		if (i % 2)
			len = lab_ip4(frame, 0x0a000000 | (uint32_t)random() % 0x70000, ttl,
				      (uint16_t)random(), 28);
		else
			len = lab_ip6(frame, (uint16_t)(0xfd00 + random() % 3), ttl, 8);
		if (random() % 16 == 0)
			frame[14 + (i % 2 ? 16 : 24)] = i % 2 ? 127 : 0xfe; /* 127/8, fe80::/10 */
		else if (random() % 16 == 0 && i % 2)
			memcpy(frame + 30, (const uint8_t[]){ 10, 6, 0, 1 }, 4);
		if (i % 2) {
			frame[24] = frame[25] = 0;
			*(uint16_t *)(frame + 24) = rte_ipv4_cksum((const struct rte_ipv4_hdr *)(frame + 14));
		} else if (frame[38] == 0xfe) {
			frame[39] = 0x80;
		}
		/* So few that policers let all pass: each has a second of its own. */
		lab_engine()->workers[0]->now += lab_engine()->workers[0]->hz;
		expect_same(e, len, ends);
	}
	for (unsigned i = DP_END_DELIVERED; i < DP_END_COUNT; i++)
		assert_true(ends[i] || i == DP_END_GUEST || i == DP_END_FLOOD);
}

/* Each flow goes where the trace says, and all members of a group are met as often as they weigh. */
static void groups(void **state)
{
	struct engine *e = *state;
	unsigned met[4] = { 0 };

	for (unsigned i = 0; i < 1000; i++) {
		size_t len = lab_ip4(frame, 0x0a040001 + i % 7, 64, (uint16_t)(i * 7), 28);
		const struct dp_hop *last = trace(e, 103);

		assert_true(hops[0].route == DP_NH_GROUP && hops[0].members == 4 && hops[0].member < 4);
		assert_true(hops[0].prefix_len == 16 && !memcmp(hops[0].prefix, "\x0a\x04\0", 4));
		met[hops[0].member]++;
		lab_engine()->workers[0]->now += lab_engine()->workers[0]->hz;
		assert_int_equal(sent(e, 103, len), end_of(last) == DP_END_DELIVERED ? last->port : 103);
	}
	for (unsigned i = 0; i < 4; i++)
		assert_true(met[i] > 150);
}

static void what_is_changed_is_traced(void **state)
{
	struct engine *e = *state;
	struct dp_link link = { .id = 102, .port_a = 104, .port_b = 102, .flags = DP_LINK_DOWN };
	struct dp_impair delay = { .from = 101, .delay_ns = 1000000 };
	uint64_t before = lab_port(e, 103)->local[0].count.wire_rx_packets;
	struct err err;

	/* Sent by the host on the other side: one hop more. */
	assert_int_equal(end_of(trace(e, 101)), DP_END_DELIVERED);
	assert_int_equal(count, 3);
	assert_true(!hops[0].port && hops[0].out == 101 && hops[1].port == 103 && hops[1].ttl == 64);
	assert_true(hops[2].port == 102 && hops[2].ttl == 63 && !hops[2].out);
	/* Nor does it matter what a link does to frames on the way. */
	delay.link = lab_port(e, 101)->link->id;
	assert_int_equal(link_impair_set(e, &delay, &err), 0);
	assert_null(lab_port(e, 101)->peer);
	assert_int_equal(end_of(trace(e, 101)), DP_END_DELIVERED);
	assert_int_equal(count, 3);
	link.id = lab_port(e, 104)->link->id;
	assert_int_equal(link_set(e, &link, &err), 0);
	assert_int_equal(trace(e, 103)->end, DP_END_DROP);
	assert_int_equal(hops[0].drop, DP_DROP_LINK_DOWN);
	lab_node_flags(e, 1, DP_NODE_PUNT_IP4);
	assert_int_equal(trace(e, 103)->end, DP_END_GUEST);
	assert_int_equal(hops[0].route, 0);
	/* A host behind a bridge speaks to whom it knows, not we; and nothing was sent by all this. */
	assert_int_equal(trace(e, 108)->end, DP_END_FLOOD);
	assert_int_equal(count, 2);
	assert_null(trace(e, 4711));
	assert_int_equal(lab_port(e, 103)->local[0].count.wire_rx_packets, before);
	assert_int_equal(lab_take(e, got, sizeof(got), NULL), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(as_it_happens, lab_setup, lab_teardown),
		cmocka_unit_test_setup_teardown(groups, lab_setup, lab_teardown),
		cmocka_unit_test_setup_teardown(what_is_changed_is_traced, lab_setup, lab_teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
