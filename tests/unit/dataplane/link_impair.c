/* SPDX-License-Identifier: Apache-2.0 */
/* Links of an engine that do something to what they carry. Time is what the test says. */
#include "dataplane/link_impair_priv.h"
#include "dataplane/offload_priv.h"
#include "dataplane/request_priv.h"
#include "dataplane/stats_priv.h"
#include "tests/unit/dataplane/lab.h"
#include "tests/unit/test.h"

#define MS 1000000ull

static uint8_t frame[2000], got[2000];
static size_t frame_len;
static int status;

static int setup(void **state)
{
	*state = lab_engine();
	lab_build(*state);
	frame_len = lab_ip4(frame, 0x0a010001, 64, 1, 186);
	((struct engine *)*state)->workers[0]->now = 1ull << 40;
	return 0;
}

static int teardown(void **state)
{
	struct engine *e = *state;

	while (lab_take(e, got, sizeof(got), NULL))
		;
	objects_clear(e);
	engine_reclaim(e);
	assert_int_equal(rte_mempool_in_use_count(e->small), 0);
	assert_int_equal(rte_mempool_in_use_count(e->super), 0);
	assert_int_equal(e->workers[0]->on_wire, 0);
	return 0;
}

static void on_reply(void *arg, const void *bytes, size_t len)
{
	status = ((const struct dp_reply *)bytes)->status;
}

/* What the client of the API does; from: port number `from` of the link of that id. */
static int impair(struct engine *e, uint32_t link, uint32_t from, struct dp_impair conf)
{
	struct {
		struct dp_request head;
		struct dp_impair rec;
	} rq = { .head = { .count = 1 }, .rec = conf };

	rq.rec.rec = (struct dp_record){ .op = DP_IMPAIR_SET, .len = sizeof(rq.rec) };
	rq.rec.link = link;
	rq.rec.from = from;
	request_handle(e, &rq, sizeof(rq), NULL, 0, on_reply, NULL);
	return status;
}

static void pass(struct engine *e, uint64_t ns)
{
	struct worker *w = e->workers[0];

	w->now += (uint64_t)((unsigned __int128)ns * w->hz / 1000000000);
	if (w->calendar)
		impair_release(w);
	worker_flush_relay(w);
}

/* Whether the frame has come out at the other host, by routers and links. */
static bool arrived(struct engine *e)
{
	uint32_t port = 0;

	if (!lab_take(e, got, sizeof(got), &port))
		return false;
	assert_int_equal(port, 102);
	return true;
}

static struct dp_port_stats stats_of(struct engine *e, uint32_t port)
{
	struct dp_port_stats s = { 0 };

	stats_port(e, lab_port(e, port), &s);
	return s;
}

/* Into the router, and out of it; both by the way of bursts and by the graph. */
static void delayed(void **state)
{
	struct engine *e = *state;

	assert_int_equal(impair(e, 101, 101, (struct dp_impair){ .delay_ns = 10 * MS }), 0);
	assert_int_equal(impair(e, 102, 104, (struct dp_impair){ .delay_ns = 5 * MS }), 0);
	assert_true(stats_of(e, 101).state & DP_PORT_CARRIER);
	lab_fast(e, 101, frame, frame_len);
	pass(e, 9 * MS);
	assert_int_equal(stats_of(e, 101).wire_tx_packets, 1);
	assert_int_equal(stats_of(e, 101).on_wire, 1);
	assert_int_equal(stats_of(e, 103).wire_rx_packets, 0);
	pass(e, MS + 1000);
	assert_int_equal(stats_of(e, 101).on_wire, 0);
	assert_int_equal(stats_of(e, 103).wire_rx_packets, 1);
	assert_int_equal(stats_of(e, 103).forwarded, 1);
	assert_false(arrived(e));
	pass(e, 5 * MS + 1000);
	assert_true(arrived(e));
	assert_int_equal(got[22], 63);
	lab_backing(e, 102, frame, frame_len); /* the other direction is as ever */
	assert_int_equal(stats_of(e, 102).on_wire, 0);
	assert_int_equal(stats_of(e, 104).wire_rx_packets, 1);
}

/* Ended: what is under way arrives in its time, what comes then at once. */
static void ended(void **state)
{
	struct engine *e = *state;

	assert_int_equal(impair(e, 102, 104, (struct dp_impair){ .delay_ns = 5 * MS }), 0);
	lab_fast(e, 101, frame, frame_len);
	assert_int_equal(impair(e, 102, 104, (struct dp_impair){ 0 }), 0);
	assert_null(lab_port(e, 104)->impair);
	lab_fast(e, 101, frame, frame_len);
	assert_true(arrived(e));
	assert_false(arrived(e));
	pass(e, 5 * MS + 1000);
	assert_true(arrived(e));
}

/* What is under way on a link that goes down is lost. */
static void cut(void **state)
{
	struct dp_link down = { .id = 102, .port_a = 102, .port_b = 104, .flags = DP_LINK_DOWN };
	struct engine *e = *state;
	struct err err;

	assert_int_equal(impair(e, 102, 104, (struct dp_impair){ .delay_ns = 5 * MS }), 0);
	lab_fast(e, 101, frame, frame_len);
	assert_int_equal(link_set(e, &down, &err), 0);
	assert_non_null(lab_port(e, 104)->impair); /* stays, for when it is up again */
	lab_fast(e, 101, frame, frame_len);
	assert_int_equal(lab_drops(e, 103, DP_DROP_LINK_DOWN), 1);
	pass(e, 5 * MS + 1000);
	assert_int_equal(lab_drops(e, 104, DP_DROP_LOSS), 1);
	assert_false(arrived(e));
	down.flags = 0;
	assert_int_equal(link_set(e, &down, &err), 0);
	lab_fast(e, 101, frame, frame_len);
	pass(e, 5 * MS + 1000);
	assert_true(arrived(e));
}

/* The vnet counts what a port that is deleted had under way, at once. */
static void port_gone(void **state)
{
	struct vnet *vnet = lab_port(*state, 102)->vnet;
	struct dp_vnet_stats s = { 0 };
	struct engine *e = *state;
	struct err err;

	assert_int_equal(impair(e, 102, 104, (struct dp_impair){ .delay_ns = 60000 * MS }), 0);
	assert_int_equal(impair(e, 101, 101, (struct dp_impair){ .delay_ns = MS }), 0);
	lab_fast(e, 101, frame, frame_len);
	pass(e, MS + 1000);
	lab_fast(e, 101, frame, frame_len);
	assert_int_equal(vnet->local[0].on_wire, 2);
	assert_int_equal(port_del(e, 104, &err), 0);
	engine_reclaim(e);
	stats_vnet(e, vnet, &s);
	assert_int_equal(s.drops[DP_DROP_NO_BACKING], 1);
	assert_int_equal(vnet->local[0].on_wire, 1);
	assert_int_equal(stats_of(e, 101).on_wire, 1);
	lab_build(e); /* the other one goes with its vnet */
	assert_int_equal(e->workers[0]->on_wire, 0);
}

static void damaged(void **state)
{
	struct engine *e = *state;

	assert_int_equal(impair(e, 102, 104, (struct dp_impair){ .corrupt = DP_PROBABILITY_ONE,
								 .seed = 5 }), 0);
	for (unsigned i = 0; i < 100; i++) {
		unsigned bits = 0;

		lab_fast(e, 101, frame, frame_len);
		assert_true(arrived(e));
		for (size_t at = 14; at < frame_len; at++)
			if (at < 22 || at > 25) /* TTL and checksum are the router's */
				bits += (unsigned)__builtin_popcount(frame[at] ^ got[at]);
		assert_true(bits <= 1);
		assert_memory_equal(got, ((uint8_t[]){ LAB_HOST_MAC, LAB_OUT_MAC }), 12);
	}
	assert_int_equal(stats_of(e, 104).corrupted, 100);
	lab_backing(e, 101, frame, 14); /* there is nothing to damage */
	assert_int_equal(impair(e, 101, 101, (struct dp_impair){ .corrupt = DP_PROBABILITY_ONE }), 0);
	lab_backing(e, 101, frame, 14);
	assert_int_equal(stats_of(e, 101).corrupted, 0);
}

static void doubled_and_lost(void **state)
{
	struct engine *e = *state;
	unsigned came = 0;

	assert_int_equal(impair(e, 102, 104, (struct dp_impair){ .duplicate = DP_PROBABILITY_ONE }), 0);
	lab_fast(e, 101, frame, frame_len);
	assert_true(arrived(e));
	assert_true(arrived(e));
	assert_int_equal(stats_of(e, 104).duplicated, 1);
	assert_int_equal(stats_of(e, 104).wire_tx_packets, 1);
	assert_int_equal(stats_of(e, 102).wire_rx_packets, 2);
	assert_int_equal(impair(e, 102, 104, (struct dp_impair){ .loss = DP_PROBABILITY_ONE / 2 }), 0);
	for (unsigned i = 0; i < 1000; i++) {
		lab_fast(e, 101, frame, frame_len);
		came += arrived(e);
	}
	assert_in_range(came, 450, 550);
	assert_int_equal(lab_drops(e, 104, DP_DROP_LOSS), 1000 - came);
	assert_int_equal(stats_of(e, 103).forwarded, 1001);
}

/* A host's super-frame is frames for a link, lost one by one. */
static void super_frame(void **state)
{
	struct virtio_net_hdr h = { .flags = VIRTIO_NET_HDR_F_NEEDS_CSUM,
				    .gso_type = VIRTIO_NET_HDR_GSO_UDP_L4, .gso_size = 10,
				    .csum_start = 34, .csum_offset = 6 };
	struct engine *e = *state;
	struct worker *w = e->workers[0];
	uint64_t lost;

	frame_len = lab_ip4(frame, 0x0a010001, 64, 1, 28 + 1000);
	frame[38] = 1008 >> 8;
	frame[39] = 1008 & 0xff;
	assert_int_equal(impair(e, 101, 101, (struct dp_impair){ .loss = DP_PROBABILITY_ONE / 2,
								 .delay_ns = MS }), 0);
	for (unsigned i = 0; i < 2; i++) {
		struct rte_mbuf *m = lab_mbuf(e, frame, frame_len);

		assert_int_equal(offload_take(m, &h), 0);
		fast_receive(&w->fast.rx, m, lab_port(e, 101));
		worker_burst(w, true);
	}
	lost = lab_drops(e, 101, DP_DROP_LOSS);
	assert_in_range(lost, 70, 130);
	assert_int_equal(stats_of(e, 101).wire_tx_packets, 200);
	assert_int_equal(stats_of(e, 101).on_wire, 200 - lost);
	pass(e, MS + 1000);
	assert_int_equal(stats_of(e, 103).forwarded, 200 - lost);
}

/* A vnet that delays much has its part of the buffers, and leaves another vnet one. */
static void bounded(void **state)
{
	struct engine *e = *state;
	struct vnet *one = lab_port(e, 101)->vnet, *two = lab_port(e, 201)->vnet;
	uint32_t most = link_units(e), alone;
	unsigned sent = 0;

	for (uint32_t b = 100; b <= 200; b += 100)
		assert_int_equal(impair(e, b + 1, b + 1,
					(struct dp_impair){ .delay_ns = 1000 * MS }), 0);
	while (!lab_drops(e, 101, DP_DROP_LINK_FULL)) {
		lab_fast(e, 101, frame, frame_len);
		sent++;
	}
	alone = one->local[0].on_wire;
	assert_int_equal(alone, most / 3 * 2);
	assert_int_equal(sent, alone + 1);
	for (unsigned i = 0; i < most; i++)
		lab_fast(e, 201, frame, frame_len);
	assert_in_range(two->local[0].on_wire, most / 5, most / 3);
	pass(e, 1001 * MS);
	for (unsigned i = 0; i < most / BURST; i++)
		pass(e, 0);
	assert_int_equal(one->local[0].on_wire + two->local[0].on_wire, 0);
}

/* Repeating changes nothing, also in a sync; what a sync leaves out ends. */
static void repeated(void **state)
{
	struct dp_impair conf = { .loss = DP_PROBABILITY_ONE / 2, .seed = 1 };
	struct engine *e = *state;
	struct impair *was;
	struct err err;

	assert_int_equal(impair(e, 102, 104, conf), 0);
	assert_int_equal(impair(e, 101, 101, conf), 0);
	was = lab_port(e, 104)->impair;
	assert_int_equal(impair(e, 102, 104, conf), 0);
	assert_ptr_equal(lab_port(e, 104)->impair, was);
	assert_int_equal(objects_sync(e, false, &err), 0);
	assert_int_equal(impair(e, 102, 104, conf), 0);
	link_impair_sweep(e);
	assert_ptr_equal(lab_port(e, 104)->impair, was);
	assert_null(lab_port(e, 101)->impair);
	conf.seed = 2;
	assert_int_equal(impair(e, 102, 104, conf), 0);
	assert_ptr_not_equal(lab_port(e, 104)->impair, was);
}

/* It ends when either end of the link does, or another takes its place. */
static void other_end(void **state)
{
	struct dp_impair conf = { .delay_ns = MS };
	struct dp_link link = { .id = 102, .port_a = 104, .port_b = 108 };
	struct engine *e = *state;
	struct err err;

	assert_int_equal(impair(e, 102, 104, conf), 0);
	assert_int_equal(link_del(e, 105, &err), 0);
	assert_int_equal(link_set(e, &link, &err), 0);
	assert_null(lab_port(e, 104)->impair);
	assert_ptr_equal(lab_port(e, 104)->peer, lab_port(e, 108));
	assert_int_equal(impair(e, 102, 104, conf), 0);
	assert_int_equal(port_del(e, 108, &err), 0);
	assert_null(lab_port(e, 104)->impair);
	assert_null(port_far(lab_port(e, 104)));
	assert_int_equal(impair(e, 101, 101, conf), 0);
	assert_int_equal(link_del(e, 101, &err), 0);
	assert_null(lab_port(e, 101)->impair);
}

/* By a bridge, to all that are there. */
static void flooded(void **state)
{
	struct engine *e = *state;

	memset(frame, 0xff, 6);
	assert_int_equal(impair(e, 106, 106, (struct dp_impair){ .delay_ns = MS }), 0);
	lab_backing(e, 108, frame, frame_len);
	assert_int_equal(stats_of(e, 106).on_wire, 1);
	assert_int_equal(stats_of(e, 110).wire_rx_packets, 1);
	pass(e, MS + 1000);
	assert_int_equal(stats_of(e, 109).wire_rx_packets, 1);
}

static void refused(void **state)
{
	struct dp_impair conf = { .delay_ns = MS };
	struct engine *e = *state;

	assert_int_equal(impair(e, 77, 101, conf), -ENOENT);
	assert_int_equal(impair(e, 101, 77, conf), -ENOENT);
	assert_int_equal(impair(e, 101, 102, conf), -ENOENT);
	assert_int_equal(impair(e, 101, 201, conf), -ENOENT);
	conf.jitter_ns = 2 * MS;
	assert_int_equal(impair(e, 101, 101, conf), -EINVAL);
	assert_null(lab_port(e, 101)->impair);
}

int main(void)
{
#define IN_LAB(test) cmocka_unit_test_setup_teardown(test, setup, teardown)
	const struct CMUnitTest tests[] = {
		IN_LAB(delayed), IN_LAB(ended),	      IN_LAB(cut),	   IN_LAB(port_gone),
		IN_LAB(damaged), IN_LAB(doubled_and_lost), IN_LAB(super_frame), IN_LAB(bounded),
		IN_LAB(repeated), IN_LAB(other_end),  IN_LAB(flooded),	   IN_LAB(refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
