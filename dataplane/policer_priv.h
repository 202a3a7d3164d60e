/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DATAPLANE_POLICER_PRIV_H
#define DATAPLANE_POLICER_PRIV_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * What a guest is asked to look at comes in classes, each with a rate of its own on each port, so
 * that a flood of one kind takes nothing from the others: above all not from the routing
 * protocols' hellos.
 */
enum punt_class { PUNT_CONTROL, PUNT_NEIGHBOUR, PUNT_LOCAL, PUNT_EXCEPTION, PUNT_CLASSES };

enum punt_reason {
	PUNT_REASON_LOCAL,     /* for the guest itself, or the guest forwards it by choice */
	PUNT_REASON_EXCEPTION, /* transit the engine does not finish: TTL, MTU, options, no route */
};

/* One generic cell rate algorithm (ITU-T I.371) a class: a time stamp is all the state. */
struct policer {
	uint64_t due[PUNT_CLASSES]; /* clock at which the bucket is full again */
};

/* Cycles a packet costs and cycles a burst may run ahead, for each class. */
struct policer_rates {
	uint64_t cost[PUNT_CLASSES], burst[PUNT_CLASSES];
};

/* hz: cycles a second of the clock given to policer_pass(); workers share each rate. */
void policer_rates_init(struct policer_rates *rates, uint64_t hz, unsigned workers);

/* True when a packet of the class may pass at `now`. One thread. */
static inline bool policer_pass(struct policer *p, const struct policer_rates *rates,
				enum punt_class class, uint64_t now)
{
	uint64_t due = p->due[class] > now ? p->due[class] : now;

	if (due - now > rates->burst[class])
		return false;
	p->due[class] = due + rates->cost[class];
	return true;
}

/* The class of a frame of len bytes, headers unchecked. */
enum punt_class policer_classify(const uint8_t *frame, size_t len, enum punt_reason reason);

#endif
