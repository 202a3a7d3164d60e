/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DATAPLANE_API_CAPTURE_H
#define DATAPLANE_API_CAPTURE_H

/* The records of DP_CAPTURE_SET and DP_CAPTURE_PORT (api.h). */

#include "dataplane/api.h"

#define DP_CAPTURES_MAX	 16u	    /* at a time */
#define DP_CAPTURE_SNAP	 65535u	    /* bytes of a packet, at most */
#define DP_CAPTURE_BLOCKS 128u	    /* base/tape.h, of a worker's track */
#define DP_CAPTURE_BLOCKS_OTHER 4u  /* of those of the relay and the control thread */

/*
 * Copies of the vnet's packets go onto a tape (base/tape.h) in the memory that travels with the record:
 * a track for each worker, one for the relay thread and one for the control thread, and `channels`
 * channels. It ends with DP_CAPTURE_DEL, its vnet, or the client's connection, and is no part of
 * DP_SYNC; nothing of it can be changed but the ports that are added. Stamps are nanoseconds since
 * 1970 of one clock for all captures at a time. Marks are the last two flags below, or for what is
 * dropped DP_CAPTURE_DROP and its enum dp_drop.
 */
struct dp_capture {
	struct dp_record rec;
	uint32_t id;
	uint32_t vnet;
	uint32_t snap; /* bytes of a packet, 1..DP_CAPTURE_SNAP */
	uint32_t channels;
};

#define DP_CAPTURE_RX	1u   /* what the port receives from its link */
#define DP_CAPTURE_TX	2u   /* what it sends to it */
#define DP_CAPTURE_DROP 256u /* what is dropped, at the port whose counter has it: always,
				 but what could not be read whole */

struct dp_capture_port {
	struct dp_record rec;
	uint32_t capture;
	uint32_t port; /* of its vnet; one that is not there is no error */
	uint32_t channel;
	uint32_t flags; /* DP_CAPTURE_RX, DP_CAPTURE_TX */
};

#endif
