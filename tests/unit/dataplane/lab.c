/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/dataplane/lab.h"

#include "base/tape.h"
#include "dataplane/capture_priv.h"
#include "dataplane/eal_priv.h"
#include "dataplane/routes_priv.h"

#include <rte_ip.h>
#include <stdio.h>
#include <stdlib.h>

static void check(int rc, const struct err *err)
{
	if (rc) {
		fprintf(stderr, "lab: %s\n", err->text);
		abort();
	}
}

struct engine *lab_engine(void)
{
	static struct engine *e;
	struct eal_conf conf = { .memory_mib = 192, .no_huge = true };
	struct err err;
	bool huge;

	if (e)
		return e;
	check(eal_start(&conf, &huge, &err), &err);
	check(engine_create(1, ENGINE_BUFFERS, &e, &err), &err);
	return e;
}

static void lab_node(struct engine *e, uint32_t v, uint32_t id, uint32_t kind)
{
	struct dp_node node = { .id = id, .vnet = v, .kind = kind, .name = "node" };
	struct err err;

	check(node_set(e, &node, &err), &err);
}

static void lab_port_set(struct engine *e, uint32_t id, uint32_t node, uint32_t fib, bool backed)
{
	struct dp_port port = { .id = id, .node = node, .fib = fib, .mtu = 1500,
				.backing = backed ? DP_BACK_DGRAM : DP_BACK_NONE,
				.mac = { 2, 0, 0, 0, 0, (uint8_t)(id % 100) }, .name = "port" };
	struct err err;
	int fd = -1;

	check(port_set(e, &port, &fd, &err), &err);
}

static void lab_link(struct engine *e, uint32_t id, uint32_t a, uint32_t b)
{
	struct dp_link link = { .id = id, .port_a = a, .port_b = b };
	struct err err;

	check(link_set(e, &link, &err), &err);
}

void lab_route(struct engine *e, uint16_t op, struct dp_route route)
{
	static struct routes routes;
	unsigned done;
	struct err err;

	route.rec.op = op;
	routes_init(&routes);
	check(routes_add(e, &routes, &route, &err), &err);
	check(routes_apply(e, &routes, &done, &err), &err);
}

static void lab_route_set(struct engine *e, uint32_t fib, uint32_t nh, uint8_t family, uint8_t a,
			  uint8_t b, uint8_t len)
{
	struct dp_route route = { .fib = fib, .nh = nh, .family = family, .len = len,
				  .addr = { a, b } };

	lab_route(e, DP_ROUTE_SET, route);
}

static void lab_routes(struct engine *e, uint32_t b)
{
	struct {
		struct dp_nh nh;
		uint32_t members[4];
	} group = { .nh = { .node = b + 3, .id = 5, .kind = DP_NH_GROUP, .member_count = 4 },
		    .members = { 1, 1, 2, 1 } };
	struct dp_nh adj = { .node = b + 3, .id = 1, .kind = DP_NH_ADJ, .port = b + 4,
			     .mac = { LAB_HOST_MAC } };
	struct err err;

	check(nh_set(e, &adj, &err), &err);
	for (uint32_t kind = DP_NH_PUNT; kind <= DP_NH_DROP; kind++) {
		struct dp_nh nh = { .node = b + 3, .id = kind + 1, .kind = kind };

		check(nh_set(e, &nh, &err), &err);
	}
	check(nh_set(e, &group.nh, &err), &err);
	lab_route_set(e, b + 1, 1, 4, 10, 1, 16);
	lab_route_set(e, b + 1, 1, 6, 0xfd, 1, 32);
	lab_route_set(e, b + 1, 2, 4, 10, 2, 16);
	lab_route_set(e, b + 1, 3, 4, 10, 3, 16);
	lab_route_set(e, b + 1, 5, 4, 10, 4, 16);
}

void lab_build(struct engine *e)
{
	objects_clear(e);
	for (uint32_t v = 1; v <= 2; v++) {
		struct dp_vnet vnet = { .id = v, .name = "vnet" };
		struct dp_fib fib = { .id = v * 100 + 1, .node = v * 100 + 3, .max_routes = 1000 };
		uint32_t b = v * 100;
		struct err err;

		check(vnet_set(e, &vnet, &err), &err);
		lab_node(e, v, b + 1, DP_NODE_HOST);
		lab_node(e, v, b + 2, DP_NODE_HOST);
		lab_node(e, v, b + 3, DP_NODE_ROUTER);
		lab_node(e, v, b + 4, DP_NODE_BRIDGE);
		lab_node(e, v, b + 5, DP_NODE_HOST);
		check(vfib_set(e, &fib, &err), &err);
		lab_port_set(e, b + 1, b + 1, 0, true);
		lab_port_set(e, b + 2, b + 2, 0, true);
		lab_port_set(e, b + 3, b + 3, b + 1, true);
		lab_port_set(e, b + 4, b + 3, b + 1, true);
		lab_link(e, b + 1, b + 1, b + 3);
		lab_link(e, b + 2, b + 2, b + 4);
		for (uint32_t i = 5; i < 8; i++) {
			lab_port_set(e, b + i, b + 4, 0, false);
			lab_port_set(e, b + i + 3, b + 5, 0, true);
			lab_link(e, b + i, b + i, b + i + 3);
		}
		lab_routes(e, b);
	}
}

void lab_local(struct engine *e, uint32_t v, uint8_t family, const uint8_t *addr)
{
	struct dp_nh nh = { .node = v * 100 + 3, .id = 9, .kind = DP_NH_LOCAL };
	struct dp_route route = { .fib = v * 100 + 1, .nh = 9, .family = family,
				  .len = family == 6 ? 128 : 32 };
	struct err err;

	memcpy(route.addr, addr, family == 6 ? 16 : 4);
	check(nh_set(e, &nh, &err), &err);
	lab_route(e, DP_ROUTE_SET, route);
}

void lab_node_flags(struct engine *e, uint32_t v, uint32_t flags)
{
	struct dp_node node = { .id = v * 100 + 3, .vnet = v, .kind = DP_NODE_ROUTER,
				.flags = flags, .name = "node" };
	struct err err;

	check(node_set(e, &node, &err), &err);
}

struct port *lab_port(struct engine *e, uint32_t id)
{
	return hash_map_find(e->port_map, &id);
}

uint64_t lab_drops(struct engine *e, uint32_t id, enum dp_drop why)
{
	return lab_port(e, id)->local[0].count.drops[why];
}

struct rte_mbuf *lab_mbuf(struct engine *e, const void *frame, size_t len)
{
	struct rte_mbuf *m = rte_pktmbuf_alloc(len <= FRAME_SMALL ? e->small : e->jumbo);

	if (!m)
		abort();
	memcpy(rte_pktmbuf_append(m, (uint16_t)len), frame, len);
	return m;
}

void lab_fast(struct engine *e, uint32_t port, const void *frame, size_t len)
{
	fast_receive(&e->workers[0]->fast.rx, lab_mbuf(e, frame, len), lab_port(e, port));
	worker_burst(e->workers[0], true);
	worker_flush_relay(e->workers[0]);
}

static void lab_run(struct engine *e, enum graph_node node, uint32_t port, const void *frame,
		    size_t len)
{
	struct rte_mbuf *m = lab_mbuf(e, frame, len);

	pkt_enter(m, lab_port(e, port));
	graph_to(e->workers[0], node, m);
	worker_forward(e->workers[0], false);
	worker_flush_relay(e->workers[0]);
}

void lab_wire(struct engine *e, uint32_t port, const void *frame, size_t len)
{
	lab_run(e, GRAPH_WIRE_RX, port, frame, len);
}

void lab_backing(struct engine *e, uint32_t port, const void *frame, size_t len)
{
	lab_run(e, GRAPH_INJECT, port, frame, len);
}

size_t lab_take(struct engine *e, void *frame, size_t size, uint32_t *port)
{
	struct rte_mbuf *m;
	size_t len;

	if (rte_ring_dequeue(e->workers[0]->to_relay[LANE_CONTROL].ring, (void **)&m) < 0 &&
	    rte_ring_dequeue(e->workers[0]->to_relay[LANE_REST].ring, (void **)&m) < 0)
		return 0;
	len = m->pkt_len;
	if (m->nb_segs != 1 || rte_mbuf_refcnt_read(m) != 1)
		abort();
	memcpy(frame, rte_pktmbuf_mtod(m, void *), len < size ? len : size);
	if (port)
		*port = port_by_handle(e, pkt(m)->handle)->id;
	rte_pktmbuf_free(m);
	return len;
}

int lab_capture(struct engine *e, uint32_t id, uint32_t vnet, uint32_t channels)
{
	struct dp_capture rec = { .id = id, .vnet = vnet, .snap = 1000, .channels = channels };
	struct tape_shape shape = { .tracks = 3, .channels = channels,
				    .blocks = { DP_CAPTURE_BLOCKS, DP_CAPTURE_BLOCKS_OTHER,
						DP_CAPTURE_BLOCKS_OTHER } };
	int fd = tape_memory("lab", &shape);
	struct err err;

	check(capture_set(e, &rec, fd, &err), &err);
	return fd;
}

static uint8_t *lab_eth(uint8_t *frame, uint16_t type)
{
	static const uint8_t macs[12] = { LAB_ROUTER_MAC, 2, 0, 0, 0, 0, 1 };

	memcpy(frame, macs, 12);
	frame[12] = (uint8_t)(type >> 8);
	frame[13] = (uint8_t)type;
	return frame + 14;
}

size_t lab_ip4(uint8_t *frame, uint32_t dst, uint8_t ttl, uint16_t sport, size_t total)
{
	struct rte_ipv4_hdr ip = { .version_ihl = 0x45, .total_length = rte_cpu_to_be_16((uint16_t)total),
				   .time_to_live = ttl, .next_proto_id = 17,
				   .src_addr = RTE_BE32(0x0a000001),
				   .dst_addr = rte_cpu_to_be_32(dst) };
	uint8_t *to = lab_eth(frame, 0x0800);

	ip.hdr_checksum = rte_ipv4_cksum(&ip);
	memset(to, 0, total);
	memcpy(to, &ip, sizeof(ip));
	to[20] = (uint8_t)(sport >> 8);
	to[21] = (uint8_t)sport;
	return 14 + total;
}

size_t lab_ip6(uint8_t *frame, uint16_t dst_top, uint8_t hops, size_t payload)
{
	uint8_t *to = lab_eth(frame, 0x86dd);

	memset(to, 0, 40 + payload);
	to[0] = 0x60;
	to[4] = (uint8_t)(payload >> 8);
	to[5] = (uint8_t)payload;
	to[6] = 17;
	to[7] = hops;
	to[8] = 0xfd;
	to[23] = 1;
	to[24] = (uint8_t)(dst_top >> 8);
	to[25] = (uint8_t)dst_top;
	to[39] = 1;
	return 14 + 40 + payload;
}

/* RFC 8200 8.1, two bytes at a time. */
void lab_icmp6_sum(uint8_t *frame, size_t len)
{
	uint32_t sum = frame[20] + (uint32_t)(len - 54);

	frame[56] = frame[57] = 0;
	for (size_t i = 22; i < len; i += 2)
		sum += (uint32_t)frame[i] << 8 | (i + 1 < len ? frame[i + 1] : 0);
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	frame[56] = (uint8_t)(~sum >> 8);
	frame[57] = (uint8_t)~sum;
}

size_t lab_any(uint8_t *frame)
{
	uint8_t ttl = random() % 8 ? (uint8_t)random() : (uint8_t)(random() % 3);
	bool ip6 = random() % 2;
	size_t len = ip6 ? lab_ip6(frame, 0, ttl, (size_t)random() % 1440) :
			   lab_ip4(frame, 0x0a000000 | ((uint32_t)random() % 9) << 16 | 1, ttl,
				   (uint16_t)random(), 20 + (size_t)random() % 1440);
	size_t header = ip6 ? 54 : 34;

	if (ip6) {
		frame[38] = 0xfd;
		frame[39] = (uint8_t)(random() % 9);
	}
	switch (random() % 8) {
	case 0:
	case 1: /* something is not as it should be */
		frame[random() % (long)header] ^= (uint8_t)(1 << random() % 8);
		break;
	case 2: /* an address, the checksum right again */
		frame[(ip6 ? 22 : 26) + random() % 2 * (ip6 ? 16 : 4)] = (uint8_t)random();
		break;
	case 3: /* padding */
		memset(frame + len, 0, 20);
		len += (size_t)random() % 20;
		break;
	case 4:
		len -= (size_t)random() % 3;
		break;
	}
	if (!ip6 && random() % 2) {
		struct rte_ipv4_hdr *ip = (struct rte_ipv4_hdr *)(frame + 14);

		ip->hdr_checksum = 0;
		ip->hdr_checksum = rte_ipv4_cksum(ip);
	}
	return random() % 500 ? len : 14 + (size_t)random() % 30;
}

int lab_setup(void **state)
{
	*state = lab_engine();
	lab_build(*state);
	return 0;
}

int lab_teardown(void **state)
{
	objects_clear(*state);
	return 0;
}
