/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DATAPLANE_DP_PRIV_H
#define DATAPLANE_DP_PRIV_H

/*
 * What the engine is made of. The control thread owns every object here and is the only one that
 * creates, changes and frees them; workers and the relay thread read them under RCU. A field that
 * a reader looks at is one word, written with WR() and read with RD(); a pointer that leaves is
 * freed only after all readers were quiescent (engine_defer).
 */

#include "base/err.h"
#include "base/hash.h"
#include "dataplane/api.h"
#include "dataplane/policer_priv.h"
#include "dataplane/slab_priv.h"
#include "fib/fib.h"

#include <assert.h>
#include <rte_mbuf.h>
#include <rte_rcu_qsbr.h>
#include <rte_ring.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
	WORKERS_MAX = 8,
	COUNTERS_RELAY = WORKERS_MAX, /* who counts: a worker, the relay thread, control */
	COUNTERS_CONTROL,
	COUNTERS_MAX,

	BURST = 64,
	PORTS_MAX = 65535, /* slot 0 is nobody */
	VNETS_MAX = 32767, /* the same */
	NHS_MAX = 4 << 20,
	NODE_NHS_MAX = 65536,
	NODE_FIBS_MAX = 256,
	FIB_ROUTES_DEFAULT = 1 << 20,
	DEVICES_MAX = 32, /* RTE_MAX_ETHPORTS of the distribution's DPDK */

	FRAME_SMALL = 2048, /* data room of the common packet buffer */
	FRAME_MAX = 9216 + 14 + 8,
	FRAME_SUPER = UINT16_MAX, /* of a host that leaves segmentation to us (offload_priv.h) */
};

#define RD(x)	 __atomic_load_n(&(x), __ATOMIC_ACQUIRE)
#define WR(x, v) __atomic_store_n(&(x), (v), __ATOMIC_RELEASE)

struct engine;
struct capture;
struct captured;
struct device;
struct relay_port;
struct snoop;

struct counters {
	uint64_t wire_rx_packets, wire_rx_bytes;
	uint64_t wire_tx_packets, wire_tx_bytes;
	uint64_t forwarded, punted, injected;
	uint64_t drops[DP_DROP_COUNT];
};

/* What one thread writes of a port; lines of its own. */
struct port_local {
	struct counters count;
	struct policer punt;
	uint64_t corrupted, duplicated, reordered; /* by its link, of what it sent */
	uint32_t on_wire; /* frames that it sent and this worker holds for its link */
} __rte_cache_aligned;

/* What one thread writes of a vnet; lines of its own. */
struct vnet_local {
	struct policer punt; /* over all its ports */
	uint64_t sources[POLICER_SOURCES]; /* rates of who asks for addresses */
	uint64_t punts[DP_PUNT_COUNT], policed[DP_PUNT_COUNT];
	uint64_t inject_due, held; /* the relay thread's */
	uint32_t queued;	   /* at its descriptors, less what others freed: add all threads' */
	uint64_t cycles;	   /* of the TSC, that a worker has spent on it */
	uint32_t work;		   /* in this burst: see worker_work() */
	uint32_t packets;	   /* in this burst, that passed */
	uint64_t gone;		   /* frames that waited in a queue when their port was deleted */
	uint32_t on_wire;	   /* under way on its links, in units of a buffer of 2 KiB */
} __rte_cache_aligned;

struct vnet {
	uint32_t id, epoch;
	uint32_t slot;		 /* in the workers' shares */
	uint32_t handle;	 /* slot | generation << 16: names the vnet across rings */
	uint32_t weight;	 /* 1..DP_WEIGHT_MAX */
	uint32_t guarantee;	 /* 1/1000 of a core */
	struct counters retired; /* of ports that are gone */
	char name[DP_NAME_MAX];

	struct vnet_local local[COUNTERS_MAX];
} __rte_cache_aligned;

struct port;
struct port_list {
	uint32_t count;
	struct port *ports[];
};

struct bridge_table;
struct impair;

struct vnode {
	uint32_t id, epoch, kind, flags;
	uint32_t fib_count;
	uint32_t sync_epoch; /* of DP_FIB_SYNC; stamps next hops */
	bool syncing;
	struct vnet *vnet;
	struct port_list *ports;     /* bridges only; RCU */
	struct bridge_table *bridge; /* bridges only */
	struct hash_map *nhs;	     /* id -> struct nh_entry */
	struct snoop *snoop;	     /* who hears of its guest's neighbours; NULL: nobody ever. RCU */
	char name[DP_NAME_MAX];
};

/* Two ways through the relay: what guests' routing protocols say to each other goes first. */
enum relay_lane { LANE_CONTROL, LANE_REST, LANES };

enum { PORT_DOWN = 1, PORT_PUNT4 = 2, PORT_PUNT6 = 4, PORT_ASLEEP = 8, PORT_CAPTURED = 16 };

struct port {
	uint32_t handle; /* slot | generation << 16: names the port across rings */
	uint32_t mode;	 /* PORT_* */
	uint32_t kind;	 /* enum dp_node_kind of its node */
	uint32_t backing;
	uint32_t mtu, vlan;
	uint64_t mac;	   /* as loaded from the wire, in the low 48 bits */
	struct fib *fib;   /* NULL: punt everything */
	struct port *peer; /* where the wire leads at once; NULL unless link, this and that end are up,
			      and while the graph takes its time over it: port_far() */
	struct device *dev;
	struct vnet *vnet;
	/* So far what each packet looks at, one line. */
	struct vnode *node;
	uint32_t egress;    /* index of its vnet in the device's schedulers */
	uint32_t offloads;  /* its tap takes packets with PKT_OFFLOAD */
	uint64_t hash_seed; /* of ECMP: another one in each router, or choices repeat downstream */
	struct port *far;   /* where the wire leads, at once or not */
	struct captured *captured; /* by what; NULL: nothing. RCU */
	struct impair *impair; /* what the link does on the way; NULL: nothing. RCU */

	/* The control thread's own. */
	uint32_t id, epoch, flags, fib_id;
	uint64_t guarantee, ceiling; /* of its device, bits a second */
	struct link *link;
	struct relay_port *relay;
	char name[DP_NAME_MAX];

	struct port_local local[COUNTERS_MAX];
} __rte_cache_aligned;

static_assert(offsetof(struct port, vnet) + sizeof(void *) <= RTE_CACHE_LINE_SIZE,
	      "what each packet looks at");
static_assert(offsetof(struct counters, drops) <= RTE_CACHE_LINE_SIZE, "and what it counts");
static_assert(PORTS_MAX <= UINT16_MAX, "a slot is 16 bits of an adjacency");

struct link {
	uint32_t id, epoch, flags;
	struct vnet *vnet;
	struct port *end[2];
};

struct vfib {
	uint32_t id, table;
	struct vnode *node;
	struct fib *fib;
};

/* What readers see of a next hop: never changes, is replaced. */
struct nh {
	struct port *port;	/* of an adjacency; NULL: none, or gone */
	uint64_t mac;		/* of it, as in struct port */
	uint32_t kind, count;	/* count: members */
	uint32_t members[];	/* slots in engine.nhs */
};

/* What the fast path sees of an adjacency: its port's slot and, above it, its MAC, in one word.
 * 0: it is none, or its port is gone. */
typedef uint64_t adjacency;

static inline uint32_t adjacency_slot(adjacency adj)
{
	return adj & 0xffff;
}

static inline uint64_t adjacency_mac(adjacency adj)
{
	return adj >> 16;
}

/* What the control thread knows of it. */
struct nh_entry {
	uint32_t id, slot, epoch;
	uint32_t refs;	     /* routes and groups that use it */
	uint32_t group_refs; /* of these, groups */
	uint32_t told;	     /* the answer that it was told in last: engine.answer */
	struct nh *nh;	     /* == engine.nhs[slot] */
};

/* Numbers that come back: a stack of the returned ones. */
struct slots {
	uint32_t *free, free_count, free_cap, next, max;
};

struct garbage {
	void (*fn)(struct engine *e, void *arg);
	void *arg;
};

struct worker;
struct relay;

struct engine {
	struct rte_rcu_qsbr *qsbr; /* thread ids: workers, then COUNTERS_RELAY */
	struct fib_arena *fibs;    /* of all vnets: what they have in common is there once */
	struct rte_mempool *small, *jumbo, *super;
	struct port **ports; /* by slot; RCU */
	struct vnet **vnets; /* by slot; RCU */
	struct nh **nhs;     /* by slot; RCU */
	adjacency *adjs;     /* by slot + 1, so that FIB_MISS, too, has one: always 0 */
	struct worker *workers[WORKERS_MAX];
	unsigned worker_count;
	struct relay *relay;
	struct device *devices[DEVICES_MAX];

	/* The control thread's own. */
	uint64_t xdp_closed_ms; /* when a device by net_af_xdp was; 0: never */
	struct slots vnet_slots, port_slots, nh_slots;
	struct slab vnet_slab, port_slab;
	struct nh_entry **nh_entries; /* by slot */
	uint16_t *port_gens, *vnet_gens;
	struct hash_map *vnet_map, *node_map, *port_map, *link_map, *fib_map; /* by id */
	struct capture *captures[DP_CAPTURES_MAX];
	struct capture_clock {
		uint64_t tsc, ns; /* at the same moment */
	} born; /* when the engine began; ns of CLOCK_MONOTONIC */
	struct garbage *garbage;
	unsigned garbage_count, garbage_cap;
	uint32_t epoch;
	bool syncing;
	bool has_state, hugepages, busy_poll;
	uint32_t answer;     /* to DP_ROUTE_GET, numbered */
	bool request_failed; /* the client's last: for DP_REQUEST_NEXT */
	uint64_t boot_id;
	uint32_t relay_freed; /* buffers of ports that went; the relay thread reads it */
};

/* In the private area behind each mbuf. `port` is good inside one graph run only; across rings a
 * packet carries the handle. */
struct pkt {
	struct rte_mbuf *next; /* in a graph queue or a relay queue */
	struct port *port;     /* received on: its counters are charged */
	struct port *out;
	const struct nh *nh;
	uint32_t handle, vnet_handle; /* in rings and schedulers, where ports may go meanwhile */
	uint16_t copies; /* that floods may still make of it */
	uint8_t bridges; /* crossed since the last router */
	uint8_t reason;	 /* why it is punted: enum punt_reason */
	uint8_t class;	 /* what is punted: enum dp_punt */
	uint8_t transit; /* a router forwarded it */

	/* With PKT_OFFLOAD: what a host has left to its device (offload_priv.h). */
	uint8_t gso_type;    /* VIRTIO_NET_HDR_GSO_*; NONE: a checksum alone */
	uint16_t segs;	     /* frames that it stands for; 1: a checksum alone */
	uint16_t gso_size;   /* payload of each but the last */
	uint16_t headers;    /* what each begins with */
	uint16_t csum_start, csum_offset;
};

/* In an mbuf's ol_flags, where nothing else is once a device's frames are in the engine. */
#define PKT_OFFLOAD RTE_MBUF_F_TX_TCP_SEG


enum { PKT_PRIV = 64, PKT_COPIES = 4096, PKT_BRIDGES = 8 };
static_assert(sizeof(struct pkt) <= PKT_PRIV, "the mbuf's private area is one cache line");

static inline struct pkt *pkt(struct rte_mbuf *m)
{
	return rte_mbuf_to_priv(m);
}

/* What a packet is on a wire: frames, their bytes, and the longest of them. */
static inline uint32_t pkt_frames(struct rte_mbuf *m)
{
	return likely(!m->ol_flags) ? 1 : pkt(m)->segs;
}

static inline uint32_t pkt_bytes(struct rte_mbuf *m)
{
	return likely(!m->ol_flags) ? m->pkt_len :
				      m->pkt_len + (pkt(m)->segs - 1u) * pkt(m)->headers;
}

static inline uint32_t pkt_longest(struct rte_mbuf *m)
{
	return likely(pkt_frames(m) == 1) ? m->pkt_len :
					    (uint32_t)pkt(m)->headers + pkt(m)->gso_size;
}

/* A packet that has just entered the engine by port. */
static inline void pkt_enter(struct rte_mbuf *m, struct port *port)
{
	struct pkt *p = pkt(m);

	p->port = port;
	p->copies = PKT_COPIES;
	p->bridges = 0;
	p->transit = 0;
}

/* In two loads: through a copy on the stack it would wait for the stores. */
static inline uint64_t mac_load(const uint8_t mac[6])
{
	uint32_t low;
	uint16_t high;

	memcpy(&low, mac, sizeof(low));
	memcpy(&high, mac + 4, sizeof(high));
	return low | (uint64_t)high << 32;
}

/* The other end of a wire that has carrier, else NULL. */
static inline struct port *port_far(const struct port *port)
{
	struct port *peer = RD(port->peer);

	return likely(peer != NULL) ? peer : RD(port->far);
}

static inline struct port *port_by_handle(struct engine *e, uint32_t handle)
{
	struct port *port = RD(e->ports[handle & 0xffff]);

	return port && port->handle == handle ? port : NULL;
}

/* Before it goes where its port may not outlive it. */
static inline void pkt_name(struct rte_mbuf *m, const struct port *port)
{
	pkt(m)->handle = port->handle;
	pkt(m)->vnet_handle = port->vnet->handle;
}

/* Its port is no more: its vnet counts it, if there is one. who: the thread's counters. */
static inline void pkt_gone(struct engine *e, struct rte_mbuf *m, unsigned who)
{
	uint32_t handle = pkt(m)->vnet_handle;
	struct vnet *vnet = RD(e->vnets[handle & 0xffff]);

	if (vnet && vnet->handle == handle)
		vnet->local[who].gone += pkt_frames(m);
}

#endif
