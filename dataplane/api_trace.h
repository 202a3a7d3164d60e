/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DATAPLANE_API_TRACE_H
#define DATAPLANE_API_TRACE_H

/* The records of DP_TRACE (api.h). */

#include "dataplane/api.h"

/* Where a packet would go from a port: one that a router or bridge receives from its link, that a host
 * or device sends. No packet is sent. A port that is not there gives no hops. */
struct dp_trace {
	struct dp_record rec;
	uint32_t port;
	uint8_t family; /* 4 or 6 */
	uint8_t proto;	/* of the IP header */
	uint8_t ttl;
	uint8_t pad;
	uint16_t sport, dport; /* of TCP and UDP */
	uint32_t pad2;
	uint8_t src[16], dst[16]; /* IPv4 in the first 4 bytes */
};

/* How its way ends. X(enumerator, name in CLI and JSON, what it means) */
#define DP_ENDS(X)                                                                          \
	X(NONE, "forwarded", "goes on by `out`")                                             \
	X(DELIVERED, "delivered", "given to the host or device")                             \
	X(LOCAL, "local", "an address of the router's own: its guest gets it")               \
	X(PUNT, "punt", "the route leads to the guest: no neighbour yet, or nothing the engine can do") \
	X(NO_ROUTE, "no_route", "no route has this address: the guest gets it")              \
	X(GUEST, "guest", "the guest forwards here: by choice, or it was sent to another MAC") \
	X(SPECIAL, "special", "an address that no router forwards: the guest gets it")       \
	X(EXPIRED, "expired", "its TTL is used up: the guest gets it")                       \
	X(FLOOD, "flood", "the bridge does not know the MAC it is sent to")                  \
	X(DROP, "drop", "dropped, for the reason of `drop`")

enum dp_end {
#define DP_END_ENUM(id, name, what) DP_END_##id,
	DP_ENDS(DP_END_ENUM)
#undef DP_END_ENUM
		DP_END_COUNT
};

struct dp_hop {
	struct dp_record rec;
	uint32_t node;
	uint32_t port;	/* it came by; 0: it begins here */
	uint32_t out;	/* it leaves by; 0: it does not */
	uint32_t end;	/* enum dp_end */
	uint32_t drop;	/* enum dp_drop */
	uint32_t fib;	/* that was looked at; 0: none */
	uint32_t route; /* enum dp_nh_kind of the route; 0: none */
	uint32_t kind;	/* of a group's member that its flow takes; else as route */
	uint16_t members, member; /* of a group: how many, and which, from 0 */
	uint8_t prefix_len;
	uint8_t ttl; /* as it came */
	uint8_t mac[6]; /* of the adjacency */
	uint8_t prefix[16];
	/* At its end, of the device's queue, where vnets share it: */
	uint32_t shared; /* 1: they do */
	uint32_t queued; /* packets of its vnet */
	uint32_t family; /* 4 or 6, as asked */
	uint64_t delay_ns; /* that 99 % of its packets stayed below */
};

#endif
