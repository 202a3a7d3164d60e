/* SPDX-License-Identifier: Apache-2.0 */
#ifndef PERF_TRAFFIC_TRAFFIC_H
#define PERF_TRAFFIC_TRAFFIC_H

/*
 * A source of frames at given rates and their sink, one thread. Each sender has one frame, which
 * it repeats with a stamp in its payload: that is how the sink knows it, whatever was done to the
 * headers before it.
 */
#include <rte_mempool.h>
#include <stdbool.h>
#include <stdint.h>

enum {
	SENDERS_MAX = 1024,
	FRAME_MAX = 128,
	STAMP_AT = 14 + 4 + 20 + 8, /* Ethernet, VLAN tag, IPv4, UDP */
	BURST = 64,
};

struct stamp {
	uint64_t tsc; /* when it was given to the device */
	uint32_t seq;
	uint16_t run; /* frames of former runs are not counted */
	uint16_t sender : 15, counts : 1;
};

/* Delays in ticks, 512 buckets for each power of 2: to 0.2 %. */
enum { DELAY_SUB = 9, DELAY_BUCKETS = (64 - DELAY_SUB + 1) << DELAY_SUB };

struct delays {
	uint64_t count, buckets[DELAY_BUCKETS];
};

void delays_add(struct delays *d, uint64_t ticks);
uint64_t delays_at(const struct delays *d, double part); /* the upper end; 0 without any */

struct sender {
	uint8_t frame[FRAME_MAX];
	unsigned len;
	double interval; /* ticks; 0: sends nothing */
	double next;     /* since the run began */
	uint32_t seq, expected;
	/* of the measured time: */
	uint64_t sent, refused; /* refused: of the sent, what the device had no room for */
	uint64_t stalled;	/* of these, while the other end did nothing */
	uint64_t came, disordered;
	struct delays delays;
};

struct traffic {
	uint16_t out, in; /* devices */
	struct rte_mempool *pool;
	struct sender *senders;
	unsigned sender_count;
	uint16_t run;
	bool counts; /* now is in the measured time */
	bool quiet;  /* sends nothing */
	uint64_t began, hz;
	uint64_t last;      /* TSC of the last round */
	uint64_t gap_end;   /* when we last were away from our core */
	uint64_t gap_ticks; /* of the measured time, all together */
	uint64_t uncertain; /* frames that were under way meanwhile and came soon after: their delays are not counted */
	uint64_t came_at;   /* TSC of when the sink last had any */
	uint64_t stalled;   /* TSC until which refusals are due to its having had none for long */
};

/* Takes what came, and sends what is due. */
void traffic_round(struct traffic *t);

#endif
