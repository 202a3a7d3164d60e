/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DATAPLANE_API_SNOOP_H
#define DATAPLANE_API_SNOOP_H

/* What goes with DP_SNOOP_SET (api.h). */

#include "dataplane/api.h"

#define DP_SNOOP_MAX 256u /* bytes of a frame */

/*
 * DP_SNOOP_SET names a router and brings a connected socket that keeps datagrams apart. Each ARP frame
 * (RFC 826), neighbour solicitation and advertisement (RFC 4861) that the guest behind a port backed by
 * DP_BACK_DGRAM has been sent, or has sent itself, is copied to it: a datagram of this header and the
 * frame's first bytes. A datagram that the socket does not take is lost, which the numbers show. It
 * goes on until the other end is closed, another socket comes, or the node is deleted; it is no part
 * of DP_SYNC.
 */
struct dp_snooped {
	uint32_t port;
	uint32_t sent;	 /* 1: by the guest; 0: to it */
	uint64_t number; /* 0, 1, 2, ... of what the socket was to be given */
};

#endif
