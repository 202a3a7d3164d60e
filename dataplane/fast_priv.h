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

/* Packets that have come over a wire to a router's port. */
struct fast_lanes {
	unsigned count;
	struct rte_mbuf *m[BURST];
	struct port *in[BURST];
};

/* Those of one family that passed the checks, on their way through the FIBs. */
struct fast_batch {
	unsigned count;
	struct rte_mbuf *m[BURST];
	struct port *in[BURST];
	const struct fib *fib[BURST];
	uint32_t value[BURST];
	union {
		uint32_t ip4[BURST];
		uint8_t ip6[BURST][16];
	} dst;
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
	uint64_t mac, packets, bytes;
	uint32_t max; /* bytes of a frame; 0: none goes this way */
};

struct fast {
	struct fast_lanes next;
	struct fast_batch ip4, ip6;
};

/* Takes n <= BURST frames that came from what is behind from[i]; all are gone afterwards: sent on,
 * or in the graph's queues. */
void fast_run(struct worker *w, struct rte_mbuf *const *pkts, struct port *const *from, unsigned n);

#endif
