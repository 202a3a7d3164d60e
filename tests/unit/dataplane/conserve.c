/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Random frames through vnets that change at random. Of every vnet, at every time: what went in,
 * and what bridges and links made more of it, is what came out, what was dropped by name, and what
 * waits in the scheduler or is under way on a link. Whatever comes out does so by a port of its own vnet. In the end every buffer is
 * back.
 */
#include "tests/unit/dataplane/conserve.h"

#include "dataplane/device_priv.h"
#include "dataplane/link_impair_priv.h"
#include "dataplane/offload_priv.h"
#include "dataplane/stats_priv.h"

#include <rte_ethdev.h>
#include <stdio.h>
#include <stdlib.h>

enum {
	FRAMES = 1000000, /* or as the arguments say; the seed is not 0 */
	SEED = 20,
	CHECK_STEPS = 128,
	FLOOD = 64 * BURST,
	RING_ROOM = 1023, /* of net_ring */
};

struct world world;

static uint64_t frames = FRAMES, came_out;
static uint32_t seed = SEED;

/* Marsaglia's xorshift64*. */
uint32_t any(uint32_t n)
{
	world.random ^= world.random >> 12;
	world.random ^= world.random << 25;
	world.random ^= world.random >> 27;
	return (uint32_t)((world.random * 0x2545f4914f6cdd1d >> 32) * n >> 32);
}

static void enter(struct net *net, unsigned n)
{
	net->entered += n;
	world.frames += n;
}

static struct net *net_of(uint32_t id)
{
	for (unsigned n = 0; n < NETS; n++)
		if (id && world.nets[n].id == id)
			return &world.nets[n];
	return NULL;
}

static struct rte_mbuf *mbuf_of(const uint8_t *frame, size_t len, uint16_t vlan)
{
	struct rte_mbuf *m = rte_pktmbuf_alloc(len + 4 <= FRAME_SMALL ? world.e->small :
								       world.e->jumbo);
	uint8_t *to;

	must(m, "no buffer\n");
	to = (uint8_t *)rte_pktmbuf_append(m, (uint16_t)(len + (vlan ? 4 : 0)));
	if (!vlan) {
		memcpy(to, frame, len);
		return m;
	}
	memcpy(to, frame, 12);
	memcpy(to + 12, (uint8_t[]){ 0x81, 0, (uint8_t)(vlan >> 8), (uint8_t)vlan }, 4);
	memcpy(to + 16, frame + 12, len - 12);
	return m;
}

/* What a host asks for: segments, a checksum, nonsense. Its own tap takes the same, or not. */
static bool offload(struct rte_mbuf *m, struct port *port)
{
	struct virtio_net_hdr h = { .flags = VIRTIO_NET_HDR_F_NEEDS_CSUM,
				    .gso_type = any(3) ? VIRTIO_NET_HDR_GSO_UDP_L4 :
							 VIRTIO_NET_HDR_GSO_NONE,
				    .gso_size = (uint16_t)(1 + any(1500)), .csum_offset = 6 };

	h.csum_start = rte_pktmbuf_mtod(m, uint8_t *)[12] == 8 ? 34 : 54;
	WR(port->offloads, any(2));
	if (offload_take(m, &h) == 0)
		return true;
	port->local[COUNTERS_RELAY].count.drops[DP_DROP_OFFLOAD]++;
	rte_pktmbuf_free(m);
	return false;
}

/* Frames of one backing after the other. */
static void from_backings(unsigned count)
{
	static uint8_t frame[4096];
	struct worker *w = world.e->workers[0];
	bool one = any(2);
	unsigned n = any(NETS), number = 1 + any(NET_PORTS);

	for (unsigned i = 0; i < count; i++) {
		struct net *net;
		struct port *port;
		struct rte_mbuf *m;

		if (!one && any(4) == 0) {
			n = any(NETS);
			number = any(2) ? 1 + any(2) : 1 + any(NET_PORTS);
		}
		net = &world.nets[n];
		port = net->id ? net_port(net, number) : NULL;
		if (!port || (port->kind == DP_NODE_BRIDGE) || port->kind == DP_NODE_PHYSICAL)
			continue;
		m = mbuf_of(frame, conserve_frame(frame, net, number), 0);
		if (port->kind == DP_NODE_HOST && any(4) == 0 && !offload(m, port)) {
			enter(net, 1);
			continue;
		}
		enter(net, pkt_frames(m));
		fast_receive(&w->fast.rx, m, port);
	}
	worker_burst(w, one);
}

/* One frame, time and again at one time. */
static void flood(void)
{
	static uint8_t frame[4096];
	struct worker *w = world.e->workers[0];
	struct net *net = &world.nets[any(NETS)];
	unsigned number = 1 + any(2);
	struct port *port = net->id ? net_port(net, number) : NULL;
	size_t len = conserve_frame(frame, net, number);

	if (len > FRAME_SMALL - 4) /* of these there are not enough buffers */
		return;
	for (unsigned i = 0; i < FLOOD && port; i++) {
		enter(net, 1);
		fast_receive(&w->fast.rx, mbuf_of(frame, len, 0), port);
		if (w->fast.rx.count == BURST)
			worker_burst(w, true);
	}
}

static struct device *device_of(unsigned dev)
{
	char name[16];

	snprintf(name, sizeof(name), "net_ring%u", dev);
	for (unsigned i = 0; i < DEVICES_MAX; i++)
		if (world.e->devices[i] && !strcmp(world.e->devices[i]->devargs, name))
			return world.e->devices[i];
	return NULL;
}

/* Frames for slices, some of them nobody's. */
static void from_device(unsigned dev, unsigned count)
{
	static uint8_t frame[4096];
	struct device *device = device_of(dev);
	struct rte_mbuf *m;

	for (unsigned i = 0; i < count && device; i++) {
		unsigned n = dev == 2 ? 1 : any(NETS), number = 5 + any(4), of;
		struct net *net = &world.nets[n];
		uint16_t vlan;
		size_t len;

		net_slice(n, number, &of, &vlan);
		if (of != dev || !net->id)
			continue;
		len = conserve_frame(frame, net, number);
		if (frame[12] == 0x81 || len < 14) /* the tag is to be ours */
			continue;
		if (net->there[number])
			enter(net, 1);
		else
			world.strangers++;
		m = mbuf_of(frame, len, vlan);
		must(rte_eth_tx_burst(device->ethdev, 0, &m, 1) == 1, "the ring is full\n");
	}
	device_poll_all(world.e->workers[0]);
}

/* One that came out by a port of vnet `by`; 0: by a port that is gone. */
static void left(struct rte_mbuf *m, const uint8_t *data, size_t len, uint32_t by)
{
	uint32_t mark = conserve_mark(data, len);
	struct net *net = net_of(mark);

	must(m->nb_segs == 1 && rte_mbuf_refcnt_read(m) == 1, "not a buffer of its own\n");
	must(mark, "%zu bytes that do not say whose they are\n", len);
	must(!by || mark == by, "a frame of vnet %u by a port of %u\n", mark, by);
	if (net)
		net->left += pkt_frames(m);
	came_out += pkt_frames(m);
}

static void take_relay(enum relay_lane lane)
{
	struct rte_ring *ring = world.e->workers[0]->to_relay[lane].ring;
	struct rte_mbuf *m;

	while (rte_ring_dequeue(ring, (void **)&m) == 0) {
		const struct port *port = port_by_handle(world.e, pkt(m)->handle);

		left(m, rte_pktmbuf_mtod(m, uint8_t *), m->pkt_len, port ? port->vnet->id : 0);
		rte_pktmbuf_free(m);
	}
}

static void take_device(unsigned dev)
{
	struct device *device = device_of(dev);
	struct rte_mbuf *m;

	while (device && rte_eth_rx_burst(device->ethdev, 0, &m, 1) == 1) {
		uint8_t *data = rte_pktmbuf_mtod(m, uint8_t *);
		bool tagged = m->pkt_len >= 18 && data[12] == 0x81 && data[13] == 0 && dev != 2;
		uint16_t vlan = tagged ? (uint16_t)((data[14] & 15) << 8 | data[15]) : 0;
		const struct net *net = net_of_slice(dev, vlan);

		must(net, "a frame in VLAN %u of net_ring%u, which is nobody's\n", vlan, dev);
		if (vlan) {
			memmove(data + 4, data, 12);
			data = (uint8_t *)rte_pktmbuf_adj(m, 4);
		}
		left(m, data, m->pkt_len, net->id);
		rte_pktmbuf_free(m);
	}
}

/* A device that takes nothing: full with what is not ours. */
static unsigned jam(unsigned dev)
{
	struct device *device = device_of(dev);
	unsigned n = 0;

	for (; device && n < RING_ROOM; n++) {
		struct rte_mbuf *m = rte_pktmbuf_alloc(world.e->small);

		if (!m || rte_eth_tx_burst(device->ethdev, 0, &m, 1) != 1)
			fail_msg("net_ring%u has room for %u", dev, n);
	}
	return n;
}

static void unjam(unsigned dev, unsigned n)
{
	struct rte_mbuf *m;

	while (n-- && rte_eth_rx_burst(device_of(dev)->ethdev, 0, &m, 1) == 1)
		rte_pktmbuf_free(m);
}

static uint64_t queued(const struct net *net)
{
	struct dp_port_stats s = { 0 };

	for (unsigned number = 6; number <= 7 && !s.queued; number++)
		if (net->there[number])
			stats_port(world.e, net_port(net, number), &s);
	return s.queued;
}

static void check_net(const struct net *net)
{
	struct vnet *vnet = hash_map_find(world.e->vnet_map, &net->id);
	struct dp_vnet_stats s = { 0 };
	int64_t copies = net_copies(net);
	uint64_t drops = 0, waiting = queued(net), on_wire, twice = net_duplicates(net, &on_wire);

	stats_vnet(world.e, vnet, &s);
	for (unsigned i = 0; i < DP_DROP_COUNT; i++)
		drops += s.drops[i];
	must(s.drops[DP_DROP_ISOLATION] == 0, "vnet %u: isolation\n", net->id);
	must(copies >= 0, "vnet %u: a bridge lost %ld\n", net->id, (long)-copies);
	must(net->entered + (uint64_t)copies + twice == net->left + drops + waiting + on_wire,
	     "vnet %u: in %lu + %ld copies + %lu, out %lu, dropped %lu, queued %lu, on links %lu\n",
	     net->id, (unsigned long)net->entered, (long)copies, (unsigned long)twice,
	     (unsigned long)net->left, (unsigned long)drops, (unsigned long)waiting,
	     (unsigned long)on_wire);
}

static void check(void)
{
	for (enum relay_lane lane = 0; lane < LANES; lane++)
		take_relay(lane);
	for (unsigned n = 0; n < NETS; n++)
		if (world.nets[n].id)
			check_net(&world.nets[n]);
	must(device_of(0)->strangers + device_of(1)->strangers == world.strangers,
	     "%lu frames of no slice, not %lu\n",
	     (unsigned long)(device_of(0)->strangers + device_of(1)->strangers),
	     (unsigned long)world.strangers);
}

static void step(void)
{
	struct worker *w = world.e->workers[0];
	unsigned dev = any(DEVS), jammed = 0, full = any(DEVS);

	world.step++;
	w->now += any((uint32_t)(w->hz / (world.step / 512 % 4 ? 10000 : 500))); /* 0.05 or 1 ms */
	if (any(4) == 0)
		net_change();
	if (any(1024) == 0)
		flood();
	else if (any(3) == 0)
		from_device(dev, 1 + any(BURST));
	else
		from_backings(1 + any(BURST));
	if (any(64) == 0) {
		take_device(full); /* a flood may have filled it */
		jammed = jam(full);
	}
	if (w->calendar)
		impair_release(w);
	device_flush_all(w);
	worker_flush_relay(w);
	unjam(full, jammed);
	for (unsigned i = 0; i < DEVS; i++)
		take_device(i);
	if (any(16) == 0)
		take_relay(any(2) ? LANE_CONTROL : LANE_REST);
	if (world.step % CHECK_STEPS == 0)
		check();
}

/* That the frames have been everywhere. */
static void check_drops(void)
{
	static const char *const names[] = {
#define NAME(id, name, what) name,
		DP_DROPS(NAME)
#undef NAME
	};

	for (unsigned n = 0; n < NETS; n++)
		if (world.nets[n].id)
			net_count_drops(&world.nets[n]);
	for (unsigned i = 0; i < DP_DROP_COUNT; i++) {
		bool never = i == DP_DROP_ISOLATION || i == DP_DROP_NO_MEMORY ||
			     i == DP_DROP_BRIDGE_LOOP;

		print_message("%s %lu%s", names[i], (unsigned long)world.drops[i],
			      i + 1 < DP_DROP_COUNT ? ", " : "\n");
		must(never ? !world.drops[i] : world.drops[i] || seed != SEED, "%s: %lu\n",
		     names[i], (unsigned long)world.drops[i]);
	}
}

static void conserve(void **state)
{
	world = (struct world){ .e = lab_engine(), .seed = seed, .random = seed };
	for (unsigned n = 0; n < NETS; n++)
		net_create(n);
	world.e->workers[0]->now = 1ull << 56; /* later than what the devices' opening saw */
	while (world.frames < frames)
		step();
	check();
	print_message("%lu steps, %lu frames, of which %lu came out of %u vnets; drops:\n",
		      (unsigned long)world.step, (unsigned long)world.frames,
		      (unsigned long)came_out, world.last_id);
	check_drops();
	objects_clear(world.e);
	assert_int_equal(rte_mempool_in_use_count(world.e->small), 0);
	assert_int_equal(rte_mempool_in_use_count(world.e->jumbo), 0);
	assert_int_equal(rte_mempool_in_use_count(world.e->super), 0);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(conserve) };

	if (argc > 1)
		frames = strtoull(argv[1], NULL, 10);
	if (argc > 2)
		seed = (uint32_t)strtoul(argv[2], NULL, 10);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
