/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is captured of vnet 1 of the lab, while vnet 2 is not captured and gets the same frames: both
 * must do the same with them.
 */
#include "dataplane/capture_priv.h"

#include "base/tape.h"
#include "dataplane/stats_priv.h"
#include "tests/unit/dataplane/lab.h"
#include "tests/unit/test.h"

#include <errno.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

enum { ID = 5, CHANNELS = 16, ROUNDS = 20000, BOTH = DP_CAPTURE_TX | DP_CAPTURE_RX };

static uint8_t frame[1600];
static int fd;
static struct tape *tape;
static uint64_t newest;

static int setup(void **state)
{
	struct engine *e = *state = lab_engine();
	struct err err;

	lab_build(e);
	fd = lab_capture(e, ID, 1, CHANNELS);
	assert_int_equal(tape_open(fd, &tape, &err), 0);
	newest = 0;
	return 0;
}

static int teardown(void **state)
{
	while (lab_take(*state, frame, sizeof(frame), NULL))
		;
	objects_clear(*state);
	engine_reclaim(*state);
	tape_close(tape);
	close(fd);
	assert_int_equal(rte_mempool_in_use_count(((struct engine *)*state)->small), 0);
	return 0;
}

static int add(struct engine *e, uint32_t port, uint32_t channel, uint32_t flags)
{
	struct dp_capture_port rec = { .capture = ID, .port = port, .channel = channel, .flags = flags };
	struct err err;
	int rc = capture_port(e, &rec, &err);

	engine_reclaim(e);
	return rc;
}

/* The next on the tape, later than those before. */
static const struct tape_record *next(void)
{
	const struct tape_record *r;

	tape_look(tape, true);
	r = tape_next(tape);
	if (r) {
		assert_true(r->stamp >= newest);
		newest = r->stamp;
	}
	return r;
}

static void expect(uint32_t channel, uint32_t mark, const void *bytes, size_t len)
{
	const struct tape_record *r = next();

	assert_non_null(r);
	assert_int_equal(r->channel, channel);
	assert_int_equal(r->mark, mark);
	assert_int_equal(r->length, len);
	assert_int_equal(r->size, RTE_MIN(len, 1000u));
	assert_memory_equal(r + 1, bytes, r->size);
}

/* From host 1 to host 2 through the router, as bursts go; and back as a guest says it. */
static void both_ways(void **state)
{
	struct engine *e = *state;
	size_t len = lab_ip4(frame, 0x0a010001, 64, 1, 1400);
	uint8_t sent[1600], out[1600];

	memcpy(sent, frame, len);
	assert_int_equal(add(e, 101, 0, BOTH), 0);
	assert_int_equal(add(e, 104, 1, BOTH), 0);
	lab_fast(e, 101, frame, len);
	assert_int_equal(lab_take(e, out, sizeof(out), NULL), len);
	expect(0, DP_CAPTURE_TX, sent, len);
	expect(1, DP_CAPTURE_TX, out, len);
	assert_int_equal(sent[22], out[22] + 1);
	assert_null(next());
	lab_fast(e, 102, out, len); /* its own frame comes back: to the router's guest */
	expect(1, DP_CAPTURE_RX, out, len);
	assert_null(next());
}

/* Only one way; the stamps are the time. */
static void one_way(void **state)
{
	struct engine *e = *state;
	size_t len = lab_ip4(frame, 0x0a010001, 64, 1, 86);
	struct timespec now;

	assert_int_equal(add(e, 101, 0, DP_CAPTURE_RX), 0);
	assert_int_equal(add(e, 103, 2, DP_CAPTURE_TX), 0);
	lab_fast(e, 101, frame, len);
	assert_null(next());
	clock_gettime(CLOCK_REALTIME, &now);
	lab_backing(e, 103, frame, len); /* not from the guest's own MAC */
	expect(2, DP_CAPTURE_DROP + DP_DROP_SOURCE_MAC, frame, len);
	memcpy(frame + 6, (uint8_t[]){ LAB_ROUTER_MAC }, 6);
	lab_backing(e, 103, frame, len);
	expect(2, DP_CAPTURE_TX, frame, len);
	expect(0, DP_CAPTURE_RX, frame, len);
	/* Within a second, however busy the machine is; the clock was set a moment ago. */
	assert_true(newest / 1000000000 - (uint64_t)now.tv_sec <= 1);
}

/* What is dropped says why, where it was received. */
static void drops(void **state)
{
	struct engine *e = *state;
	size_t len = lab_ip4(frame, 0x0a030001, 64, 1, 86);
	struct dp_link down = { .id = 102, .port_a = 102, .port_b = 104, .flags = DP_LINK_DOWN };
	struct err err;

	assert_int_equal(add(e, 103, 3, 0), 0);
	lab_fast(e, 101, frame, len);
	expect(3, DP_CAPTURE_DROP + DP_DROP_BLACKHOLE, frame, len);
	assert_int_equal(link_set(e, &down, &err), 0);
	len = lab_ip4(frame, 0x0a010001, 64, 1, 86);
	lab_fast(e, 101, frame, len);
	assert_int_equal(next()->mark, DP_CAPTURE_DROP + DP_DROP_LINK_DOWN);
	assert_null(next());
}

static void counters(struct engine *e, uint32_t port, struct counters *out)
{
	memset(out, 0, sizeof(*out));
	counters_add_port(out, lab_port(e, port));
}

/* Frames of all kinds, one by one: the same becomes of them, and each is on the tape. */
static void nothing_changes(void **state)
{
	struct engine *e = *state;
	struct counters one, other;
	uint64_t dropped = 0, forwarded = 0;

	srandom(3);
	for (uint32_t port = 101; port <= 104; port++) {
		assert_int_equal(add(e, port, port - 101, BOTH), 0);
		lab_port(e, port + 100)->hash_seed = lab_port(e, port)->hash_seed; /* of ECMP */
	}
	for (unsigned i = 0; i < ROUNDS; i++) {
		size_t len = lab_any(frame);
		uint32_t from = 1 + (i % 2);

		e->workers[0]->now += e->workers[0]->hz / 100;
		lab_fast(e, 100 + from, frame, len);
		lab_fast(e, 200 + from, frame, len);
		while (lab_take(e, frame, sizeof(frame), NULL))
			;
	}
	for (uint32_t port = 101; port <= 104; port++) {
		uint64_t drop = 0;

		counters(e, port, &one);
		counters(e, port + 100, &other);
		assert_memory_equal(&one, &other, sizeof(one));
		for (unsigned i = 0; i < DP_DROP_COUNT; i++)
			drop += one.drops[i];
		assert_int_equal(tape_written(tape, port - 101),
				 one.wire_tx_packets + one.wire_rx_packets + drop);
		dropped += drop;
		forwarded += one.forwarded;
	}
	assert_true(forwarded > ROUNDS / 100 && dropped > ROUNDS / 100);
}

/* The fast path is where nobody looks, and comes back when nobody does any more. */
static void fast_again(void **state)
{
	struct engine *e = *state;
	struct port *host = lab_port(e, 101), *router = lab_port(e, 103), *out = lab_port(e, 104);
	struct err err;

	assert_int_equal(add(e, 101, 0, DP_CAPTURE_TX), 0);
	assert_null(host->peer);
	assert_null(router->peer);
	assert_ptr_equal(port_far(host), router);
	assert_ptr_equal(port_far(router), host);
	assert_non_null(out->peer);
	assert_int_equal(capture_del(e, ID, &err), 0);
	engine_reclaim(e);
	assert_ptr_equal(host->peer, router);
	assert_ptr_equal(router->peer, host);
	assert_null(host->captured);
	assert_int_equal(host->mode, 0);
	lab_fast(e, 101, frame, lab_ip4(frame, 0x0a010001, 64, 1, 86));
	assert_null(next());
	assert_int_equal(capture_del(e, ID, &err), -ENOENT);
}

/* The relay thread and the control thread drop frames too: each has a track. */
static void threads(void **state)
{
	static const unsigned who[] = { COUNTERS_CONTROL, COUNTERS_RELAY, 0 };
	struct engine *e = *state;
	size_t len = lab_ip4(frame, 0x0a010001, 64, 1, 86);

	assert_int_equal(add(e, 103, 2, 0), 0);
	for (unsigned i = 0; i < RTE_DIM(who); i++) {
		frame[50] = (uint8_t)i;
		port_drop(lab_port(e, 103), who[i], lab_mbuf(e, frame, len), DP_DROP_BACKING_FULL);
		assert_int_equal(lab_port(e, 103)->local[who[i]].count.drops[DP_DROP_BACKING_FULL], 1);
	}
	for (unsigned i = 0; i < RTE_DIM(who); i++) {
		frame[50] = (uint8_t)i;
		expect(2, DP_CAPTURE_DROP + DP_DROP_BACKING_FULL, frame, len);
	}
	assert_null(next());
}

/* Two at a time have one clock, and one may end. */
static void two(void **state)
{
	struct engine *e = *state;
	struct dp_capture_port rec = { .capture = ID + 1, .port = 101, .channel = 1,
				       .flags = DP_CAPTURE_TX };
	struct tape *first = tape, *second;
	int other = lab_capture(e, ID + 1, 1, CHANNELS);
	size_t len = lab_ip4(frame, 0x0a010001, 64, 1, 86);
	uint64_t stamp;
	struct err err;

	assert_int_equal(tape_open(other, &second, &err), 0);
	assert_int_equal(add(e, 101, 0, DP_CAPTURE_TX), 0);
	assert_int_equal(capture_port(e, &rec, &err), 0);
	engine_reclaim(e);
	lab_fast(e, 101, frame, len);
	expect(0, DP_CAPTURE_TX, frame, len);
	stamp = newest;
	tape = second;
	expect(1, DP_CAPTURE_TX, frame, len);
	assert_int_equal(newest, stamp);
	assert_int_equal(capture_del(e, ID, &err), 0);
	engine_reclaim(e);
	lab_fast(e, 101, frame, len);
	expect(1, DP_CAPTURE_TX, frame, len);
	tape = first;
	assert_null(next());
	assert_non_null(lab_port(e, 101)->captured);
	tape_close(second);
	close(other);
}

/* It ends with its vnet, and when its client leaves; its ports may go before. */
static void ends(void **state)
{
	struct engine *e = *state;
	struct err err;

	assert_int_equal(add(e, 101, 0, BOTH), 0);
	assert_int_equal(add(e, 102, 1, BOTH), 0);
	assert_int_equal(port_del(e, 101, &err), 0);
	engine_reclaim(e);
	captures_end(e, lab_port(e, 201)->vnet);
	assert_non_null(lab_port(e, 102)->captured);
	assert_int_equal(vnet_del(e, 1, &err), 0);
	engine_reclaim(e);
	assert_int_equal(capture_del(e, ID, &err), -ENOENT);
	close(lab_capture(e, ID, 2, 1));
	assert_int_equal(add(e, 201, 0, BOTH), 0);
	captures_end(e, NULL);
	engine_reclaim(e);
	assert_null(lab_port(e, 201)->captured);
	assert_int_equal(capture_del(e, ID, &err), -ENOENT);
}

static void refused(void **state)
{
	struct engine *e = *state;
	struct dp_capture rec = { .id = 9, .vnet = 1, .snap = 10, .channels = CHANNELS };
	struct err err;

	assert_int_equal(add(e, 201, 0, BOTH), -EXDEV); /* another vnet's */
	assert_null(lab_port(e, 201)->captured);
	assert_int_equal(add(e, 999, 0, BOTH), 0); /* nobody's */
	assert_int_equal(add(e, 101, CHANNELS, BOTH), -EINVAL);
	assert_int_equal(add(e, 101, 0, 4), -EINVAL);
	assert_int_equal(add(e, 101, 0, BOTH), 0);
	assert_int_equal(add(e, 101, 1, BOTH), -EEXIST);
	assert_int_equal(capture_set(e, &rec, STDIN_FILENO, &err), -EINVAL); /* no memory for a tape */
	assert_int_equal(capture_set(e, &rec, fd, &err), -EPERM); /* another's */
	rec.channels = TAPE_CHANNELS_MAX + 1;
	assert_int_equal(capture_set(e, &rec, fd, &err), -EINVAL);
	rec.channels = 1;
	rec.id = ID;
	assert_int_equal(capture_set(e, &rec, fd, &err), -EEXIST);
	rec.id = 9;
	rec.vnet = 3;
	assert_int_equal(capture_set(e, &rec, fd, &err), -ENOENT);
	rec.vnet = 1;
	rec.snap = 0;
	assert_int_equal(capture_set(e, &rec, fd, &err), -EINVAL);
	rec.snap = 10;
	for (uint32_t i = 1; i < DP_CAPTURES_MAX; i++)
		close(lab_capture(e, ID + i, 1, 1));
	rec.id = 100;
	assert_int_equal(capture_set(e, &rec, fd, &err), -ENOSPC);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(both_ways, setup, teardown),
		cmocka_unit_test_setup_teardown(one_way, setup, teardown),
		cmocka_unit_test_setup_teardown(drops, setup, teardown),
		cmocka_unit_test_setup_teardown(nothing_changes, setup, teardown),
		cmocka_unit_test_setup_teardown(fast_again, setup, teardown),
		cmocka_unit_test_setup_teardown(threads, setup, teardown),
		cmocka_unit_test_setup_teardown(two, setup, teardown),
		cmocka_unit_test_setup_teardown(ends, setup, teardown),
		cmocka_unit_test_setup_teardown(refused, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
