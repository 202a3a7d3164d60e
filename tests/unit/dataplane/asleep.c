/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/dataplane/lab.h"
#include "tests/unit/test.h"

#include <errno.h>
#include <stdlib.h>

static uint8_t frame[9300], got[9300];

/* Port 3's MAC is LAB_ROUTER_MAC; the asker's is 02:..:01, its addresses 10.9.0.1 and fd09::1. */
static const uint8_t arp_request[42] = {
	0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 2, 0, 0, 0, 0, 1, 8, 6,
	0, 1, 8, 0, 6, 4, 0, 1, 2, 0, 0, 0, 0, 1, 10, 9, 0, 1, 0, 0, 0, 0, 0, 0, 10, 9, 0, 254,
};
static const uint8_t arp_reply[42] = {
	2, 0, 0, 0, 0, 1, LAB_ROUTER_MAC, 8, 6,
	0, 1, 8, 0, 6, 4, 0, 2, LAB_ROUTER_MAC, 10, 9, 0, 254, 2, 0, 0, 0, 0, 1, 10, 9, 0, 1,
};
/* fd09::1 asks ff02::1:ff00:fe for fd09::fe. */
static const uint8_t solicitation[86] = {
	0x33, 0x33, 0xff, 0, 0, 0xfe, 2, 0, 0, 0, 0, 1, 0x86, 0xdd,
	0x60, 0, 0, 0, 0, 32, 58, 255,
	0xfd, 9, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1,
	0xff, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0xff, 0, 0, 0xfe,
	135, 0, 0, 0, 0, 0, 0, 0,
	0xfd, 9, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xfe,
	1, 1, 2, 0, 0, 0, 0, 1,
};
static const uint8_t advertisement[86] = {
	2, 0, 0, 0, 0, 1, LAB_ROUTER_MAC, 0x86, 0xdd,
	0x60, 0, 0, 0, 0, 32, 58, 255,
	0xfd, 9, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xfe,
	0xfd, 9, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1,
	136, 0, 0, 0, 0xe0, 0, 0, 0,
	0xfd, 9, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xfe,
	2, 1, LAB_ROUTER_MAC,
};
enum { SRC = 22, DST = 38, ICMP = 54, TARGET = 62, OPTION = 78 };

static void link_local_is(struct engine *e, uint32_t v, uint8_t last, uint8_t port)
{
	lab_local(e, v, 6, (uint8_t[16]){ 0xfe, 0x80, [7] = port, [15] = last });
}

static int setup(void **state)
{
	struct engine *e = *state = lab_engine();

	lab_build(e);
	for (uint32_t v = 1; v <= 2; v++) {
		lab_local(e, v, 4, (uint8_t[16]){ 10, 9, 0, 254 });
		lab_local(e, v, 4, (uint8_t[16]){ 127, 0, 0, 1 });
		lab_local(e, v, 6, solicitation + TARGET);
		lab_local(e, v, 6, (uint8_t[16]){ [15] = 1 });
		lab_node_flags(e, v, DP_NODE_ASLEEP);
	}
	return 0;
}

static int teardown(void **state)
{
	objects_clear(*state);
	return 0;
}

static void ask6(uint8_t *f, size_t len)
{
	memcpy(f, solicitation, sizeof(solicitation));
	f[19] = (uint8_t)(len - ICMP);
}

/* Sent on port v03's wire, it brings exactly this back on it: to host v01. */
static void brings(struct engine *e, uint32_t v, size_t len, const uint8_t *want, size_t want_len)
{
	uint64_t drops = lab_drops(e, v * 100 + 3, DP_DROP_ASLEEP);
	uint32_t at = 0;

	e->workers[0]->now += e->workers[0]->hz; /* the policer is another test's */
	lab_wire(e, v * 100 + 3, frame, len);
	assert_int_equal(lab_take(e, got, sizeof(got), &at), want_len);
	if (want_len) {
		assert_int_equal(at, v * 100 + 1);
		assert_memory_equal(got, want, want_len);
	}
	assert_int_equal(lab_take(e, got, sizeof(got), &at), 0);
	assert_int_equal(lab_drops(e, v * 100 + 3, DP_DROP_ASLEEP), drops + !want_len);
}

static void answers_arp(void **state)
{
	static const uint8_t own[6] = { LAB_ROUTER_MAC };
	uint8_t want[42];

	memcpy(frame, arp_request, 42);
	memset(frame + 42, 0xee, 18);
	brings(*state, 1, 42, arp_reply, 42);
	memcpy(frame, arp_request, 42);
	brings(*state, 1, 60, arp_reply, 42); /* padded on a wire */
	memcpy(frame, arp_request, 42);
	memcpy(frame, own, 6); /* a neighbour makes sure of one it knows */
	brings(*state, 1, 42, arp_reply, 42);
	memcpy(frame, arp_request, 42);
	memset(frame + 28, 0, 4); /* a probe: RFC 5227 */
	memcpy(want, arp_reply, 42);
	memset(want + 38, 0, 4);
	brings(*state, 1, 42, want, 42);
}

static void answers_solicitations(void **state)
{
	static const uint8_t own[6] = { LAB_ROUTER_MAC };
	static const uint8_t all_nodes[6] = { 0x33, 0x33, 0, 0, 0, 1 };
	uint8_t want[86];

	memcpy(want, advertisement, 86);
	lab_icmp6_sum(want, 86);
	ask6(frame, 86);
	lab_icmp6_sum(frame, 86);
	brings(*state, 1, 86, want, 86);
	memset(frame + 86, 0, 20);
	brings(*state, 1, 100, want, 86);
	ask6(frame, 78); /* without an option: to whom the frame is from */
	frame[11] = 7;
	want[5] = 7;
	lab_icmp6_sum(frame, 78);
	brings(*state, 1, 78, want, 86);
	ask6(frame, 94); /* another option first; the MAC is the option's */
	frame[11] = 6;
	want[5] = 1;
	memcpy(frame + 86, solicitation + OPTION, 8);
	memcpy(frame + OPTION, (uint8_t[8]){ 14, 1, 1, 2, 3, 4, 5, 6 }, 8);
	lab_icmp6_sum(frame, 94);
	brings(*state, 1, 94, want, 86);
	ask6(frame, 86); /* unicast, as for a neighbour that it knows */
	memcpy(frame, own, 6);
	memcpy(frame + DST, frame + TARGET, 16);
	lab_icmp6_sum(frame, 86);
	brings(*state, 1, 86, want, 86);
	ask6(frame, 78); /* duplicate address detection */
	memset(frame + SRC, 0, 16);
	lab_icmp6_sum(frame, 78);
	memcpy(want, all_nodes, 6);
	memcpy(want + DST, (uint8_t[16]){ 0xff, 2, [15] = 1 }, 16);
	want[ICMP + 4] = 0xa0;
	lab_icmp6_sum(want, 86);
	brings(*state, 1, 78, want, 86);
}

/* Ports 103 and 104 have fe80::5, port 104 alone has fe80::6. */
static void link_local_addresses_are_a_ports(void **state)
{
	uint8_t want[86];

	link_local_is(*state, 1, 5, 103);
	link_local_is(*state, 1, 5, 104);
	link_local_is(*state, 1, 6, 104);
	for (uint8_t last = 5; last <= 7; last++) {
		ask6(frame, 86);
		memcpy(want, advertisement, 86);
		memcpy(frame + TARGET, (uint8_t[16]){ 0xfe, 0x80, [15] = last }, 16);
		memcpy(want + TARGET, frame + TARGET, 16);
		memcpy(want + SRC, frame + TARGET, 16);
		frame[DST + 15] = last;
		lab_icmp6_sum(frame, 86);
		lab_icmp6_sum(want, 86);
		brings(*state, 1, 86, want, last == 5 ? 86 : 0);
	}
	/* What the route says is no address that anybody may ask for. */
	ask6(frame, 86);
	memcpy(frame + TARGET, (uint8_t[16]){ 0xfe, 0x80, [7] = 103, [15] = 5 }, 16);
	frame[DST + 15] = 5;
	lab_icmp6_sum(frame, 86);
	brings(*state, 1, 86, NULL, 0);
}

static void wrong_arp(void **state)
{
	static const struct {
		size_t at;
		uint8_t value;
	} wrong[] = {
		{ 0, 2 },     /* to another station */
		{ 15, 6 },    /* hardware type */
		{ 16, 9 },    /* protocol type */
		{ 18, 8 },    { 19, 16 }, /* lengths */
		{ 21, 2 },    { 21, 3 },  /* a reply, RARP */
		{ 22, 3 },    /* from a group */
		{ 28, 127 },  { 28, 224 }, { 28, 0 },
		{ 31, 254 },  /* from an address of the router's own */
		{ 41, 253 },  /* for another's address */
		{ 38, 127 },  /* loopback is not for others to ask for: 127.9.0.254 */
	};

	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		memcpy(frame, arp_request, 42);
		frame[wrong[i].at] = wrong[i].value;
		brings(*state, 1, 42, NULL, 0);
	}
	memcpy(frame, arp_request, 42);
	memcpy(frame + 38, (uint8_t[4]){ 127, 0, 0, 1 }, 4);
	brings(*state, 1, 42, NULL, 0);
	memcpy(frame, arp_request, 42);
	for (size_t len = 14; len < 42; len++)
		brings(*state, 1, len, NULL, 0);
	WR(lab_port(*state, 103)->fib, NULL);
	brings(*state, 1, 42, NULL, 0);
}

static void wrong_solicitations(void **state)
{
	static const struct {
		size_t at;
		uint8_t value;
	} wrong[] = {
		{ 0, 2 },	   { 14, 0x50 }, /* another station's, another version */
		{ 20, 17 },	   { 21, 254 },	 /* UDP, came by a router */
		{ SRC, 0xff },	   { DST + 12, 0xfe }, { DST + 15, 0xfd }, { DST + 1, 5 },
		{ ICMP, 136 },	   { ICMP + 1, 1 },
		{ TARGET, 0xff },  { TARGET + 1, 8 },
		{ OPTION + 1, 0 }, { OPTION + 1, 2 }, { OPTION + 2, 3 },
	};

	lab_local(*state, 1, 6, (uint8_t[16]){ 0xff, 9, [15] = 0xfe }); /* not even if a FIB says so */
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		ask6(frame, 86);
		frame[wrong[i].at] = wrong[i].value;
		lab_icmp6_sum(frame, 86);
		brings(*state, 1, 86, NULL, 0);
	}
	ask6(frame, 86);
	lab_icmp6_sum(frame, 86);
	frame[ICMP + 3] ^= 1; /* checksum */
	brings(*state, 1, 86, NULL, 0);
	ask6(frame, 86);
	memset(frame + SRC, 0, 16); /* no address, and yet a link-layer address */
	lab_icmp6_sum(frame, 86);
	brings(*state, 1, 86, NULL, 0);
	ask6(frame, 78);
	memset(frame + SRC, 0, 16); /* no address, asked one node alone */
	memcpy(frame + DST, frame + TARGET, 16);
	lab_icmp6_sum(frame, 78);
	brings(*state, 1, 78, NULL, 0);
	ask6(frame, 86);
	memset(frame + TARGET, 0, 15); /* loopback */
	frame[TARGET + 15] = frame[DST + 15] = 1;
	lab_icmp6_sum(frame, 86);
	brings(*state, 1, 86, NULL, 0);
	for (size_t len = 14; len < 86; len++) { /* and by each of its own lengths */
		ask6(frame, 86);
		lab_icmp6_sum(frame, 86);
		brings(*state, 1, len, NULL, 0);
		ask6(frame, 86);
		if (len - 14 == 24 || len - 14 == 32)
			continue;
		lab_icmp6_sum(frame, len + 40 < 86 ? len + 40 : 86);
		frame[19] = (uint8_t)(len - 14);
		brings(*state, 1, 86, NULL, 0);
	}
}

/* All else that the guest would have been asked to look at has one name; transit goes on. */
static void drops_the_rest_and_forwards(void **state)
{
	struct engine *e = *state;
	size_t len = lab_ip4(frame, 0x0a0900fe, 64, 1, 100);

	brings(e, 1, len, NULL, 0); /* for the router itself */
	len = lab_ip4(frame, 0x0a010001, 1, 1, 100);
	brings(e, 1, len, NULL, 0);
	len = lab_ip6(frame, 0xfd09, 64, 100);
	brings(e, 1, len, NULL, 0);
	memcpy(frame, (uint8_t[14]){ 1, 0x80, 0xc2, [12] = 0x88, 0xcc }, 14);
	brings(e, 1, 60, NULL, 0);
	len = lab_ip4(frame, 0x0a010001, 64, 1, 100);
	lab_wire(e, 103, frame, len);
	assert_int_equal(lab_take(e, got, sizeof(got), NULL), len);
	assert_int_equal(lab_port(e, 103)->local[0].count.forwarded, 1);
	assert_int_equal(lab_drops(e, 103, DP_DROP_ASLEEP), 4);
}

static void awake_it_is_asked(void **state)
{
	struct engine *e = *state;
	uint32_t at;

	lab_node_flags(e, 1, DP_NODE_KEEP); /* says nothing of sleep: awake */
	memcpy(frame, arp_request, 42);
	lab_wire(e, 103, frame, 42);
	assert_int_equal(lab_take(e, got, sizeof(got), &at), 42);
	assert_int_equal(at, 103);
	assert_memory_equal(got, arp_request, 42);
	ask6(frame, 86);
	lab_wire(e, 103, frame, 86);
	assert_int_equal(lab_take(e, got, sizeof(got), &at), 86);
	assert_int_equal(at, 103);
	assert_memory_equal(got, frame, 86);
	assert_int_equal(lab_take(e, got, sizeof(got), &at), 0);
	/* The other flags are kept, asleep or not. */
	lab_node_flags(e, 1, DP_NODE_PUNT_IP4);
	lab_node_flags(e, 1, DP_NODE_KEEP | DP_NODE_ASLEEP);
	assert_int_equal(lab_port(e, 103)->mode, PORT_PUNT4 | PORT_ASLEEP);
	lab_node_flags(e, 1, DP_NODE_KEEP);
	assert_int_equal(lab_port(e, 103)->mode, PORT_PUNT4);
}

/* Each is answered in its own vnet, by what is so there. */
static void two_vnets(void **state)
{
	struct engine *e = *state;
	struct dp_route gone = { .fib = 201, .family = 4, .len = 32, .addr = { 10, 9, 0, 254 } };

	for (uint32_t v = 1; v <= 2; v++) {
		memcpy(frame, arp_request, 42);
		brings(e, v, 42, arp_reply, 42);
	}
	lab_route(e, DP_ROUTE_DEL, gone);
	for (uint32_t v = 1; v <= 2; v++) {
		memcpy(frame, arp_request, 42);
		brings(e, v, 42, arp_reply, v == 1 ? 42 : 0);
	}
}

/* A flood is answered at the rate at which the guest would have been asked: by many. */
static void policed(void **state)
{
	struct engine *e = *state;
	unsigned out = 0;

	for (unsigned i = 0; i < 4000; i++) {
		memcpy(frame, arp_request, 42);
		frame[10] = (uint8_t)(i >> 8);
		frame[11] = (uint8_t)i;
		lab_wire(e, 103, frame, 42);
		out += lab_take(e, got, sizeof(got), NULL) > 0;
	}
	assert_in_range(out, 990, 1001);
	assert_int_equal(lab_drops(e, 103, DP_DROP_POLICED), 4000 - out);
	assert_int_equal(lab_drops(e, 103, DP_DROP_ASLEEP), 0);
}

static void local_is_no_member(void **state)
{
	struct {
		struct dp_nh nh;
		uint32_t members[2];
	} group = { .nh = { .node = 103, .id = 10, .kind = DP_NH_GROUP, .member_count = 2 },
		    .members = { 1, 9 } };
	struct err err;

	assert_int_equal(nh_set(*state, &group.nh, &err), -EINVAL);
	assert_string_equal(err.text, "next hop 10: 9 cannot be in a group");
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(answers_arp),
		TEST(answers_solicitations),
		TEST(link_local_addresses_are_a_ports),
		TEST(wrong_arp),
		TEST(wrong_solicitations),
		TEST(drops_the_rest_and_forwards),
		TEST(awake_it_is_asked),
		TEST(two_vnets),
		TEST(policed),
		TEST(local_is_no_member),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
