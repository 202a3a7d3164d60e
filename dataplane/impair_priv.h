/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DATAPLANE_IMPAIR_PRIV_H
#define DATAPLANE_IMPAIR_PRIV_H

/*
 * An impairment: what a link does to the frames of one direction, as dataplane/api.h says (struct
 * dp_impair) and tc-netem(8) means it. It decides; who asks holds the frames back, loses, copies
 * and damages them.
 *
 * It has no thread and no clock: `now` is the caller's, in ticks of hz. What becomes of the n-th
 * frame depends on the seed and n, and on the frames before it only for what comes in bursts or
 * waits for the rate; each kind of impairment has random numbers of its own, so that one more does
 * not change the others.
 */

#include "dataplane/api.h"

#include <rte_spinlock.h>
#include <stdbool.h>
#include <stdint.h>

enum {
	IMPAIR_RATE_MIN = 8000,	     /* bits a second */
	IMPAIR_LIMIT_MAX = 10000,    /* frames; 8 bytes each */
	IMPAIR_LIMIT_DEFAULT = 1000, /* as netem's */
};

struct impair {
	rte_spinlock_t lock;   /* the caller's: workers share it */
	bool bad;	       /* the state of what comes in bursts (Gilbert-Elliott) */
	uint32_t first, count; /* of done[] */
	uint64_t frames;
	uint64_t seed;
	uint64_t delay, jitter;	   /* ticks */
	uint64_t cost, busy, rest; /* of a byte, and until when the rate is used: 2^-20 ticks */
	uint32_t epoch;		   /* the control thread's */
	struct dp_impair conf;
	uint32_t limit;
	uint64_t done[]; /* when those that wait for the rate will have left: a ring of limit */
};

/* What becomes of a frame. */
struct impair_fate {
	unsigned count;	 /* of it that arrive: 0, 1, or 2 with a duplicate */
	bool full;	 /* count is 0 because too many wait for the rate */
	bool reordered;	 /* goes past those before it */
	bool corrupt;
	uint64_t bit;	 /* which one: any number */
	uint64_t due[2]; /* when */
};

/* Whether conf says that nothing happens. */
bool impair_is_none(const struct dp_impair *conf);

/* conf is as impair_check() allows, but for link and from, which it does not look at. -ENOMEM. The
 * caller's to free(). */
int impair_create(const struct dp_impair *conf, uint64_t hz, struct impair **out);

/* A sentence that begins with "link N: ". */
struct err;
int impair_check(const struct dp_impair *conf, struct err *err);

/* A frame of len bytes enters at now. */
void impair_pass(struct impair *im, uint32_t len, uint64_t now, struct impair_fate *fate);

#endif
