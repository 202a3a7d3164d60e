/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DATAPLANE_SCHED_PRIV_H
#define DATAPLANE_SCHED_PRIV_H

/*
 * The scheduler of one shared egress port: a rate, vnets on it with guarantee, weight and ceiling,
 * and in each vnet flows that are kept apart by FQ-CoDel (RFC 8290). docs/engine.md says what is
 * promised and how.
 *
 * It has no thread and no clock: all calls come from one thread, and `now` is that thread's, in
 * ticks of sched_conf.hz, and never goes back. Rates are bits a second of what a frame takes on
 * the wire: its length and sched_conf.overhead.
 */

#include <stdint.h>

struct rte_mbuf;
struct sched;

enum sched_drop {
	SCHED_DROP_OVERLIMIT, /* the vnet's share of the port's packet limit is used up */
	SCHED_DROP_CODEL,     /* waited too long for too long: RFC 8289 */
	SCHED_DROP_GONE,      /* of a vnet that is not set, or was deleted meanwhile */
	SCHED_DROPS
};

enum {
	SCHED_VNETS_MAX = 32768,
	SCHED_FLOWS_MAX = 1024,
	SCHED_LIMIT_MAX = 1 << 22,
	SCHED_WEIGHT_MAX = 1000,
	SCHED_RATE_MIN = 8000, /* bits a second of any rate that is not 0 */
	SCHED_DELAYS = 24,     /* buckets of queue delay */
};

struct sched_conf {
	uint64_t hz;	   /* ticks a second, 10^6 to 10^11 */
	uint64_t rate;	   /* of the port; 0: whatever is asked for leaves at once */
	uint32_t overhead; /* bytes of a frame that its length does not count; Ethernet: 24 */
	uint32_t limit;	   /* packets queued at most; at least 2 for each vnet */
	uint32_t vnets;	   /* their indices are 0 to vnets - 1 */
	uint32_t flows;	   /* queues in each vnet, a power of two */
	/* Takes the packet, out of any call below but sched_next() and the readers. */
	void (*drop)(void *ctx, struct rte_mbuf *m, enum sched_drop why);
	void *ctx;
};

struct sched_vnet_conf {
	uint64_t guarantee; /* bits a second, 0: none; the sum should fit into the port's rate */
	uint64_t ceiling;   /* bits a second, 0: none; not below guarantee */
	uint32_t weight;    /* 1 to SCHED_WEIGHT_MAX */
};

struct sched_stats {
	uint64_t packets, bytes; /* that left */
	uint64_t marked;	 /* of these, by CoDel with CE (RFC 3168) in place of a drop */
	uint64_t drops[SCHED_DROPS];
	uint64_t delay[SCHED_DELAYS]; /* packets that left, by delay: sched_delay_bound() */
	uint32_t queued;
};

/* -EINVAL: a value outside of what is said above. -ENOMEM. */
int sched_create(const struct sched_conf *conf, struct sched **out);
/* What is queued goes to drop() as SCHED_DROP_GONE. NULL allowed. */
void sched_destroy(struct sched *s);

/* Adds a vnet, its statistics 0, or changes one, its packets staying where they are. -EINVAL. */
int sched_vnet_set(struct sched *s, uint32_t vnet, const struct sched_vnet_conf *conf,
		   uint64_t now);
/* Returns the number of packets that were queued and went to drop(). */
uint32_t sched_vnet_del(struct sched *s, uint32_t vnet);
/* -EINVAL below SCHED_RATE_MIN, but for 0. */
int sched_rate_set(struct sched *s, uint64_t rate, uint64_t now);

/* Takes n packets. hashes: any 32 bits that are the same for packets of a flow and well spread
 * otherwise. vnets are below sched_conf.vnets. */
void sched_enqueue(struct sched *s, struct rte_mbuf **pkts, const uint16_t *vnets,
		   const uint32_t *hashes, unsigned n, uint64_t now);
/* Gives up to n packets that may leave by now. */
unsigned sched_dequeue(struct sched *s, struct rte_mbuf **pkts, unsigned n, uint64_t now);
/* The earliest tick at which sched_dequeue() may have a packet; UINT64_MAX: nothing is queued. */
uint64_t sched_next(const struct sched *s, uint64_t now);

/* Packets queued of all vnets. */
uint32_t sched_queued(const struct sched *s);
/* Any thread; figures of a deleted vnet remain until it is set again. */
void sched_vnet_stats(const struct sched *s, uint32_t vnet, struct sched_stats *out);
/* Ticks below which the delays of bucket are. That of the last one is UINT64_MAX. */
uint64_t sched_delay_bound(const struct sched *s, unsigned bucket);

#endif
