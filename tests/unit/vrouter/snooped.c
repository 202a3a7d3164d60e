/* SPDX-License-Identifier: Apache-2.0 */
/* What follows from the ARP and ND of a guest: each case is a few frames, and what it makes known. */
#include "vrouter/snooped_priv.h"

#include "tests/unit/test.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>

static struct snooped *s;
/* "+1 10.0.0.2=2" a neighbour of port 1 and its MAC's end, "-1 10.0.0.2", "own1 10.0.0.1" */
static char said[1024];
static uint64_t now;

static const uint8_t guest[6] = { 2, 0, 0, 0, 0, 1 }, other[6] = { 2, 0, 0, 0, 0, 2 },
		     third[6] = { 2, 0, 0, 0, 0, 3 }, all[6] = { 255, 255, 255, 255, 255, 255 },
		     group[6] = { 0x33, 0x33, 0xff, 0, 0, 2 };

static void note(const char *what, unsigned port, const struct snooped_addr *a, const uint8_t *mac)
{
	char ip[INET6_ADDRSTRLEN], *at = said + strlen(said);
	size_t left = sizeof(said) - (size_t)(at - said);

	inet_ntop(a->family == 4 ? AF_INET : AF_INET6, a->bytes, ip, sizeof(ip));
	if (mac)
		snprintf(at, left, "%s%u %s=%u ", what, port, ip, mac[5]);
	else
		snprintf(at, left, "%s%u %s ", what, port, ip);
}

static void on_neighbour(void *arg, unsigned port, const struct snooped_addr *a, const uint8_t *mac)
{
	note(mac ? "+" : "-", port, a, mac);
}

static void on_own(void *arg, unsigned port, const struct snooped_addr *a, bool has)
{
	note(has ? "own" : "lost", port, a, NULL);
}

static int setup(void **state)
{
	static const struct snooped_ops ops = { on_neighbour, on_own };

	now = 1000000;
	said[0] = 0;
	return snooped_create(&ops, NULL, &s);
}

static int teardown(void **state)
{
	snooped_destroy(s);
	return 0;
}

static void says(const char *what)
{
	assert_string_equal(said, what);
	said[0] = 0;
}

static void give(bool sent, const void *frame, size_t len)
{
	snooped_frame(s, 1, guest, sent, frame, len, now);
}

/* Who sends it decides whether the guest does. */
static void arp(const uint8_t *to, uint8_t op, const uint8_t *sha, const char *sip, const uint8_t *tha,
		const char *tip)
{
	uint8_t f[60] = { [12] = 8, [13] = 6, [15] = 1, [16] = 8, [18] = 6, [19] = 4, [21] = op };

	memcpy(f, to, 6);
	memcpy(f + 6, sha, 6);
	memcpy(f + 22, sha, 6);
	inet_pton(AF_INET, sip, f + 28);
	memcpy(f + 32, tha, 6);
	inet_pton(AF_INET, tip, f + 38);
	give(sha == guest, f, sizeof(f));
}

static uint8_t nd[86];

static void nd_sum(void)
{
	uint32_t sum = 32 + 58;

	nd[56] = nd[57] = 0;
	for (unsigned i = 22; i < sizeof(nd); i += 2)
		sum += (uint32_t)nd[i] << 8 | nd[i + 1];
	sum = (sum & 0xffff) + (sum >> 16);
	sum = ~((sum & 0xffff) + (sum >> 16));
	nd[56] = (uint8_t)(sum >> 8);
	nd[57] = (uint8_t)sum;
}

/* A solicitation (135) or advertisement (136); option NULL: none, but one of no meaning. */
static void nd_make(const uint8_t *to, const uint8_t *from, uint8_t type, uint8_t flags, const char *src,
		    const char *dst, const char *target, const uint8_t *option)
{
	memset(nd, 0, sizeof(nd));
	memcpy(nd, to, 6);
	memcpy(nd + 6, from, 6);
	memcpy(nd + 12, (uint8_t[]){ 0x86, 0xdd, 0x60, 0, 0, 0, 0, 32, 58, 255 }, 10);
	inet_pton(AF_INET6, src, nd + 22);
	inet_pton(AF_INET6, dst, nd + 38);
	nd[54] = type;
	nd[58] = flags;
	inet_pton(AF_INET6, target, nd + 62);
	nd[78] = option ? (type == 135 ? 1 : 2) : 14;
	nd[79] = 1;
	if (option)
		memcpy(nd + 80, option, 6);
	nd_sum();
}

static void nd_say(const uint8_t *to, const uint8_t *from, uint8_t type, uint8_t flags, const char *src,
		   const char *dst, const char *target, const uint8_t *option)
{
	nd_make(to, from, type, flags, src, dst, target, option);
	give(from == guest, nd, sizeof(nd));
}

enum { ASK = 1, ANSWER = 2 };

static const uint8_t none[6];

/* The guest asks, and is answered. */
static void resolve(void)
{
	arp(all, ASK, guest, "10.0.0.1", none, "10.0.0.2");
	arp(guest, ANSWER, other, "10.0.0.2", guest, "10.0.0.1");
	says("own1 10.0.0.1 +1 10.0.0.2=2 ");
}

static void an_answer_that_was_asked_for(void **state)
{
	resolve();
	arp(guest, ANSWER, other, "10.0.0.2", guest, "10.0.0.1"); /* again: nothing new */
	says("");
	arp(all, ASK, guest, "10.0.0.1", none, "10.0.0.2"); /* the kernel has lost it */
	says("-1 10.0.0.2 ");
}

static void nobody_asked(void **state)
{
	arp(guest, ANSWER, other, "10.0.0.2", guest, "10.0.0.1");
	arp(all, ASK, other, "10.0.0.2", none, "10.0.0.2");
	arp(all, ASK, other, "10.0.0.2", none, "10.0.0.1");
	says("");
}

/* It answers, or asks one station: that shows what it has. */
static void the_guest_shows_it(void **state)
{
	arp(other, ANSWER, guest, "10.0.0.1", other, "10.0.0.2");
	says("own1 10.0.0.1 +1 10.0.0.2=2 ");
	arp(third, ASK, guest, "10.0.0.1", none, "10.0.0.2");
	says("+1 10.0.0.2=3 ");
}

static void a_mac_changes(void **state)
{
	resolve();
	now += SNOOPED_LOCK_MS;
	arp(all, ASK, third, "10.0.0.2", none, "10.0.0.2");
	says("+1 10.0.0.2=3 ");
	/* Back at once: kernels may or may not take it, so only the guest can say. */
	arp(all, ASK, other, "10.0.0.2", none, "10.0.0.2");
	says("-1 10.0.0.2 ");
	now += SNOOPED_LOCK_MS;
	arp(all, ASK, other, "10.0.0.2", none, "10.0.0.2");
	says("");
	arp(other, ASK, guest, "10.0.0.1", none, "10.0.0.2");
	says("+1 10.0.0.2=2 ");
}

static void frames_for_others(void **state)
{
	resolve();
	now += SNOOPED_LOCK_MS;
	arp(third, ANSWER, third, "10.0.0.2", third, "10.0.0.9");
	/* In the guest's name, but not by its MAC; and a guest that speaks for another. */
	arp(all, ASK, (const uint8_t[6]){ 2, 0, 0, 0, 0, 1 }, "10.0.0.2", none, "10.0.0.1");
	says("");
}

static void addresses_that_are_none(void **state)
{
	arp(all, ASK, guest, "0.0.0.0", none, "10.0.0.1"); /* RFC 5227: it is about to have it */
	says("own1 10.0.0.1 ");
	arp(all, ASK, guest, "10.0.0.1", none, "10.0.0.1"); /* gratuitous */
	arp(all, ASK, guest, "224.0.0.1", none, "127.0.0.1");
	arp(other, ANSWER, guest, "10.0.0.1", other, "0.0.0.0");
	says("");
}

#define NODE2 "ff02::1:ff00:2"

static void solicitation_and_advertisement(void **state)
{
	nd_say(group, guest, 135, 0, "::", "ff02::1:ff00:1", "fe80::1", NULL); /* DAD */
	says("own1 fe80::1 ");
	nd_say(group, guest, 135, 0, "fe80::1", NODE2, "fe80::2", guest);
	nd_say(guest, other, 136, 0x60, "fe80::2", "fe80::1", "fe80::2", other);
	says("+1 fe80::2=2 ");
	/* Is it still there? */
	nd_say(other, guest, 135, 0, "fe80::1", "fe80::2", "fe80::2", guest);
	says("");
	now += SNOOPED_LOCK_MS;
	nd_say(guest, third, 136, 0x40, "fe80::2", "fe80::1", "fe80::2", third); /* does not override */
	says("");
	nd_say((const uint8_t[6]){ 0x33, 0x33, 0, 0, 0, 1 }, third, 136, 0x20, "fe80::2", "ff02::1",
	       "fe80::2", third);
	says("+1 fe80::2=3 ");
	nd_say(group, guest, 135, 0, "fe80::1", NODE2, "fe80::2", guest);
	says("-1 fe80::2 ");
}

static void solicited_guest(void **state)
{
	nd_say(other, guest, 136, 0x60, "fd00::1", "fd00::2", "fd00::1", guest);
	says("own1 fd00::1 +1 fd00::2=2 ");
	now += SNOOPED_LOCK_MS;
	nd_say(group, third, 135, 0, "fd00::2", NODE2, "fd00::9", third); /* asks for somebody else */
	says("");
	nd_say(group, third, 135, 0, "fd00::2", NODE2, "fd00::1", third);
	says("+1 fd00::2=3 ");
}

/* What the kernel drops (RFC 4861 7.1). */
static void malformed(void **state)
{
	/* Next header, hop limit, code, checksum, an option's length, what is summed. */
	static const unsigned places[] = { 20, 21, 55, 56, 79, 85 };

	nd_say(group, guest, 135, 0, "fe80::1", NODE2, "fe80::2", guest);
	says("own1 fe80::1 ");
	for (unsigned i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
		nd_make(guest, other, 136, 0x60, "fe80::2", "fe80::1", "fe80::2", other);
		nd[places[i]] ^= 2;
		if (places[i] == 55 || places[i] == 79)
			nd_sum();
		give(false, nd, sizeof(nd));
	}
	nd_make(guest, other, 136, 0x60, "fe80::2", "fe80::1", "fe80::2", other);
	for (size_t len = 0; len < sizeof(nd); len++)
		give(false, nd, len);
	says("");
	give(false, nd, sizeof(nd));
	says("+1 fe80::2=2 ");
}

static void what_ends_it(void **state)
{
	resolve();
	snooped_port_down(s, 2);
	says("");
	snooped_port_down(s, 1);
	says("-1 10.0.0.2 ");
	arp(other, ASK, guest, "10.0.0.1", none, "10.0.0.2");
	says("+1 10.0.0.2=2 ");
	snooped_missed(s);
	says("-1 10.0.0.2 ");
	arp(other, ASK, guest, "10.0.0.1", none, "10.0.0.2");
	snooped_tell(s);
	says("+1 10.0.0.2=2 own1 10.0.0.1 +1 10.0.0.2=2 ");
	snooped_reset(s);
	snooped_tell(s);
	says("");
}

static void age(void **state)
{
	resolve();
	now += SNOOPED_AGE_MS - 1;
	snooped_age(s, now);
	says("");
	arp(guest, ASK, other, "10.0.0.2", none, "10.0.0.1"); /* the neighbour is there */
	now += SNOOPED_AGE_MS - 1;
	snooped_age(s, now++);
	says("");
	snooped_age(s, now);
	says("-1 10.0.0.2 ");
}

static void an_address_moves(void **state)
{
	uint8_t f[42] = { 255, 255, 255, 255, 255, 255, 2, 0, 0, 0, 0, 1, 8, 6, 0, 1, 8, 0, 6, 4, 0, 1,
			  2, 0, 0, 0, 0, 1, 10, 0, 0, 1, [38] = 10, 0, 0, 1 };

	resolve();
	snooped_frame(s, 2, guest, true, f, sizeof(f), now);
	says("lost1 10.0.0.1 own2 10.0.0.1 ");
}

static void limits(void **state)
{
	char ip[INET_ADDRSTRLEN];

	for (unsigned i = 0; i < SNOOPED_MAX + 10; i++, said[0] = 0) {
		snprintf(ip, sizeof(ip), "10.1.%u.%u", i / 256, i % 256);
		arp(other, ASK, guest, "10.0.0.1", none, ip);
	}
	arp(other, ASK, guest, "10.0.0.1", none, "10.2.0.1");
	says("");
	for (unsigned i = 1; i <= SNOOPED_OWN_MAX + 1; i++) {
		said[0] = 0;
		now++;
		snprintf(ip, sizeof(ip), "10.3.0.%u", i);
		arp(all, ASK, guest, ip, none, ip);
	}
	says("lost1 10.3.0.1 own1 10.3.0.17 ");
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(an_answer_that_was_asked_for), CASE(nobody_asked), CASE(the_guest_shows_it),
		CASE(a_mac_changes), CASE(frames_for_others), CASE(addresses_that_are_none),
		CASE(solicitation_and_advertisement), CASE(solicited_guest), CASE(malformed),
		CASE(what_ends_it), CASE(age), CASE(an_address_moves), CASE(limits),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
