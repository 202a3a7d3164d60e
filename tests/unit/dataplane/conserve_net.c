/* SPDX-License-Identifier: Apache-2.0 */
/* Vnets, through requests as a client makes them. */
#include "tests/unit/dataplane/conserve_net.h"

#include "dataplane/request_priv.h"
#include "dataplane/stats_priv.h"

#include <stdio.h>

static const uint8_t node_kinds[NODES + 1] = {
	0, DP_NODE_ROUTER, DP_NODE_ROUTER, DP_NODE_BRIDGE, DP_NODE_HOST, DP_NODE_HOST,
	DP_NODE_HOST, DP_NODE_PHYSICAL,
};

static const struct {
	uint8_t node, peer;
} ports[NET_PORTS + 1] = {
	{ 0 },		{ HOST1, 9 },	 { HOST2, 13 },	  { HOST3, 17 },   { HOST3, 18 },
	{ WIRES, 10 },	{ WIRES, 14 },	 { WIRES, 12 },	  { WIRES, 15 },   { ROUTER1, 1 },
	{ ROUTER1, 5 }, { ROUTER1, 16 }, { ROUTER1, 7 },  { ROUTER2, 2 },  { ROUTER2, 6 },
	{ ROUTER2, 8 }, { ROUTER2, 11 }, { BRIDGE, 3 },	  { BRIDGE, 4 },   { BRIDGE, 20 },
	{ ROUTER2, 19 },
};

/* By which a router's adjacencies lead, from the first. */
static const struct {
	uint8_t count, port[5];
} ways[] = { { 0 }, { 4, { 9, 10, 11, 12 } }, { 5, { 13, 14, 15, 16, 20 } } };

/* A request under construction. */
static struct {
	union {
		struct dp_request head;
		uint8_t bytes[DP_DATAGRAM_MAX];
	};
	size_t len;
} rq = { .len = sizeof(struct dp_request) };

static struct dp_reply reply;

static void on_reply(void *arg, const void *bytes, size_t len)
{
	memcpy(&reply, bytes, sizeof(reply));
}

void add(uint16_t op, void *record, size_t len)
{
	struct dp_record rec = { .op = op, .len = (uint16_t)len };

	memcpy(record, &rec, sizeof(rec));
	memcpy(rq.bytes + rq.len, record, len);
	rq.len += len;
	rq.head.count++;
}

int ask(void)
{
	request_handle(world.e, rq.bytes, rq.len, NULL, 0, on_reply, NULL);
	rq.len = sizeof(rq.head);
	rq.head.count = 0;
	return reply.status;
}

const char *ask_error(void)
{
	return reply.error;
}

void ask_must(void)
{
	must(ask() == 0, "%s\n", ask_error());
}

uint32_t id_of(const struct net *net, unsigned k)
{
	return net->id * NET_IDS + k;
}

struct port *net_port(const struct net *net, unsigned number)
{
	return net->there[number] ? lab_port(world.e, id_of(net, number)) : NULL;
}

unsigned net_peer(unsigned number)
{
	return ports[number].peer;
}

bool net_slice(unsigned n, unsigned number, unsigned *dev, uint16_t *vlan)
{
	switch (number) {
	case 5:
		*dev = 0;
		*vlan = (uint16_t)(n ? 100 + n : 0);
		return true;
	case 6:
		*dev = 1;
		*vlan = (uint16_t)(n == 2 ? 0 : 200 + n);
		return true;
	case 7:
		*dev = 1;
		*vlan = (uint16_t)(220 + n);
		return true;
	case 8:
		*dev = n == 1 ? 2 : 0;
		*vlan = (uint16_t)(n == 1 ? 0 : 240 + n);
		return true;
	}
	return false;
}

struct net *net_of_slice(unsigned dev, uint16_t vlan)
{
	for (unsigned n = 0; n < NETS; n++)
		for (unsigned i = 5; i <= 8; i++) {
			uint16_t at;
			unsigned of;

			if (net_slice(n, i, &of, &at) && of == dev && at == vlan &&
			    world.nets[n].there[i])
				return &world.nets[n];
		}
	return NULL;
}

void add_vnet(struct net *net)
{
	struct dp_vnet rec = { .id = net->id, .weight = any(DP_WEIGHT_MAX + 1),
			       .guarantee = any(100), .name = "vnet" };

	add(DP_VNET_SET, &rec, sizeof(rec));
}

void add_node(struct net *net, unsigned k, uint32_t flags)
{
	struct dp_node rec = { .id = id_of(net, k), .vnet = net->id, .kind = node_kinds[k],
			       .flags = flags, .name = "node" };

	add(DP_NODE_SET, &rec, sizeof(rec));
}

void add_id(uint16_t op, uint32_t id)
{
	struct dp_id rec = { .id = id };

	add(op, &rec, sizeof(rec));
}

struct dp_port port_rec(struct net *net, unsigned k)
{
	struct dp_port rec = { .id = id_of(net, k), .node = id_of(net, ports[k].node), .mtu = 1500,
			       .backing = ports[k].node == BRIDGE ? DP_BACK_NONE : DP_BACK_DGRAM,
			       .mac = { 2, 0, 0, 0, 0, (uint8_t)k }, .name = "port" };
	unsigned dev;

	if (ports[k].node <= ROUTER2)
		rec.fib = id_of(net, ports[k].node);
	if (net_slice((unsigned)(net - world.nets), k, &dev, &rec.vlan)) {
		rec.backing = DP_BACK_DEV;
		snprintf(rec.dev, sizeof(rec.dev), "net_ring%u", dev);
		rec.rate = dev == 1 ? RATE : 0;
	}
	return rec;
}

void add_port(struct net *net, unsigned k)
{
	struct dp_port rec = port_rec(net, k);

	add(DP_PORT_SET, &rec, sizeof(rec));
	net->there[k] = true;
}

/* A link has the id of its lower end. */
void add_link(struct net *net, unsigned k, uint32_t flags)
{
	unsigned peer = ports[k].peer, low = k < peer ? k : peer;
	struct dp_link rec = { .id = id_of(net, low), .port_a = id_of(net, k),
			       .port_b = id_of(net, peer), .flags = flags };

	add(DP_LINK_SET, &rec, sizeof(rec));
}

/* Not of what says whose a frame is: none is corrupt. */
void add_impair(struct net *net, unsigned k)
{
	unsigned peer = ports[k].peer, low = k < peer ? k : peer;
	struct dp_impair rec = { .link = id_of(net, low), .from = id_of(net, k), .seed = any(8) };

	if (any(2))
		rec.loss = any(DP_PROBABILITY_ONE / 4);
	if (any(2)) {
		rec.to_bad = any(DP_PROBABILITY_ONE / 50);
		rec.to_good = any(DP_PROBABILITY_ONE);
		rec.loss_bad = DP_PROBABILITY_ONE;
	}
	if (any(2))
		rec.duplicate = any(DP_PROBABILITY_ONE / 4);
	if (any(2)) {
		rec.delay_ns = any(20000000);
		rec.jitter_ns = any((uint32_t)rec.delay_ns + 1);
		rec.reorder = rec.delay_ns ? any(DP_PROBABILITY_ONE / 4) : 0;
	}
	if (any(4) == 0) {
		rec.rate = MBIT + any(RATE);
		rec.limit = any(100);
	}
	add(DP_IMPAIR_SET, &rec, sizeof(rec));
}

void add_nh(struct net *net, unsigned router, unsigned id, uint32_t kind)
{
	struct {
		struct dp_nh nh;
		uint32_t members[8];
	} rec = { .nh = { .node = id_of(net, router), .id = id, .kind = kind } };
	unsigned port = ways[router].port[(id - 1) % ways[router].count];
	size_t len = sizeof(rec.nh);

	if (kind == DP_NH_ADJ) {
		rec.nh.port = id_of(net, port);
		memcpy(rec.nh.mac, (uint8_t[]){ 2, 0, 0, 0, 0, ports[port].peer }, 6);
		if (port == 20) /* beyond the bridge; 21 is nobody */
			rec.nh.mac[5] = (uint8_t)(3 + any(2) + any(8) / 7 * 17);
	} else if (kind == DP_NH_GROUP) {
		rec.nh.member_count = (uint16_t)(2 + 2 * any(4));
		for (unsigned i = 0; i < rec.nh.member_count; i++)
			rec.members[i] = any(8) ? 1 + any(ways[router].count) : NH_PUNT;
		len += rec.nh.member_count * sizeof(uint32_t);
	}
	add(DP_NH_SET, &rec, len);
}

void add_nhs(struct net *net, unsigned router)
{
	for (unsigned id = 1; id <= ways[router].count; id++)
		add_nh(net, router, id, DP_NH_ADJ);
	add_nh(net, router, NH_PUNT, DP_NH_PUNT);
	add_nh(net, router, NH_DROP, DP_NH_DROP);
	add_nh(net, router, NH_LOCAL, DP_NH_LOCAL);
	add_nh(net, router, NH_GROUP, DP_NH_GROUP);
}

void add_routes(struct net *net, unsigned router, unsigned n)
{
	while (n--) {
		unsigned way = any(24);
		bool ip6 = any(3) == 0;
		struct dp_route rec = {
			.fib = id_of(net, router), .family = ip6 ? 6 : 4, .len = ip6 ? 16 : 16,
			.nh = way < 18 ? 1 + way % ways[router].count :
			      way < 22 ? NH_GROUP : NH_PUNT + way % 3,
			.addr = { ip6 ? 0xfd : 10, (uint8_t)any(24) },
		};

		if (!ip6 && any(4) == 0) {
			rec.addr[2] = (uint8_t)any(4);
			rec.len = 24;
		}
		add(any(5) ? DP_ROUTE_SET : DP_ROUTE_DEL, &rec, sizeof(rec));
	}
}

void net_create(unsigned n)
{
	struct net *net = &world.nets[n];

	*net = (struct net){ .id = ++world.last_id };
	add_vnet(net);
	for (unsigned k = 1; k <= NODES; k++)
		add_node(net, k, 0);
	for (unsigned router = ROUTER1; router <= ROUTER2; router++) {
		struct dp_fib rec = { .id = id_of(net, router), .node = id_of(net, router),
				      .max_routes = 1000 };

		add(DP_FIB_SET, &rec, sizeof(rec));
	}
	for (unsigned k = 1; k <= NET_PORTS; k++)
		add_port(net, k);
	for (unsigned k = 1; k <= NET_PORTS; k++)
		if (k < ports[k].peer)
			add_link(net, k, 0);
	for (unsigned router = ROUTER1; router <= ROUTER2; router++) {
		add_nhs(net, router);
		add_routes(net, router, 60);
	}
	ask_must();
}

void net_count_drops(const struct net *net)
{
	struct dp_vnet_stats s = { 0 };

	stats_vnet(world.e, hash_map_find(world.e->vnet_map, &net->id), &s);
	for (unsigned i = 0; i < DP_DROP_COUNT; i++)
		world.drops[i] += s.drops[i];
}

void net_destroy(unsigned n)
{
	net_count_drops(&world.nets[n]);
	add_id(DP_VNET_DEL, world.nets[n].id);
	ask_must();
	world.nets[n] = (struct net){ 0 };
}

/* What a bridge's port has made of its frames, more than came in. */
int64_t port_copies(struct port *port)
{
	struct dp_port_stats s = { 0 };
	uint64_t out;

	stats_port(world.e, port, &s);
	out = s.wire_tx_packets;
	for (unsigned i = 0; i < DP_DROP_COUNT; i++)
		if (i != DP_DROP_LOSS && i != DP_DROP_LINK_FULL) /* these were sent */
			out += s.drops[i];
	return (int64_t)(out - s.wire_rx_packets);
}

int64_t net_copies(const struct net *net)
{
	int64_t copies = net->copies;

	for (unsigned k = 17; k <= 19; k++)
		if (net->there[k])
			copies += port_copies(net_port(net, k));
	return copies;
}

uint64_t net_duplicates(const struct net *net, uint64_t *on_wire)
{
	uint64_t duplicates = net->duplicates;

	*on_wire = 0;
	for (unsigned k = 1; k <= NET_PORTS; k++) {
		struct dp_port_stats s = { 0 };

		if (!net->there[k])
			continue;
		stats_port(world.e, net_port(net, k), &s);
		duplicates += s.duplicated;
		*on_wire += s.on_wire;
	}
	return duplicates;
}
