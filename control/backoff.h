/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CONTROL_BACKOFF_H
#define CONTROL_BACKOFF_H

/*
 * When a process that ended unasked is started again: at once, if it had worked for BACKOFF_SOUND_MS;
 * else later and later, so that what ends of itself costs little and is tried for ever.
 */

#include <stdint.h>

#define BACKOFF_SOUND_MS 10000

struct backoff {
	unsigned first_ms, most_ms; /* after the second end in a row, twice that after the third, ... */
	unsigned failures;	    /* ends in a row, each before it was sound */
	uint64_t works_ms;	    /* it works since then; 0: it does not */
};

/* It works now. now_ms: of a clock that never goes back, not 0. */
void backoff_works(struct backoff *b, uint64_t now_ms);
/* It has ended, or could not be started: ms until it should be, at most most_ms. */
unsigned backoff_ended(struct backoff *b, uint64_t now_ms);
/* Ends in a row so far; 0 as soon as it is sound. */
unsigned backoff_failures(const struct backoff *b, uint64_t now_ms);

#endif
