/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/dataplane/lab.h"
#include "tests/unit/test.h"

#include <rte_ip.h>
#include <stdlib.h>

static uint8_t frame[9300], got[9300];

/* The one frame that came out went to port and is as long. */
static void expect(struct engine *e, uint32_t port, size_t len)
{
	uint32_t at;

	assert_int_equal(lab_take(e, got, sizeof(got), &at), len);
	assert_int_equal(at, port);
	assert_int_equal(lab_take(e, got, sizeof(got), &at), 0);
}

/* For every TTL and many headers the incremental checksum is what a whole sum gives. */
static void ttl_and_checksum(void **state)
{
	static const uint8_t macs[12] = { LAB_HOST_MAC, LAB_OUT_MAC };
	struct engine *e = *state;

	srandom(1);
	for (unsigned i = 0; i < 4000; i++) {
		struct rte_ipv4_hdr *ip = (struct rte_ipv4_hdr *)(frame + 14);
		uint8_t ttl = (uint8_t)(2 + i % 254);
		size_t len = lab_ip4(frame, 0x0a010000 | (uint32_t)random() % 65536, ttl, 1,
				     20 + (size_t)random() % 1400);

		ip->packet_id = (uint16_t)random();
		ip->hdr_checksum = 0;
		ip->hdr_checksum = rte_ipv4_cksum(ip);
		lab_wire(e, 103, frame, len);
		expect(e, 102, len);
		ip = (struct rte_ipv4_hdr *)(got + 14);
		assert_memory_equal(got, macs, 12);
		assert_int_equal(ip->time_to_live, ttl - 1);
		assert_int_equal(rte_raw_cksum(ip, 20), 0xffff);
		assert_memory_equal(got + 24 + 2, frame + 24 + 2, len - 26);
	}
	assert_int_equal(lab_port(e, 103)->local[0].count.forwarded, 4000);
}

static void ip4_headers(void **state)
{
	struct engine *e = *state;
	size_t len;
	static const struct {
		size_t at;
		uint8_t value;
		enum dp_drop why;
	} broken[] = {
		{ 14, 0x55, DP_DROP_IP4_HEADER }, { 14, 0x44, DP_DROP_IP4_HEADER },
		{ 17, 19, DP_DROP_IP4_HEADER },	  { 17, 101, DP_DROP_RUNT },
		{ 24, 1, DP_DROP_IP4_HEADER },	  { 26, 9, DP_DROP_IP4_HEADER },
	};

	for (size_t i = 0; i < RTE_DIM(broken); i++) {
		uint64_t before = lab_drops(e, 103, broken[i].why);

		len = lab_ip4(frame, 0x0a010001, 64, 1, 100);
		frame[broken[i].at] = broken[i].value;
		lab_wire(e, 103, frame, len);
		assert_int_equal(lab_drops(e, 103, broken[i].why), before + 1);
	}
	for (size_t cut = 14; cut < 34; cut++)
		lab_wire(e, 103, frame, cut);
	assert_int_equal(lab_drops(e, 103, DP_DROP_RUNT), 1 + 20);
	assert_int_equal(lab_take(e, got, sizeof(got), NULL), 0);
	/* Padding is not forwarded, and does not count against the MTU. */
	len = lab_ip4(frame, 0x0a010001, 64, 1, 28);
	lab_wire(e, 103, frame, 60);
	expect(e, 102, len);
}

static void ip6_headers(void **state)
{
	struct engine *e = *state;
	size_t len = lab_ip6(frame, 0xfd01, 64, 100);

	lab_wire(e, 103, frame, len);
	expect(e, 102, len);
	assert_int_equal(got[14 + 7], 63);
	lab_wire(e, 103, frame, len - 1);
	lab_wire(e, 103, frame, 14 + 39);
	assert_int_equal(lab_drops(e, 103, DP_DROP_RUNT), 2);
	frame[14] = 0x40;
	lab_wire(e, 103, frame, len);
	assert_int_equal(lab_drops(e, 103, DP_DROP_IP6_HEADER), 1);
	lab_ip6(frame, 0xfd01, 1, 100);
	lab_wire(e, 103, frame, len);
	expect(e, 103, len);
	lab_ip6(frame, 0xfd01, 64, 100);
	frame[14 + 6] = 0; /* hop-by-hop options */
	lab_wire(e, 103, frame, len);
	expect(e, 103, len);
}

static void next_hops(void **state)
{
	struct engine *e = *state;
	size_t len = lab_ip4(frame, 0x0a020001, 64, 1, 100);

	lab_wire(e, 103, frame, len);
	expect(e, 103, len);
	lab_ip4(frame, 0x0a030001, 64, 1, 100);
	lab_wire(e, 103, frame, len);
	assert_int_equal(lab_drops(e, 103, DP_DROP_BLACKHOLE), 1);
	len = lab_ip4(frame, 0x0a010001, 64, 1, 1500);
	lab_wire(e, 103, frame, len);
	expect(e, 102, len);
	len = lab_ip4(frame, 0x0a010001, 64, 1, 1501);
	lab_wire(e, 103, frame, len);
	expect(e, 103, len);
	assert_int_equal(got[14 + 8], 64); /* as it came */
}

/* Members get flows by weight, a flow stays with its member, fragments stay together. */
static void ecmp(void **state)
{
	struct engine *e = *state;
	unsigned forwarded = 0;
	uint32_t first, again;

	for (unsigned flow = 0; flow < 4000; flow++) {
		size_t len = lab_ip4(frame, 0x0a040000 + flow / 40, 64, (uint16_t)flow, 40);

		e->workers[0]->now += e->workers[0]->hz; /* the policer is another test's */
		lab_wire(e, 103, frame, len);
		lab_wire(e, 103, frame, len);
		assert_int_equal(lab_take(e, got, sizeof(got), &first), len);
		assert_int_equal(lab_take(e, got, sizeof(got), &again), len);
		assert_int_equal(first, again);
		forwarded += first == 102;
	}
	assert_in_range(forwarded, 3000 - 150, 3000 + 150);
	for (unsigned i = 0; i < 100; i++) {
		struct rte_ipv4_hdr *ip = (struct rte_ipv4_hdr *)(frame + 14);
		size_t len = lab_ip4(frame, 0x0a040000, 64, (uint16_t)i, 40);

		ip->fragment_offset = RTE_BE16(RTE_IPV4_HDR_MF_FLAG);
		ip->hdr_checksum = 0;
		ip->hdr_checksum = rte_ipv4_cksum(ip);
		lab_wire(e, 103, frame, len);
		assert_int_equal(lab_take(e, got, sizeof(got), &again), len);
		if (!i)
			first = again;
		assert_int_equal(first, again);
	}
}

/* Two routers in a row do not make the same choice for the same flows. */
static void ecmp_differs_downstream(void **state)
{
	struct engine *e = *state;
	unsigned same = 0;
	uint32_t a, b;

	for (unsigned flow = 0; flow < 1000; flow++) {
		size_t len = lab_ip4(frame, 0x0a040001, 64, (uint16_t)flow, 40);

		e->workers[0]->now += e->workers[0]->hz;
		lab_wire(e, 103, frame, len);
		lab_wire(e, 203, frame, len);
		lab_take(e, got, sizeof(got), &a);
		lab_take(e, got, sizeof(got), &b);
		same += (a == 102) == (b == 202);
	}
	assert_in_range(same, 550, 700); /* independent: 10 in 16 */
}

static void policed(void **state)
{
	struct engine *e = *state;
	size_t len = lab_ip4(frame, 0x63000001, 64, 1, 100);
	unsigned out = 0;

	for (unsigned i = 0; i < 4000; i++) {
		lab_wire(e, 103, frame, len);
		out += lab_take(e, got, sizeof(got), NULL) > 0;
	}
	assert_in_range(out, 1990, 2001);
	assert_int_equal(lab_drops(e, 103, DP_DROP_POLICED), 4000 - out);
	frame[14 + 9] = 89;
	frame[14 + 10] = frame[14 + 11] = 0;
	*(uint16_t *)(frame + 24) = rte_ipv4_cksum((struct rte_ipv4_hdr *)(frame + 14));
	lab_wire(e, 103, frame, len);
	expect(e, 103, len); /* OSPF has its own */
}

#ifdef WEFT_CHECKS
/* State that no request can make: the last line of defence holds. */
static void isolation(void **state)
{
	struct engine *e = *state;
	size_t len = lab_ip4(frame, 0x0a010001, 64, 1, 100);

	WR(lab_port(e, 104)->peer, lab_port(e, 202));
	lab_wire(e, 103, frame, len);
	assert_int_equal(lab_drops(e, 103, DP_DROP_ISOLATION), 1);
	assert_int_equal(lab_take(e, got, sizeof(got), NULL), 0);
}
#endif

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(ttl_and_checksum, lab_setup, lab_teardown),
		cmocka_unit_test_setup_teardown(ip4_headers, lab_setup, lab_teardown),
		cmocka_unit_test_setup_teardown(ip6_headers, lab_setup, lab_teardown),
		cmocka_unit_test_setup_teardown(next_hops, lab_setup, lab_teardown),
		cmocka_unit_test_setup_teardown(ecmp, lab_setup, lab_teardown),
		cmocka_unit_test_setup_teardown(ecmp_differs_downstream, lab_setup, lab_teardown),
		cmocka_unit_test_setup_teardown(policed, lab_setup, lab_teardown),
#ifdef WEFT_CHECKS
		cmocka_unit_test_setup_teardown(isolation, lab_setup, lab_teardown),
#endif
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
