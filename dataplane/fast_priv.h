/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DATAPLANE_FAST_PRIV_H
#define DATAPLANE_FAST_PRIV_H

/*
 * The common case, in stages over a burst: a frame from a device or a host reaches a router, is
 * plain IPv4 or IPv6 for it, has a route to an adjacency, and goes on over a wire that is up; then
 * once more where that wire ends in another router. Packets of all routers are mixed. Whatever is
 * not so plain is handed to the graph as it is, before anything of it was counted or changed: the
 * graph alone decides what becomes of it.
 */

#include "dataplane/dp_priv.h"

struct worker;
struct device;

/* Frames as they came from what is behind their ports. */
struct fast_rx {
	unsigned count;
	struct rte_mbuf *m[BURST];
	uint8_t *data[BURST];
	uint32_t len[BURST];	  /* 0: not plain */
	struct port *from[BURST]; /* only the first, when all are from one */
};

/* Packets of one family that a router has received and checked, on their way through the FIBs. */
struct fast_batch {
	unsigned count;
	struct rte_mbuf *m[BURST];
	uint8_t *data[BURST];
	uint32_t len[BURST];
	struct port *in[BURST];
	const struct fib *fib[BURST];
	uint32_t ttl[BURST]; /* IPv4: TTL, protocol and checksum when they are sent on */
	uint32_t value[BURST];
	adjacency adj[BURST]; /* where to */
	union {
		uint32_t ip4[BURST];
		uint8_t ip6[BURST][16];
	} dst;
};

/* Packets that have come over a wire from one router to another. */
struct fast_lanes {
	unsigned count;
	struct rte_mbuf *m[BURST];
	uint8_t *data[BURST];
	uint32_t len[BURST];
	struct port *in[BURST];
};

/* Frames from one backing in a row: what holds for all of them, and their counts. */
struct fast_entry {
	struct port *from, *in;
	const struct fib *fib;
	uint64_t mac, packets, bytes;
	uint32_t mode, least, room; /* least <= length <= least + room, or it is not plain */
};

/* Packets from one router's port to another in a row. */
struct fast_exit {
	struct port *in, *out, *to; /* received on, sent on, at the other end of out's wire */
	struct device *dev;	    /* of to, if that is the way */
	bool direct;		    /* no scheduler is there */
	uint32_t tag;		    /* that the device wants, in network order; 0: none, or not yet */
	uint64_t mac;
	uint32_t max; /* bytes of a frame; 0: none goes this way */
};

struct fast {
	struct fast_rx rx;
	struct fast_lanes next;
	struct fast_batch ip4, ip6;
};

static inline void fast_receive(struct fast_rx *rx, struct rte_mbuf *m, struct port *from)
{
	rx->m[rx->count] = m;
	rx->data[rx->count] = rte_pktmbuf_mtod(m, uint8_t *);
	rx->len[rx->count] = m->ol_flags ? 0 : m->pkt_len; /* offloads are the graph's affair */
	rx->from[rx->count++] = from;
}

/* What is in rx into the batches, or to the graph: from one port, or from several, of which it
 * returns the number, or more. */
void fast_enter_one(struct worker *w);
unsigned fast_enter_all(struct worker *w);

/* The same of what is in next. */
void fast_hop(struct worker *w);

/* Forwards what is in w->fast.rx; all is gone afterwards: sent on, or in the graph's queues. one:
 * all are from one port. */
void fast_run(struct worker *w, bool one);

/* Puts those of 16 frames, rx[at] on, that are plain into the batches; which ones, as bits. All are
 * from e->from. *bytes grows by what they have. */
uint32_t fast_16_avx512(const struct fast_entry *e, const struct fast_rx *rx, unsigned at,
			struct fast_batch *ip4, struct fast_batch *ip6, uint32_t *bytes);

/* Whether all packets of b, of which there are some, go the same way; the bytes of the longest and
 * of all. */
bool fast_alike_avx512(const struct fast_batch *b, uint32_t *longest, uint64_t *bytes);

#endif
