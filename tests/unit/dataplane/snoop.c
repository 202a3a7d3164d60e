/* SPDX-License-Identifier: Apache-2.0 */
/* ARP and ND of a router's guest are copied, and nothing else, and kept for who listens next. */
#include "dataplane/snoop_priv.h"

#include "dataplane/relay_priv.h"
#include "tests/unit/dataplane/lab.h"
#include "tests/unit/test.h"

#include <errno.h>
#include <sys/socket.h>
#include <unistd.h>

enum { NODE = 103, PORT = 103 };

static int guest, watcher;
static struct engine *e;

static void pair(int ends[2])
{
	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK, 0, ends), 0);
}

/* Another end to listen at; what is kept from number `next` on comes by it. */
static int listens(uint32_t who, uint64_t next)
{
	const struct dp_snoop rec = { .id = NODE, .guest = who, .next = next };
	struct err err;
	int ends[2];

	pair(ends);
	assert_int_equal(snoop_set(e, &rec, ends[0], &err), 0);
	return ends[1];
}

static int setup(void **state)
{
	struct dp_port rec = { .id = PORT, .node = NODE, .mtu = 1500, .flags = DP_PORT_HAS_FD,
			       .backing = DP_BACK_DGRAM, .name = "port", .mac = { LAB_ROUTER_MAC } };
	struct err err;
	int a[2];

	e = lab_engine();
	lab_build(e);
	if (!e->relay && relay_create(e, &err) < 0)
		return -1;
	pair(a);
	guest = a[1];
	assert_int_equal(port_set(e, &rec, &a[0], &err), 0);
	watcher = listens(1, 0);
	return 0;
}

static void turn(void)
{
	relay_wait(e->relay, false);
	relay_round(e->relay, e->workers[0]->hz);
}

static int teardown(void **state)
{
	close(guest);
	close(watcher);
	objects_clear(e);
	turn();
	return 0;
}

static size_t arp(uint8_t f[60])
{
	memset(f, 0, 60);
	memset(f, 0xff, 6);
	f[6] = 2;
	f[11] = 9;
	f[12] = 8;
	f[13] = 6;
	return 60;
}

static size_t icmp6(uint8_t f[86], uint8_t type)
{
	size_t len = lab_ip6(f, 0xfe80, 255, 32);

	f[20] = 58;
	f[54] = type;
	return len;
}

/* The next copy is of this frame. */
static void copied(const uint8_t *frame, size_t len, uint32_t sent, uint64_t number)
{
	uint8_t got[512];
	struct dp_snooped head;

	assert_int_equal(recv(watcher, got, sizeof(got), 0), sizeof(head) + len);
	memcpy(&head, got, sizeof(head));
	assert_int_equal(head.port, PORT);
	assert_int_equal(head.sent, sent);
	assert_int_equal(head.number, number);
	assert_memory_equal(got + sizeof(head), frame, len);
}

static void nothing_more(void)
{
	uint8_t got[512];

	assert_int_equal(recv(watcher, got, sizeof(got), 0), -1);
	assert_int_equal(errno, EAGAIN);
}

static void to_the_guest(void **state)
{
	uint8_t f[256];
	size_t len = arp(f);

	lab_wire(e, PORT, f, len);
	turn();
	copied(f, len, 0, 0);
	len = icmp6(f, 135);
	lab_wire(e, PORT, f, len);
	turn();
	copied(f, len, 0, 1);
	len = icmp6(f, 128);
	lab_wire(e, PORT, f, len);
	lab_wire(e, PORT, f, lab_ip4(f, 0x0a020001, 64, 1, 86));
	turn();
	nothing_more();
}

static void from_the_guest(void **state)
{
	static const uint8_t mac[6] = { LAB_ROUTER_MAC };
	uint8_t f[2048] = { 0 };
	size_t len = arp(f);

	memcpy(f + 6, mac, 6);
	assert_int_equal(send(guest, f, len, 0), len);
	turn();
	copied(f, len, 1, 0);
	len = icmp6(f, 136);
	assert_int_equal(send(guest, f, 1000, 0), 1000); /* longer than is copied */
	turn();
	copied(f, DP_SNOOP_MAX, 1, 1);
	for (len = 1; len < 55; len++)
		assert_int_equal(send(guest, f, len, 0), len);
	turn();
	turn();
	nothing_more();
}

/* Whoever does not read misses some, and sees how many. */
static void a_slow_watcher(void **state)
{
	uint8_t f[256], got[512];
	size_t len = arp(f);
	struct dp_snooped head;
	uint64_t count = 0;

	for (unsigned i = 0; i < 2000; i++) {
		snoop_frame(lab_port(e, PORT), f, (uint32_t)len, true);
	}
	while (recv(watcher, got, sizeof(got), 0) > 0)
		count++;
	assert_true(count && count < 2000);
	snoop_frame(lab_port(e, PORT), f, (uint32_t)len, true);
	assert_true(recv(watcher, got, sizeof(got), 0) > 0);
	memcpy(&head, got, sizeof(head));
	assert_int_equal(head.number, 2000);
}

static void ends(void **state)
{
	uint8_t f[256], got[512];
	struct dp_snoop rec = { .id = 105 };
	struct err err;
	int again;

	arp(f);
	again = listens(1, 0);
	assert_int_equal(recv(watcher, got, sizeof(got), 0), 0); /* the former one is closed */
	snoop_frame(lab_port(e, PORT), f, 60, true);
	assert_true(recv(again, got, sizeof(got), 0) > 0);
	close(again);
	snoop_frame(lab_port(e, PORT), f, 60, true); /* nobody listens: no signal */
	snoop_frame(lab_port(e, PORT), f, 60, true);
	assert_int_equal(snoop_set(e, &rec, 0, &err), -ENOENT); /* a host */
	rec.id = 999;
	assert_int_equal(snoop_set(e, &rec, 0, &err), -ENOENT);
}

/* Another one listens instead. */
static void instead(uint32_t who, uint64_t next)
{
	close(watcher);
	watcher = listens(who, next);
}

static void say(unsigned what)
{
	uint8_t f[60];

	arp(f);
	f[59] = (uint8_t)what;
	snoop_frame(lab_port(e, PORT), f, sizeof(f), what % 2);
}

static void said(unsigned what, uint64_t number)
{
	uint8_t f[60];

	arp(f);
	f[59] = (uint8_t)what;
	copied(f, sizeof(f), what % 2, number);
}

/* What the former one was told, and what was said while nobody listened. */
static void the_next_one_hears_all(void **state)
{
	say(1);
	close(watcher);
	say(2);
	say(3);
	watcher = listens(1, 0);
	say(4);
	for (unsigned i = 1; i <= 4; i++)
		said(i, i - 1);
	nothing_more();
	instead(1, 3);
	said(4, 3);
	nothing_more();
	instead(1, 4);
	nothing_more();
	instead(1, 1000); /* of an engine before this one */
	nothing_more();
	say(5);
	said(5, 4);
}

static void another_guest_begins_anew(void **state)
{
	say(1);
	say(2);
	instead(2, 0);
	nothing_more();
	say(3);
	instead(2, 0);
	said(3, 2);
	instead(1, 0);
	nothing_more();
}

static void the_last_ones_are_kept(void **state)
{
	for (unsigned i = 0; i < DP_SNOOP_KEPT + 3; i++)
		say(i);
	instead(1, 0);
	said(3, 3);
	said(4, 4);
	instead(1, DP_SNOOP_KEPT);
	for (unsigned i = DP_SNOOP_KEPT; i < DP_SNOOP_KEPT + 3; i++)
		said(i, i);
	nothing_more();
}

/* Also of a port that is gone; numbers go on. */
static void a_port_is_forgotten(void **state)
{
	struct dp_snooped head;
	uint8_t got[512];

	say(1);
	snoop_forget(e, PORT);
	snoop_forget(e, 999);
	say(2);
	instead(1, 0);
	assert_true(recv(watcher, got, sizeof(got), 0) > 0);
	memcpy(&head, got, sizeof(head));
	assert_int_equal(head.port, 0);
	assert_int_equal(head.number, 0);
	said(2, 1);
	nothing_more();
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(to_the_guest), CASE(from_the_guest), CASE(a_slow_watcher), CASE(ends),
		CASE(the_next_one_hears_all), CASE(another_guest_begins_anew),
		CASE(the_last_ones_are_kept), CASE(a_port_is_forgotten),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
