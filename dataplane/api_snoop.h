/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DATAPLANE_API_SNOOP_H
#define DATAPLANE_API_SNOOP_H

/* What goes with DP_SNOOP_SET (api.h). */

#include "dataplane/api.h"

#define DP_SNOOP_MAX  256u  /* bytes of a frame */
#define DP_SNOOP_KEPT 1024u /* frames of a router */

/*
 * DP_SNOOP_SET names a router and brings a connected socket that keeps datagrams apart. Each ARP frame
 * (RFC 826), neighbour solicitation and advertisement (RFC 4861) that the guest behind a port backed by
 * DP_BACK_DGRAM has been sent, or has sent itself, is copied to it: a datagram of struct dp_snooped and
 * the frame's first bytes. A datagram that the socket does not take is lost, which the numbers show. It
 * goes on until the other end is closed, another socket comes, or the node is deleted; it is no part
 * of DP_SYNC.
 *
 * The last DP_SNOOP_KEPT copies of a guest are kept, also while nobody listens, and another socket for the
 * same guest is given those first that `next` has not seen. So what follows from them outlives weftd. What
 * is kept of a port is no use when its guest has lost its carrier: DP_SNOOP_FORGET.
 */
struct dp_snoop {
	struct dp_record rec;
	uint32_t id;
	uint32_t guest; /* a number that tells this guest of the router's from those before it */
	uint64_t next;	/* the first number that is wanted of what is kept; 0: all */
};

struct dp_snooped {
	uint32_t port;	 /* 0: forgotten; only its number counts */
	uint32_t sent;	 /* 1: by the guest; 0: to it */
	uint64_t number; /* 0, 1, 2, ... of the router's since its first DP_SNOOP_SET */
	uint64_t ms;	 /* of CLOCK_MONOTONIC, when it was seen */
};

#endif
