/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DATAPLANE_CODEL_PRIV_H
#define DATAPLANE_CODEL_PRIV_H

/*
 * CoDel (RFC 8289) of one queue, on a clock of 32 bits that wraps. The caller compares a packet's
 * delay with the target, which is nearly all there is to do; here is what follows when it is above.
 */

#include <stdbool.h>
#include <stdint.h>

struct rte_mbuf;

struct codel {
	uint32_t since;	    /* when the delay has been above for an interval */
	uint32_t drop_next; /* when the next one is to go */
	uint32_t count;	    /* drops since dropping began */
	uint32_t last;	    /* count when it began */
	uint16_t rsqrt;	    /* 2^16 / sqrt(count) */
	uint8_t state;	    /* enum codel_state */
};

enum codel_state { CODEL_BELOW, CODEL_ABOVE, CODEL_DROPPING };

/* The delay of a packet is below the target, or it is the last one. */
static inline void codel_below(struct codel *c)
{
	c->state = CODEL_BELOW;
}

/* It is above. True: the packet is to be marked or dropped. interval: in units of now. */
bool codel_above(struct codel *c, uint32_t now, uint32_t interval);

/* Sets CE in an Ethernet frame whose IPv4 or IPv6 header, behind at most one VLAN tag, says that
 * its transport understands it (RFC 3168). False: it does not. */
bool ecn_mark(struct rte_mbuf *m);

#endif
