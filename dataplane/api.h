/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DATAPLANE_API_H
#define DATAPLANE_API_H

/*
 * The engine's API: what weftd says to weft-dp over a Unix SOCK_SEQPACKET socket.
 *
 * A request is one datagram: struct dp_request and then `count` records, each beginning with
 * struct dp_record. Records are applied in order; the first that fails stops the request, and
 * those before it stay applied. Each request gets one struct dp_reply (with the index of the
 * failing record and a sentence), followed, for the *_GET records, by their results. When results
 * do not fit one datagram more datagrams with the same seq follow; all but the last have
 * DP_REPLY_MORE set.
 *
 * Every *_SET is idempotent: it creates or changes, and setting what is already so does nothing.
 * All ids are chosen by weftd; 0 is never an id. Fields are in host byte order (both ends are on
 * one machine) except addresses and MACs, which are as on the wire. The engine trusts none of it:
 * lengths, ids, and that everything a record names belongs to one vnet are checked (rule 1).
 *
 * File descriptors (DP_PORT_SET) travel as SCM_RIGHTS with the datagram, in the order of the
 * records that have DP_PORT_HAS_FD.
 *
 * Death: the engine keeps forwarding when weftd's connection ends, and keeps its state for the
 * next weftd, which repeats the structure between DP_SYNC begin and end (what was not repeated
 * is deleted; descriptors that come in between are not read before the end), and each FIB's routes between DP_FIB_SYNC begin and end as each guest's dump
 * arrives. An engine that restarts is empty, and weftd sees that in struct dp_hello.
 */

#include <stdint.h>

#define DP_API_VERSION	    6u
#define DP_DATAGRAM_MAX	    65536u /* bytes of one request or reply */
#define DP_RECORDS_MAX	    4096u  /* records of one request */
#define DP_FDS_MAX	    64u	   /* descriptors of one request */
#define DP_NAME_MAX	    64u	   /* with the terminating 0 */
#define DP_PCI_MAX	    8	   /* devices that an engine is given when it starts (--pci) */
#define DP_NH_GROUP_MAX	    64u	   /* members of an ECMP group, weights expanded */

enum dp_op {
	DP_HELLO = 1,	/* struct dp_record alone -> struct dp_hello */
	DP_SYNC,	/* struct dp_sync: structure (vnets, nodes, ports, links) begin / end */
	DP_VNET_SET,	/* struct dp_vnet */
	DP_VNET_DEL,	/* struct dp_id: and everything in it */
	DP_NODE_SET,	/* struct dp_node */
	DP_NODE_DEL,	/* struct dp_id: and its ports and FIBs */
	DP_PORT_SET,	/* struct dp_port */
	DP_PORT_DEL,	/* struct dp_id: its link loses the end and with it carrier */
	DP_LINK_SET,	/* struct dp_link */
	DP_LINK_DEL,	/* struct dp_id */
	DP_FIB_SET,	/* struct dp_fib */
	DP_FIB_DEL,	/* struct dp_id */
	DP_FIB_SYNC,	/* struct dp_sync: routes and next hops of one FIB / node, see below */
	DP_NH_SET,	/* struct dp_nh */
	DP_NH_DEL,	/* struct dp_nh_id: refused while a route or group uses it */
	DP_ROUTE_SET,	/* struct dp_route */
	DP_ROUTE_DEL,	/* struct dp_route (nh ignored); a missing route is no error */
	DP_PORT_GET,	/* struct dp_id (0: all) -> struct dp_port_stats each */
	DP_VNET_GET,	/* struct dp_id (0: all) -> struct dp_vnet_stats each */
	DP_FIB_GET,	/* struct dp_id (0: all) -> struct dp_fib_stats each */
	DP_MEMORY_GET,	/* nothing -> struct dp_memory_stats */
	DP_CAPTURE_SET,	 /* struct dp_capture, with a descriptor: api_capture.h */
	DP_CAPTURE_PORT, /* struct dp_capture_port */
	DP_CAPTURE_DEL,	 /* struct dp_id */
	DP_IMPAIR_SET,	/* struct dp_impair: api_impair.h */
	DP_WORKER_GET,	/* nothing -> struct dp_worker_stats each */
	DP_TRACE,	/* struct dp_trace -> struct dp_hop each: api_trace.h */
	DP_ROUTE_GET,	/* struct dp_route_get -> struct dp_nh and struct dp_route, see there */
	DP_SNOOP_SET,	/* struct dp_snoop, with a descriptor: api_snoop.h */
	DP_SNOOP_FORGET, /* struct dp_id: a port, which may be gone: api_snoop.h */
};

/* Requests may be sent before those before them are answered; they are dealt with in order. This
 * one only if the one before it on the connection was done as a whole: else its reply is -ECANCELED,
 * nothing of it is done, and it counts as not done for the next. */
#define DP_REQUEST_NEXT 1u

struct dp_request {
	uint32_t seq; /* echoed in the reply */
	uint16_t count;
	uint16_t flags;
};

struct dp_record {
	uint16_t op;
	uint16_t len; /* bytes of this record, this header included; a multiple of 8 */
	uint32_t pad; /* zero */
};

#define DP_REPLY_MORE 1u

struct dp_reply {
	uint32_t seq;
	int32_t status; /* 0 or -errno */
	uint32_t index; /* the record that failed */
	uint32_t flags;
	uint32_t results; /* records behind this header */
	char error[252]; /* the sentence, terminated */
};

struct dp_hello {
	struct dp_record rec;
	uint32_t version; /* DP_API_VERSION */
	uint32_t pid;
	uint64_t boot_id;    /* random per start of the engine */
	uint32_t has_state;  /* 0: nothing has been programmed since the start */
	uint32_t hugepages;  /* 1: runs on huge pages */
	uint32_t workers;    /* threads that forward: the cores that vnets share */
	uint32_t pad;
};

struct dp_id {
	struct dp_record rec;
	uint32_t id;
	uint32_t pad;
};

/* DP_SYNC: id unused. DP_FIB_SYNC: id is a node; covers the routes of all its FIBs and its next
 * hops. `end` deletes what was there at `begin` and has not been set since. */
struct dp_sync {
	struct dp_record rec;
	uint32_t id;
	uint32_t end; /* 0 begin, 1 end */
};

#define DP_WEIGHT_MAX	  1000u
#define DP_WEIGHT_DEFAULT 100u

struct dp_vnet {
	struct dp_record rec;
	uint32_t id;
	uint32_t weight; /* share of cores and shared ports, 1..DP_WEIGHT_MAX; 0: the default */
	/* Of the workers' time that it always gets, in 1/1000 of a core. That all of them together
	 * fit the workers is weftd's duty, also when there are fewer workers than before. */
	uint32_t guarantee;
	uint32_t pad;
	char name[DP_NAME_MAX];
};

enum dp_node_kind { DP_NODE_ROUTER = 1, DP_NODE_HOST, DP_NODE_BRIDGE, DP_NODE_PHYSICAL };

#define DP_NODE_PUNT_IP4 1u /* fidelity: punt all transit IPv4, the guest forwards it */
#define DP_NODE_PUNT_IP6 2u
#define DP_NODE_KEEP	 4u /* leave the flags above as they are if the node exists */
#define DP_NODE_ASLEEP	 8u /* the guest is paused or saved: the engine answers ARP and ND for the
			       addresses that its FIBs hold as DP_NH_LOCAL; not kept by DP_NODE_KEEP */

struct dp_node {
	struct dp_record rec;
	uint32_t id;
	uint32_t vnet;
	uint32_t kind; /* enum dp_node_kind */
	uint32_t flags;
	char name[DP_NAME_MAX];
};

enum dp_backing {
	DP_BACK_NONE,  /* bridge ports; routers whose guest is not there yet */
	DP_BACK_DGRAM, /* connected AF_UNIX datagram socket, one Ethernet frame a datagram */
	DP_BACK_TAP,   /* tap(4) descriptor, IFF_NO_PI. With IFF_VNET_HDR, its header of 10 bytes, the
			  engine takes segmentation and checksums from the host: TUNSETOFFLOAD is its */
	DP_BACK_DEV,   /* DPDK device: devargs in `dev`, VLAN in `vlan` (0: untagged, whole) */
};

#define DP_PORT_HAS_FD	 1u /* a descriptor travels with the record, replaces the former one */
#define DP_PORT_NO_IP4	 2u /* guest does not forward IPv4 received here: punt it */
#define DP_PORT_NO_IP6	 4u
#define DP_PORT_DOWN	 8u /* administratively down: nothing in, nothing out */
#define DP_PORT_KEEP	 16u /* leave fib, NO_IP4, NO_IP6 and DOWN as they are if the port exists */

/*
 * A port has a wire side (its link) and a backing (what is behind it: a router's guest, a host's
 * tap, a device). Frames from the wire: a router forwards or punts to the backing; host and
 * physical hand them to the backing; a bridge switches them. Frames from the backing go out on
 * the wire (a router's are checked for the source MAC first). For DP_BACK_DEV several ports may
 * name the same devargs with different VLANs; the device is opened once. A dev beginning with
 * "net_vhost" serves a guest's virtio-net by vhost-user and may back a router's or host's port.
 */
struct dp_port {
	struct dp_record rec;
	uint32_t id;
	uint32_t node;
	uint32_t backing; /* enum dp_backing */
	uint32_t flags;
	uint32_t fib;	  /* FIB for packets received on a router's port; 0: punt everything, and
			   * what the guest sends may have any source MAC */
	uint16_t mtu;	  /* bytes of L3; 68..9216 */
	uint16_t vlan;	  /* 0..4094 */
	uint8_t mac[6];
	uint16_t pad;
	char name[DP_NAME_MAX];
	char dev[128];
	/* DP_BACK_DEV; bits a second of frames with 24 bytes more each (preamble, check sequence,
	 * gap). A device whose rate is known is shared by the vnets that have ports on it: each has
	 * the sum of its ports' guarantees, the rest is shared by weight, up to the sum of its
	 * ports' ceilings. Refused with ENOSPC when the guarantees exceed the rate. */
	uint64_t rate;	    /* of the device; 0: as said before, or as fast as it takes them */
	uint64_t guarantee; /* 0: none */
	uint64_t ceiling;   /* 0: none */
};

#define DP_LINK_DOWN 1u

struct dp_link {
	struct dp_record rec;
	uint32_t id;
	uint32_t port_a;
	uint32_t port_b; /* both of one vnet, neither in another link */
	uint32_t flags;
};

struct dp_fib {
	struct dp_record rec;
	uint32_t id;
	uint32_t node;
	uint32_t table;	     /* the guest's table id, for people */
	uint32_t max_routes; /* 0: the engine's default */
};

enum dp_nh_kind {
	DP_NH_PUNT = 1, /* glean, anything the engine cannot represent */
	DP_NH_DROP,	/* blackhole */
	DP_NH_ADJ,	/* out by `port` to `mac` */
	DP_NH_GROUP,	/* ECMP over `members` (ids of DP_NH_ADJ or DP_NH_PUNT), by flow hash */
	DP_NH_LOCAL,	/* an address of the router itself: punt, or see DP_NODE_ASLEEP */
};

/* Next-hop ids are scoped to their node. */
struct dp_nh_id {
	struct dp_record rec;
	uint32_t node;
	uint32_t id;
};

struct dp_nh {
	struct dp_record rec;
	uint32_t node;
	uint32_t id;
	uint32_t kind; /* enum dp_nh_kind */
	uint32_t port;
	uint8_t mac[6];
	uint16_t member_count;
	uint32_t members[]; /* padded to a multiple of 8 bytes */
};

/*
 * Packets to fe80::/10 are punted without a lookup. A router's own address in there is that of one
 * port, and several ports may have the same: its route, DP_NH_LOCAL of length 128, has the port's
 * id in bytes 4 to 7 of the address, which are zero otherwise (RFC 4291 2.5.6), in network order.
 */
struct dp_route {
	struct dp_record rec;
	uint32_t fib;
	uint32_t nh;	 /* id within the FIB's node */
	uint8_t family;	 /* 4 or 6 */
	uint8_t len;	 /* prefix length */
	uint8_t pad[6];
	uint8_t addr[16]; /* IPv4 in the first 4 bytes; host bits zero */
};

/*
 * What a FIB holds, page by page: routes as struct dp_route, in an order of the engine's own, and
 * before each the next hop that it leads to and its members, if these have not been told in this
 * answer, as struct dp_nh. The next page is what is behind the last route, whether that is still
 * there or not. Fewer than `most`: that was all of the family; also of a FIB that is not there.
 */
#define DP_ROUTES_GET_MAX 1024u

struct dp_route_get {
	struct dp_record rec;
	uint32_t fib;
	uint32_t most;	 /* 1..DP_ROUTES_GET_MAX */
	uint8_t family;	 /* 4 or 6 */
	uint8_t after;	 /* 1: those behind the prefix below; 0: the first ones */
	uint8_t len;
	uint8_t pad[5];
	uint8_t addr[16];
};

/*
 * Why a packet ended here. Counted per port (the port it was received on; of what a link does, the
 * port that has sent it) and summed per vnet.
 * X(enumerator, name in CLI and metrics, what it means)
 */
#define DP_DROPS(X)                                                                              \
	X(LINK_DOWN, "link_down", "sent to a link that is down or has no other end")             \
	X(PORT_DOWN, "port_down", "port administratively down")                                  \
	X(NO_BACKING, "no_backing", "nothing behind the port: guest or device not there")        \
	X(BACKING_FULL, "backing_full", "guest, host or device did not take the frame in time")  \
	X(RUNT, "runt", "shorter than its headers say")                                          \
	X(GIANT, "giant", "longer than the port's MTU")                                          \
	X(SOURCE_MAC, "source_mac", "sent by a guest with a source MAC not the port's")          \
	X(IP4_HEADER, "ip4_header", "IPv4 version, length or checksum wrong (RFC 1812 5.2.2)")   \
	X(IP6_HEADER, "ip6_header", "IPv6 version or length wrong")                              \
	X(BLACKHOLE, "blackhole", "route says so")                                               \
	X(POLICED, "policed", "punt over its class's rate")                                      \
	X(BRIDGE_LOOP, "bridge_loop", "crossed too many bridges")                                \
	X(BRIDGE_SAME, "bridge_same", "destination is on the port it came from")                 \
	X(NO_MEMORY, "no_memory", "no packet buffer")                                            \
	X(ISOLATION, "isolation", "would have left its vnet (must stay zero)")                   \
	X(ASLEEP, "asleep", "the guest is paused or hibernated")                                 \
	X(QUEUE_FULL, "queue_full", "its vnet's part of the device's queue is full")             \
	X(QUEUE_DELAY, "queue_delay", "waited too long in the device's queue (RFC 8289)")        \
	X(SHARE, "share", "its vnet is over its share of the engine's cores")                    \
	X(VLAN, "vlan", "tagged, by a port that has the untagged part of a shared device")       \
	X(OFFLOAD, "offload", "a host asks for segments or a checksum that its frame has not")   \
	X(LOSS, "loss", "lost by its link, as that is to, or as it went down with the frame")    \
	X(LINK_FULL, "link_full", "too many wait for its link's rate, or are under way in its vnet")

enum dp_drop {
#define DP_DROP_ENUM(id, name, what) DP_DROP_##id,
	DP_DROPS(DP_DROP_ENUM)
#undef DP_DROP_ENUM
		DP_DROP_COUNT
};

/*
 * What a guest is asked to look at comes in classes, by what a frame is; only then by why it is
 * punted. X(enumerator, name in CLI and metrics, what it is)
 */
#define DP_PUNTS(X)                                                               \
	X(CONTROL, "control", "routing protocols, BFD, LLC, LLDP")                \
	X(NEIGHBOUR, "neighbour", "ARP, ND, router discovery, MLD, IGMP")         \
	X(LOCAL, "local", "what else is for the guest, or it forwards by choice") \
	X(EXCEPTION, "exception", "transit the engine does not finish: TTL, MTU, options, no route")

enum dp_punt {
#define DP_PUNT_ENUM(id, name, what) DP_PUNT_##id,
	DP_PUNTS(DP_PUNT_ENUM)
#undef DP_PUNT_ENUM
		DP_PUNT_COUNT
};

enum { DP_DELAY_P50, DP_DELAY_P99, DP_DELAY_P999, DP_DELAY_COUNT };

#define DP_PORT_CARRIER 1u /* link up, both ends present and up */
#define DP_PORT_BACKED	2u /* backing present and answering */
#define DP_PORT_SHARED	4u /* by a device that vnets share: queued, marked and delay_ns are set */

struct dp_port_stats {
	struct dp_record rec;
	uint32_t id;
	uint32_t vnet;
	uint32_t node;
	uint32_t state; /* DP_PORT_CARRIER | DP_PORT_BACKED | DP_PORT_SHARED */
	uint64_t wire_rx_packets, wire_rx_bytes; /* from the link */
	uint64_t wire_tx_packets, wire_tx_bytes; /* to the link */
	uint64_t forwarded;			 /* transit packets received here and sent on */
	uint64_t punted, injected;		 /* to and from the guest (or host, device) */
	uint64_t drops[DP_DROP_COUNT];
	/* Of its vnet on its device, where that is shared: */
	uint32_t queued;		   /* packets */
	uint32_t on_wire;		   /* of any port: frames that it has sent and its link has still */
	uint64_t marked;		   /* with CE in place of a drop (RFC 3168) */
	uint64_t delay_ns[DP_DELAY_COUNT]; /* that 50, 99 and 99.9 % of the packets stayed below */
	/* Of the frames that it has sent, by its link: */
	uint64_t corrupted, duplicated, reordered;
};

struct dp_vnet_stats {
	struct dp_record rec;
	uint32_t id;
	uint32_t pad;
	uint64_t forwarded, punted, injected;
	uint64_t drops[DP_DROP_COUNT];
	uint64_t punts[DP_PUNT_COUNT];	/* that its policers let pass, by class */
	uint64_t policed[DP_PUNT_COUNT]; /* and did not */
	uint64_t cpu_ns; /* that workers have spent on its packets */
	uint64_t held; /* times a guest's frames had to wait: its vnet injected over its rate */
};

struct dp_fib_stats {
	struct dp_record rec;
	uint32_t id;
	uint32_t node;
	uint32_t routes4, routes6;
	uint64_t bytes;  /* that it would take if it shared nothing */
	uint64_t lookup; /* of them, what packets look at; each part once */
	uint64_t shared; /* of that, what other FIBs have too */
};

/* What the engine itself has in use. Without traffic and objects it is what it was at the start,
 * but for what the C library and DPDK keep for later. */
struct dp_memory_stats {
	struct dp_record rec;
	uint64_t buffers, buffers_used; /* for packets, of 2 KiB; with packets in them */
	uint64_t jumbos, jumbos_used;	/* of 9 KiB */
	uint64_t packet_memory;		/* bytes of DPDK's in use: pools, rings, devices */
	uint64_t heap;			/* bytes of the C library's in use */
	uint64_t fibs;			/* bytes of tables, each shared part once */
};

/* A thread that forwards. */
struct dp_worker_stats {
	struct dp_record rec;
	uint32_t index;
	uint32_t limiting;	   /* 1: vnets are held to their shares now */
	uint64_t busy_ns;	   /* of rounds that had something to do, since the engine's start */
	uint64_t packets;	   /* received */
	uint32_t from_relay;	   /* frames in its rings: read from guests and hosts, */
	uint32_t to_relay_control; /* for guests' routing protocols, */
	uint32_t to_relay;	   /* and others for guests and hosts */
	uint32_t pad;
};

#include "dataplane/api_capture.h"
#include "dataplane/api_impair.h"
#include "dataplane/api_snoop.h"
#include "dataplane/api_trace.h"

#endif
