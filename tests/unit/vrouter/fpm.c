/* SPDX-License-Identifier: Apache-2.0 */
/* Frames and connections of FPM. */
#include "tests/unit/vrouter/fpm_lab.h"

#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

static void several_messages_in_a_frame_that_comes_in_bytes(void **state)
{
	lab_connected();
	lab_route(RTM_NEWROUTE, 254, "10.9.0.0/16", OSPF, "10.0.2.2", ETH2, 0);
	lab_send(true);
	lab_gets("10.9.1.1", "eth2 22");
	lab_gets("10.0.2.2", "eth2 22");
	lab_gets("10.0.2.3", "punt");
	lab_gets("11.0.0.1", "none");
}

/* A change is a deletion and a route: the engine hears of one change, and never of a deletion. */
static void a_pair_is_one_change(void **state)
{
	unsigned before;

	lab_connected();
	lab_route(RTM_NEWROUTE, 254, "10.9.0.0/16", OSPF, "10.0.2.2", ETH2, 0);
	lab_route(RTM_NEWROUTE, 254, "10.8.0.0/16", OSPF, "10.0.1.2", ETH1, 0);
	lab_send(false);
	before = fpm_lab.held.changes;
	lab_route(RTM_DELROUTE, 254, "10.9.0.0/16", OSPF, NULL, 0, 0);
	lab_route(RTM_NEWROUTE, 254, "10.9.0.0/16", OSPF, "10.0.1.2", ETH1, 0);
	lab_send(false);
	lab_gets("10.9.1.1", "eth1 12");
	assert_in_range(fpm_lab.held.changes - before, 1, 2); /* the route; and it was the last by that next hop */
	lab_route(RTM_DELROUTE, 254, "10.9.0.0/16", OSPF, NULL, 0, 0);
	lab_send(false);
	lab_gets("10.9.1.1", "none");
}

/* After a connection broke zebra says routes without having deleted what they were. */
static void a_route_in_place_of_another(void **state)
{
	lab_connected();
	lab_route(RTM_NEWROUTE, 254, "10.9.0.0/16", OSPF, "10.0.2.2", ETH2, 0);
	lab_route(RTM_NEWROUTE, 254, "fd09::/16", OSPF, "fd02::2", ETH2, 0);
	lab_send(false);
	lab_gets("fd09::1", "eth2 22");
	lab_route(RTM_NEWROUTE, 254, "10.9.0.0/16", OSPF, "10.0.1.2", ETH1, 0);
	lab_route(RTM_NEWROUTE, 254, "fd09::/16", OSPF, "fd02::9", ETH2, 0);
	lab_send(false);
	lab_gets("10.9.1.1", "eth1 12");
	lab_gets("fd09::1", "punt"); /* not one of two: that neighbour is not known */
}

/* Time passes for the sweep. */
static void back(uint64_t began, uint64_t last)
{
	fpm_lab.f->began_ms -= began;
	fpm_lab.f->last_ms -= last;
}

static void again(void)
{
	shutdown(fpm_lab.zebra, SHUT_WR);
	lab_turn(&fpm_lab.downs, fpm_lab.downs + 1);
	assert_string_equal(fpm_lab.why, "zebra has closed it");
	close(fpm_lab.zebra);
	lab_connect(false);
}

static void replay(void)
{
	lab_connected();
	lab_route(RTM_NEWROUTE, 254, "10.9.0.0/16", OSPF, "10.0.2.2", ETH2, 0);
	lab_send(false);
}

static void what_is_not_repeated_goes(void **state)
{
	unsigned before;

	lab_route(RTM_NEWROUTE, 254, "10.8.0.0/16", OSPF, "10.0.2.2", ETH2, 0);
	replay();
	again();
	lab_gets("10.8.1.1", "eth2 22"); /* stays while nobody is connected, and until all was repeated */
	before = fpm_lab.held.changes;
	replay();
	assert_int_equal(fpm_lab.held.changes, before);
	lab_route(RTM_NEWROUTE, 254, "10.7.0.0/16", OSPF, "10.0.2.2", ETH2, 0);
	lab_send(false);
	lab_gets("10.7.1.1", "eth2 22"); /* what is new counts at once */
	fpm_lab.neighbours = false;
	back(FPM_LEAST_MS, FPM_QUIET_MS);
	lab_turn(&fpm_lab.syncs, 2);
	lab_gets("10.8.1.1", "none");
	lab_gets("10.9.1.1", "punt"); /* who is to tell neighbours has not told that one any more */
	lab_gets("10.0.1.9", "punt");
}

/* Not before it was quiet, nor too early; but at last. */
static void when_a_dump_is_over(void **state)
{
	struct timeval soon = { .tv_usec = 600000 };

	replay();
	again();
	back(FPM_LEAST_MS, FPM_QUIET_MS / 2);
	event_base_loopexit(fpm_lab.base, &soon);
	event_base_dispatch(fpm_lab.base);
	assert_int_equal(fpm_lab.syncs, 1);
	back(0, FPM_QUIET_MS);
	lab_turn(&fpm_lab.syncs, 2);
	lab_gets("10.9.1.1", "none");
	again();
	back(FPM_LEAST_MS / 2, FPM_QUIET_MS);
	event_base_loopexit(fpm_lab.base, &soon);
	event_base_dispatch(fpm_lab.base);
	assert_int_equal(fpm_lab.syncs, 2);
	fpm_lab.f->last_ms += 1000000; /* never quiet */
	back(FPM_MOST_MS, 0);
	lab_turn(&fpm_lab.syncs, 3);
}

/* A dump that is cut short sweeps nothing. */
static void cut_short(void **state)
{
	replay();
	again();
	again();
	lab_gets("10.9.1.1", "eth2 22");
	assert_int_equal(fpm_lab.syncs, 1);
}

/* A newer connection ends the one before it. */
static void a_second_connection(void **state)
{
	int first = fpm_lab.zebra;
	struct pollfd gone = { .fd = first, .events = POLLIN };
	char byte;

	lab_connect(false);
	assert_int_equal(fpm_lab.ups, 2);
	event_base_loop(fpm_lab.base, EVLOOP_NONBLOCK); /* libevent closes it in a turn of its own */
	assert_int_equal(poll(&gone, 1, 10000), 1);
	assert_int_equal(read(first, &byte, 1), 0);
	close(first);
	replay();
	lab_gets("10.9.1.1", "eth2 22");
}

static int dial(const struct sockaddr_un *to, socklen_t len)
{
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);

	assert_int_equal(connect(fd, (const struct sockaddr *)to, len), 0);
	return fd;
}

/* However often somebody connects. */
static void one_connection_a_second(void **state)
{
	int listener = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0), first, second;
	struct sockaddr_un at = { .sun_family = AF_UNIX };
	socklen_t len = sizeof(at.sun_family); /* the kernel gives it a name */
	struct timeval before, now, took;

	assert_int_equal(bind(listener, (struct sockaddr *)&at, len), 0);
	assert_int_equal(listen(listener, 4), 0);
	len = sizeof(at);
	assert_int_equal(getsockname(listener, (struct sockaddr *)&at, &len), 0);
	assert_int_equal(fpm_listen(fpm_lab.f, listener, false), 0);
	first = dial(&at, len);
	second = dial(&at, len);
	lab_turn(&fpm_lab.ups, 2);
	gettimeofday(&before, NULL);
	lab_turn(&fpm_lab.ups, 3);
	gettimeofday(&now, NULL);
	timersub(&now, &before, &took);
	assert_true(took.tv_sec || took.tv_usec > 900000);
	close(first);
	close(second);
}

static void refused(const void *bytes, size_t len, const char *why)
{
	unsigned before = fpm_lab.downs;

	if (!fpm_is_up(fpm_lab.f))
		lab_connect(false);
	lab_write(bytes, len);
	lab_turn(&fpm_lab.downs, before + 1);
	assert_string_equal(fpm_lab.why, why);
	assert_false(fpm_is_up(fpm_lab.f));
	close(fpm_lab.zebra);
}

#define BYTES(...) (const uint8_t[]){ __VA_ARGS__ }, sizeof((const uint8_t[]){ __VA_ARGS__ })

static void what_is_no_frame(void **state)
{
	replay();
	refused(BYTES(2, 1, 0, 4), "a frame of version 2, type 1, 4 bytes");
	refused(BYTES(1, 2, 0, 20), "a frame of version 1, type 2, 20 bytes"); /* protobuf */
	refused(BYTES(1, 1, 0, 3), "a frame of version 1, type 1, 3 bytes");
	refused(BYTES(1, 1, 0, 12, 16, 0, 0, 0, 24, 0, 0, 0),
		"a netlink message of 0 bytes in 8 of a frame");
	refused(BYTES(1, 1, 0, 20, 15, 0, 0, 0, 24, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0),
		"a netlink message of 15 bytes in 16 of a frame");
	refused(BYTES(1, 1, 0, 20, 17, 0, 0, 0, 24, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0),
		"a netlink message of 17 bytes in 16 of a frame");
	lab_gets("10.9.1.1", "eth2 22");
	lab_connect(false);
}

/* Only routes and objects are taken: a guest does not say what its links and neighbours are. */
static void other_messages(void **state)
{
	struct ndmsg m = { .ndm_family = AF_INET, .ndm_ifindex = ETH2, .ndm_state = 2 };
	struct intake_stats stats;
	struct snooped_addr a = lab_addr("10.0.2.2");

	lab_attr(1 /* NDA_DST */, a.bytes, 4);
	lab_attr(2 /* NDA_LLADDR */, (uint8_t[]){ 2, 0, 0, 0, 0, 99 }, 6);
	lab_message(RTM_NEWNEIGH, &m, sizeof(m));
	replay();
	lab_gets("10.0.2.2", "eth2 22");
	intake_stats(fpm_lab.in, &stats);
	assert_int_equal(stats.malformed, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(several_messages_in_a_frame_that_comes_in_bytes),
		CASE(a_pair_is_one_change),
		CASE(a_route_in_place_of_another),
		CASE(what_is_not_repeated_goes),
		CASE(when_a_dump_is_over),
		CASE(cut_short),
		CASE(a_second_connection),
		CASE(one_connection_a_second),
		CASE(what_is_no_frame),
		CASE(other_messages),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
