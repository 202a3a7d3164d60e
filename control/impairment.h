/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CONTROL_IMPAIRMENT_H
#define CONTROL_IMPAIRMENT_H

/*
 * What a link does to the frames of one direction, by the words that topologies, the API and the
 * command line have for it (docs/topologies.md). None of the texts is trusted.
 */

#include "base/err.h"
#include "dataplane/api.h"

#include <stdbool.h>

#define IMPAIRMENT_TEXT_MAX 96

struct impairment {
	struct dp_impair dp; /* but for link and from; the seed is 0 when none is said */
	uint32_t loss;	     /* as said; in dp is what it means with a burst or a model */
	double burst;	     /* frames lost in a row, in the mean; 0: not said */
	bool model;	     /* gemodel is said */
};

/* All words, NULL at the end; first those that people look for. */
extern const char *const impairment_keys[];

/* -EINVAL and a sentence that begins with the key; a key that does not exist as well. */
int impairment_set(struct impairment *im, const char *key, const char *text, struct err *err);
/* After the last impairment_set(): that they fit together, and what they mean. */
int impairment_finish(struct impairment *im, struct err *err);

/* "10ms" in nanoseconds, of any length; false: it is no time. */
bool impairment_time(const char *text, double *ns);

/* "10Mbit" in bits a second, 8000 to 10^12; false: it is no such rate. */
bool impairment_rate(const char *text, uint64_t *bits);

bool impairment_is_none(const struct impairment *im);
/* Whether frames fare alike, whatever words have said so. */
bool impairment_same(const struct impairment *a, const struct impairment *b);
/* The text that says what im has of key; false: nothing. */
bool impairment_text(const struct impairment *im, const char *key, char text[IMPAIRMENT_TEXT_MAX]);

#endif
