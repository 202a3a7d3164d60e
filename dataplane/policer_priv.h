/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DATAPLANE_POLICER_PRIV_H
#define DATAPLANE_POLICER_PRIV_H

#include "dataplane/api.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * What a guest is asked to look at has a rate for each class (enum dp_punt), on each port and over
 * all ports of a vnet: a flood of one kind takes nothing from the others, above all not from the
 * routing protocols' hellos; one port leaves half of what its vnet may to the vnet's others; and a
 * vnet with many ports takes no more than another of the threads that all share.
 */

/*
 * The generic cell rate algorithm (ITU-T I.371, virtual scheduling). A time stamp is all its state:
 * `due`, the clock at which the bucket is full again.
 */
struct rate {
	uint64_t cost, burst; /* cycles of a packet, cycles that packets may run ahead */
};

/* hz: cycles a second of the clock that is passed below. burst: packets, 1 or more. */
void rate_init(struct rate *rate, uint64_t hz, uint32_t per_second, uint32_t burst);

static inline bool rate_room(const struct rate *rate, uint64_t due, uint64_t now)
{
	return due <= now + rate->burst;
}

static inline void rate_charge(const struct rate *rate, uint64_t *due, uint64_t now,
			       unsigned packets)
{
	*due = (*due > now ? *due : now) + packets * rate->cost;
}

enum punt_reason {
	PUNT_REASON_LOCAL,     /* for the guest itself, or the guest forwards it by choice */
	PUNT_REASON_EXCEPTION, /* transit the engine does not finish: TTL, MTU, options, no route */
};

struct policer {
	uint64_t due[DP_PUNT_COUNT];
};

/*
 * Who asks for addresses has a rate of its own as well, by a hash of its MAC, below that of the port
 * and the vnet: one that floods takes nothing from what neighbours need to keep each other's
 * addresses, and with them the transit between them. One that floods with ever other MACs is held
 * by the rate of the port alone.
 */
enum { POLICER_SOURCES = 256 };

struct policer_rates {
	struct rate port[DP_PUNT_COUNT], vnet[DP_PUNT_COUNT], source;
};

/* hz: cycles a second of the clock given to policer_pass(); workers share each rate. */
void policer_rates_init(struct policer_rates *rates, uint64_t hz, unsigned workers);

/* True when a packet of the class may pass at `now`; only then it is charged. One thread. */
static inline bool policer_pass(struct policer *port, struct policer *vnet,
				const struct policer_rates *rates, enum dp_punt class, uint64_t now)
{
	if (!rate_room(&rates->port[class], port->due[class], now) ||
	    !rate_room(&rates->vnet[class], vnet->due[class], now))
		return false;
	rate_charge(&rates->port[class], &port->due[class], now, 1);
	rate_charge(&rates->vnet[class], &vnet->due[class], now, 1);
	return true;
}

/* The class of a frame of len bytes, headers unchecked. */
enum dp_punt policer_classify(const uint8_t *frame, size_t len, enum punt_reason reason);

#endif
