/* SPDX-License-Identifier: Apache-2.0 */
/* What guests are asked, and what they say, between a worker and their sockets. */
#include "tests/unit/dataplane/lab.h"

#include "dataplane/relay_io_priv.h"
#include "dataplane/relay_priv.h"
#include "dataplane/stats_priv.h"
#include "tests/unit/test.h"

#include <sys/socket.h>
#include <unistd.h>

enum { PROTO = 23, OSPF = 89 };

static uint8_t frame[2048];
static uint64_t now; /* the relay's clock; goes on from test to test */

static int setup(void **state)
{
	struct engine *e = lab_engine();
	struct err err;

	lab_build(e);
	now += 100 * e->workers[0]->hz;
	if (!e->relay && relay_create(e, &err) < 0)
		return -1;
	*state = e;
	return 0;
}

static int teardown(void **state)
{
	struct engine *e = *state;

	objects_clear(e);
	relay_wait(e->relay, false);
	relay_round(e->relay, now); /* what is left in rings is nobody's */
	return 0;
}

static void attach(struct engine *e, uint32_t id, int fd)
{
	struct port *port = lab_port(e, id);
	struct dp_port rec = { .id = id, .node = port->node->id, .fib = port->fib_id, .mtu = 1500,
			       .flags = DP_PORT_HAS_FD, .backing = DP_BACK_DGRAM, .name = "port",
			       .mac = { 2, 0, 0, 0, 0, (uint8_t)(id % 100) } };
	struct err err;

	assert_int_equal(port_set(e, &rec, &fd, &err), 0);
}

/* A guest's end of a port. Sequenced packets: as datagrams, but as many as the buffer holds. */
static int guest(struct engine *e, uint32_t id)
{
	int pair[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK, 0, pair), 0);
	attach(e, id, pair[0]);
	return pair[1];
}

static void turn(struct engine *e)
{
	relay_wait(e->relay, false);
	relay_round(e->relay, now);
}

static void exceptions(struct engine *e, uint32_t id, unsigned count)
{
	size_t len = lab_ip4(frame, 0x0a010001, 1, 1, 40);

	frame[5] = (uint8_t)(id % 100);
	while (count--)
		lab_wire(e, id, frame, len);
}

static void hello(struct engine *e, uint32_t id)
{
	static const uint8_t all_spf_routers[6] = { 1, 0, 0x5e, 0, 0, 5 };
	size_t len = lab_ip4(frame, 0xe0000005, 1, 1, 64);

	memcpy(frame, all_spf_routers, 6);
	frame[PROTO] = OSPF;
	lab_wire(e, id, frame, len);
}

/* Frames that wait at a guest's end; *at: the place among them, from 0, of the first hello. */
static unsigned heard(int fd, unsigned *at)
{
	uint8_t got[2048];
	unsigned n = 0, hellos = 0;

	for (; recv(fd, got, sizeof(got), 0) > 0; n++)
		if (got[PROTO] == OSPF && !hellos++ && at)
			*at = n;
	return n;
}

static uint64_t full(struct engine *e, uint32_t id)
{
	struct port_local *local = lab_port(e, id)->local;

	return local[0].count.drops[DP_DROP_BACKING_FULL] +
	       local[COUNTERS_RELAY].count.drops[DP_DROP_BACKING_FULL];
}

/* 2000 exceptions for a guest that takes none, which fill its socket and its queue. */
static void stuff(struct engine *e, uint32_t id)
{
	exceptions(e, id, 2000);
	while (!worker_relay_served(e->workers[0]))
		turn(e);
	assert_true(full(e, id) > 0);
}

static struct dp_vnet_stats vnet(struct engine *e, uint32_t id)
{
	struct dp_vnet_stats s = { 0 };

	stats_vnet(e, hash_map_find(e->vnet_map, &id), &s);
	return s;
}

static void asks(struct engine *e, uint32_t id, uint8_t who, unsigned count)
{
	static const uint8_t request[42] = { [0 ... 5] = 0xff, [6] = 2, [12] = 8, 6, 0, 1, 8, 0,
					     6, 4, 0, 1 };

	memcpy(frame, request, sizeof(request));
	frame[11] = who;
	while (count--)
		lab_wire(e, id, frame, sizeof(request));
}

/* One that asks too often takes nothing from others on its port. */
static void askers_are_policed(void **state)
{
	struct engine *e = *state;

	asks(e, 103, 1, 3000);
	assert_int_equal(vnet(e, 1).punts[DP_PUNT_NEIGHBOUR], 250);
	assert_int_equal(vnet(e, 1).policed[DP_PUNT_NEIGHBOUR], 2750);
	asks(e, 103, 2, 200);
	assert_int_equal(vnet(e, 1).punts[DP_PUNT_NEIGHBOUR], 450);
	asks(e, 104, 1, 100); /* on another port it is another one */
	assert_int_equal(vnet(e, 1).punts[DP_PUNT_NEIGHBOUR], 550);
	asks(e, 203, 1, 250);
	assert_int_equal(vnet(e, 2).policed[DP_PUNT_NEIGHBOUR], 0);
	e->workers[0]->now += e->workers[0]->hz;
	asks(e, 103, 1, 100);
	assert_int_equal(vnet(e, 1).punts[DP_PUNT_NEIGHBOUR], 650);
}

/* All ports of a vnet together have a rate; other classes and other vnets have their own. */
static void vnets_are_policed(void **state)
{
	struct engine *e = *state;

	exceptions(e, 103, 3000);
	exceptions(e, 104, 3000);
	assert_int_equal(lab_drops(e, 103, DP_DROP_POLICED), 1000);
	assert_int_equal(lab_drops(e, 104, DP_DROP_POLICED), 1000);
	lab_port(e, 103)->local[0].punt = lab_port(e, 104)->local[0].punt = (struct policer){ 0 };
	exceptions(e, 103, 10); /* the port would let them pass */
	hello(e, 103);
	exceptions(e, 203, 2000);
	assert_int_equal(vnet(e, 1).punts[DP_PUNT_EXCEPTION], 4000);
	assert_int_equal(vnet(e, 1).policed[DP_PUNT_EXCEPTION], 2010);
	assert_int_equal(vnet(e, 1).punts[DP_PUNT_CONTROL], 1);
	assert_int_equal(vnet(e, 2).punts[DP_PUNT_EXCEPTION], 2000);
	assert_int_equal(vnet(e, 2).policed[DP_PUNT_EXCEPTION], 0);
}

static void without_fib(struct engine *e, uint32_t id, uint32_t backing, const char *dev)
{
	struct port *port = lab_port(e, id);
	struct dp_port rec = { .id = id, .node = port->node->id, .mtu = 1500, .name = "port",
			       .mac = { 2, 0, 0, 0, 0, (uint8_t)(id % 100) }, .backing = backing };
	struct err err;
	int fd = -1;

	snprintf(rec.dev, sizeof(rec.dev), "%s", dev);
	assert_int_equal(port_set(e, &rec, &fd, &err), 0);
}

/* Of a guest that forwards by itself the transit may have what its vnet may, whatever its port, and all
 * where it is no burden to others; the other classes stay as they are. */
static void a_guests_own_transit(void **state)
{
	struct engine *e = *state;

	without_fib(e, 103, DP_BACK_NONE, "");
	lab_ip4(frame, 0x0a010001, 9, 1, 40);
	frame[5] = 3;
	for (unsigned i = 0; i < 9000; i++)
		lab_wire(e, 103, frame, 54);
	assert_int_equal(vnet(e, 1).punts[DP_PUNT_LOCAL], 8000);
	assert_int_equal(vnet(e, 1).policed[DP_PUNT_LOCAL], 1000);
	asks(e, 103, 1, 300);
	assert_int_equal(vnet(e, 1).policed[DP_PUNT_NEIGHBOUR], 50);
	hello(e, 103);
	assert_int_equal(vnet(e, 1).punts[DP_PUNT_CONTROL], 1);

	without_fib(e, 203, DP_BACK_DEV, "net_null0,no-rx=1");
	lab_ip4(frame, 0x0a010001, 9, 1, 40);
	frame[5] = 3;
	for (unsigned i = 0; i < 9000; i++)
		lab_wire(e, 203, frame, 54);
	assert_int_equal(vnet(e, 2).punts[DP_PUNT_LOCAL], 9000);
}

/* Whatever is on its way to the relay thread, control gets there. */
static void control_has_a_ring(void **state)
{
	struct engine *e = *state;
	size_t len = lab_ip4(frame, 0x0a010001, 9, 1, 40);
	uint8_t got[100];
	uint32_t at;

	for (unsigned i = 0; i < 5000; i++)
		lab_wire(e, 101, frame, len);
	assert_true(full(e, 101) > 0);
	hello(e, 103);
	assert_int_equal(full(e, 103), 0);
	assert_int_equal(lab_take(e, got, sizeof(got), &at), 78);
	assert_int_equal(at, 103);
	while (lab_take(e, got, sizeof(got), NULL))
		;
}

/* A guest that is behind with exceptions has room for hellos, and sees them first. */
static void control_has_a_queue(void **state)
{
	struct engine *e = *state;
	int fd = guest(e, 103);
	unsigned at = 1;
	uint64_t before;

	stuff(e, 103);
	before = full(e, 103);
	hello(e, 103);
	turn(e);
	assert_int_equal(full(e, 103), before);
	assert_true(heard(fd, NULL) > 0);
	turn(e);
	assert_int_equal(heard(fd, &at), RELAY_BUDGET);
	assert_int_equal(at, 0);
	close(fd);
}

/* When a guest with a full queue takes frames again, others do not wait until it has all. */
static void a_turn_is_bounded(void **state)
{
	struct engine *e = *state;
	int busy = guest(e, 103), other = guest(e, 203);
	unsigned got, n;

	stuff(e, 103);
	got = heard(busy, NULL);
	hello(e, 203);
	turn(e);
	assert_int_equal(heard(other, NULL), 1);
	for (n = heard(busy, NULL); n; n = heard(busy, NULL)) {
		assert_in_range(n, 1, RELAY_BUDGET);
		got += n;
		turn(e);
	}
	assert_int_equal(got + full(e, 103), 2000);
	close(busy);
	close(other);
}

/* Ports with full queues take turns; a hello for another waits for one of these. All three have one
 * socket, so that it shows who was served when. */
static void control_waits_for_one_turn(void **state)
{
	struct engine *e = *state;
	unsigned at = 0;
	int pair[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK, 0, pair), 0);
	attach(e, 103, dup(pair[0]));
	attach(e, 104, dup(pair[0]));
	attach(e, 203, pair[0]);
	stuff(e, 103);
	stuff(e, 104);
	heard(pair[1], NULL);
	hello(e, 203);
	turn(e);
	assert_int_equal(heard(pair[1], &at), 2 * RELAY_BUDGET + 1);
	assert_int_equal(at, RELAY_BUDGET);
	close(pair[1]);
}

/* How many frames may wait for guests of port's vnet, which has as many ports as it likes. */
static unsigned jam(struct relay_io *io, struct port *port, struct relay_port **rps)
{
	uint64_t *lost = &port->local[COUNTERS_RELAY].count.drops[DP_DROP_BACKING_FULL];
	unsigned all = 0;

	for (*lost = 0; !*lost; all++) {
		if (all % RELAY_QUEUE == 0)
			rps[all / RELAY_QUEUE] = relay_port_create(port, DP_BACK_DGRAM, -1);
		relay_io_queue(io, rps[all / RELAY_QUEUE], LANE_REST,
			       rte_pktmbuf_alloc(io->engine->small));
	}
	return all - 1;
}

static uint32_t waiting(const struct port *port)
{
	return port->vnet->local[COUNTERS_RELAY].queued + port->vnet->local[COUNTERS_CONTROL].queued;
}

/* Guests that take nothing leave buffers for other vnets, for whatever is not punted, and for
 * control. The last of these tests: what it frees is not what engine.relay queued. */
static void buffers_are_shared(void **state)
{
	struct engine *e = *state;
	struct port *one = lab_port(e, 103), *two = lab_port(e, 203);
	struct relay_port *ones[64] = { NULL }, *twos[64] = { NULL };
	struct relay_io io;

	assert_int_equal(relay_io_init(&io, e), 0);
	io.queued = e->relay_freed;
	assert_int_equal(jam(&io, one, ones), io.limit / 2);
	assert_int_equal(jam(&io, two, twos), io.limit / 4);
	relay_io_queue(&io, ones[0], LANE_CONTROL, rte_pktmbuf_alloc(e->jumbo));
	assert_int_equal(ones[0]->queues[LANE_CONTROL].count, 1);
	assert_int_equal(waiting(one), io.limit / 2 + e->small->size / e->jumbo->size);

	/* As they go, and as others do. */
	relay_io_drop(&io, ones[0], DP_DROP_NO_BACKING);
	assert_int_equal(waiting(one), io.limit / 2 - RELAY_QUEUE);
	for (unsigned i = 0; twos[i]; i++)
		relay_port_free(e, twos[i]);
	assert_int_equal(waiting(two), 0);
	assert_int_equal(io.queued - e->relay_freed, waiting(one));
	for (unsigned i = 0; ones[i]; i++)
		relay_port_free(e, ones[i]);
	assert_int_equal(waiting(one), 0);
	relay_io_fini(&io);
}

/* Takes what the relay has read, for the worker. */
static unsigned injected(struct engine *e)
{
	struct rte_mbuf *m;
	unsigned n = 0;

	for (; rte_ring_dequeue(e->workers[0]->from_relay, (void **)&m) == 0; n++)
		rte_pktmbuf_free(m);
	return n;
}

static unsigned say(int fd, unsigned most)
{
	unsigned n = 0;

	while (n < most && send(fd, frame, 60, 0) == 60)
		n++;
	return n;
}

/* As much as the guest can say in rounds of one moment; *said is what it did. */
static unsigned babble(struct engine *e, int fd, unsigned *said)
{
	unsigned all, n;

	turn(e); /* whoever may speak again is heard from the next round on */
	all = injected(e);
	do {
		*said += say(fd, 10000);
		turn(e);
		n = injected(e);
		assert_true(n <= RELAY_BATCH + 1); /* one may be from elsewhere */
		all += n;
	} while (n && all < 20000);
	return all;
}

/* Over its vnet's rate a guest's frames wait; not those of hosts, nor of other vnets. */
static void injection_has_a_rate(void **state)
{
	struct engine *e = *state;
	uint64_t hz = e->workers[0]->hz;
	int fd = guest(e, 103), same = guest(e, 104), host = guest(e, 101), other = guest(e, 203);
	unsigned said = 0, all;

	all = babble(e, fd, &said);
	assert_in_range(all, 4096, 4096 + RELAY_BATCH);
	assert_int_equal(vnet(e, 1).held, 1);
	say(same, 1);
	say(host, 1);
	say(other, 1);
	turn(e);
	assert_int_equal(injected(e), 2);
	assert_int_equal(vnet(e, 2).held, 0);

	/* A hundredth of a second lets 1500 more through, of whichever port. */
	now += hz / 100;
	all += babble(e, fd, &said);
	assert_in_range(all, 4096 + 1500 - 2, 4096 + 1500 + RELAY_BATCH);
	/* Nothing was lost. */
	for (unsigned i = 0; all < said + 1 && i < 100; i++) {
		now += hz / 100;
		turn(e);
		turn(e);
		all += injected(e);
	}
	assert_int_equal(all, said + 1);
	close(fd);
	close(same);
	close(host);
	close(other);
}

/* A port that waits to be heard may go, or get another descriptor. */
static void the_held_may_go(void **state)
{
	struct engine *e = *state;
	uint64_t hz = e->workers[0]->hz;
	int fd = guest(e, 103), again;
	unsigned said = 0;
	struct err err;

	babble(e, fd, &said);
	assert_int_equal(vnet(e, 1).held, 1);
	again = guest(e, 103);
	babble(e, again, &said);
	assert_int_equal(vnet(e, 1).held, 2);
	now += hz;
	turn(e);
	turn(e);
	assert_true(injected(e) > 0);
	babble(e, again, &said);
	assert_int_equal(port_del(e, 103, &err), 0);
	engine_reclaim(e);
	now += hz;
	turn(e);
	turn(e);
	assert_int_equal(injected(e), 0);
	close(fd);
	close(again);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(askers_are_policed, setup, teardown),
		cmocka_unit_test_setup_teardown(vnets_are_policed, setup, teardown),
		cmocka_unit_test_setup_teardown(a_guests_own_transit, setup, teardown),
		cmocka_unit_test_setup_teardown(control_has_a_ring, setup, teardown),
		cmocka_unit_test_setup_teardown(control_has_a_queue, setup, teardown),
		cmocka_unit_test_setup_teardown(a_turn_is_bounded, setup, teardown),
		cmocka_unit_test_setup_teardown(control_waits_for_one_turn, setup, teardown),
		cmocka_unit_test_setup_teardown(injection_has_a_rate, setup, teardown),
		cmocka_unit_test_setup_teardown(the_held_may_go, setup, teardown),
		cmocka_unit_test_setup_teardown(buffers_are_shared, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
