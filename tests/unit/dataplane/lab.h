/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TESTS_UNIT_DATAPLANE_LAB_H
#define TESTS_UNIT_DATAPLANE_LAB_H

/* An engine without threads: frames go through the graph when a test says so. */

#include "dataplane/engine_priv.h"
#include "dataplane/graph_priv.h"
#include "dataplane/objects_priv.h"

/*
 * Two vnets, v = 1 and 2, alike but for their ids (100 * v + ...):
 *   node +1 host, port +1 --- port +3 \ node +3 router, FIB +1 / port +4 --- port +2, node +2 host
 *   node +4 bridge, ports +5, +6, +7 --- ports +8, +9, +10 of host +5
 * Routes: 10.1/16 and fd01::/32 by +4, 10.2/16 local, 10.3/16 blackhole, 10.4/16 a group that
 * weighs +4 and itself 3:1 (next hops 1 and 2).
 */
struct engine *lab_engine(void); /* the one of this process; empty */
void lab_build(struct engine *e);

#define LAB_ROUTER_MAC 0x02, 0, 0, 0, 0, 3
#define LAB_OUT_MAC    0x02, 0, 0, 0, 0, 4
#define LAB_HOST_MAC   0x02, 0, 0, 0, 0, 2

struct port *lab_port(struct engine *e, uint32_t id);
uint64_t lab_drops(struct engine *e, uint32_t id, enum dp_drop why);

/* A frame arrives on a port from its wire, or from its backing, and runs to its end. */
void lab_wire(struct engine *e, uint32_t port, const void *frame, size_t len);
void lab_backing(struct engine *e, uint32_t port, const void *frame, size_t len);

/* A frame in a buffer of the engine. */
struct rte_mbuf *lab_mbuf(struct engine *e, const void *frame, size_t len);

/* The same as lab_backing() by the way that bursts of devices and hosts take. */
void lab_fast(struct engine *e, uint32_t port, const void *frame, size_t len);

/* What was handed to a backing: copies the frame, returns its length and the port's id. 0: none. */
size_t lab_take(struct engine *e, void *frame, size_t size, uint32_t *port);

/* DP_ROUTE_SET or DP_ROUTE_DEL, which must succeed. */
void lab_route(struct engine *e, uint16_t op, struct dp_route route);

/* An address of the router's own; link-local: bytes 4 to 7 are the port's id. And its sleep. */
void lab_local(struct engine *e, uint32_t v, uint8_t family, const uint8_t *addr);
void lab_node_flags(struct engine *e, uint32_t v, uint32_t flags);

size_t lab_ip4(uint8_t *frame, uint32_t dst, uint8_t ttl, uint16_t sport, size_t total);
/* Puts the right checksum into a frame of IPv6 and ICMPv6, 58 bytes or more. */
void lab_icmp6_sum(uint8_t *frame, size_t len);
size_t lab_ip6(uint8_t *frame, uint16_t dst_top, uint8_t hops, size_t payload);

/* Something that a router may or may not forward, by random(): to 10.0/16 to 10.8/16, fd00::/32 to
 * fd08::/32 or elsewhere, up to 1500 bytes. */
size_t lab_any(uint8_t *frame);

/* Capture id, of a vnet, with so many channels; ports are added with capture_port(). The descriptor
 * of its tape. */
int lab_capture(struct engine *e, uint32_t id, uint32_t vnet, uint32_t channels);

/* Of a test that has the engine with these objects as its state. */
int lab_setup(void **state);
int lab_teardown(void **state);

#endif
