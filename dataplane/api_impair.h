/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DATAPLANE_API_IMPAIR_H
#define DATAPLANE_API_IMPAIR_H

/* The record of DP_IMPAIR_SET (api.h). */

#include "dataplane/api.h"

#define DP_PROBABILITY_ONE 1000000000u	  /* probabilities are in 1/1000000000 */
#define DP_DELAY_MAX_NS	   60000000000ull

/*
 * What a link does to the frames that port `from`, an end of it, sends. All zero: nothing, as when
 * the link is new. It ends with the link, with either end of it, and when either end changes. What
 * is set again as it is goes on; what is changed begins anew, with the first random number of its
 * seed. Frames that are under way go on as was decided. Times are those of a frame's last bit.
 */
struct dp_impair {
	struct dp_record rec;
	uint32_t link;
	uint32_t from;
	uint64_t seed;
	uint64_t delay_ns;  /* up to DP_DELAY_MAX_NS */
	uint64_t jitter_ns; /* uniform, added or taken off; not more than the delay. May change the
			       order */
	uint64_t rate;	    /* bits a second of frames as they are, 8000 to 10^12; 0: any */
	uint32_t limit;	    /* frames that may wait for the rate, up to 10000; 0: 1000 */
	/* Loss by the model of Gilbert and Elliott: probabilities of being lost in the good and in
	 * the bad state, and of a change, looked at with each frame. Random loss: `loss` alone. */
	uint32_t loss, loss_bad;
	uint32_t to_bad, to_good;
	uint32_t corrupt;   /* one bit is wrong, anywhere behind the Ethernet header */
	uint32_t duplicate; /* a second one arrives, with a delay of its own */
	uint32_t reorder;   /* arrives at once, before those that are delayed */
};

#endif
