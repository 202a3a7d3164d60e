/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DATAPLANE_BRIDGE_PRIV_H
#define DATAPLANE_BRIDGE_PRIV_H

#include <stdint.h>

/*
 * Which port a MAC address was last seen on. Bounded: BRIDGE_SETS sets of BRIDGE_WAYS, the oldest
 * of a set goes. An entry is one word, so readers on several workers see it whole; two workers
 * that learn at once lose one of the two, which the next frame repairs.
 */
enum { BRIDGE_SETS = 1024, BRIDGE_WAYS = 4, BRIDGE_AGE = 300 /* s */ };

struct bridge_table {
	uint64_t entry[BRIDGE_SETS][BRIDGE_WAYS]; /* MAC << 16 | port slot; 0: free */
	uint32_t seen[BRIDGE_SETS][BRIDGE_WAYS];  /* s */
};

/* mac: as mac_load() gives it. now: seconds of any steady clock. */
void bridge_learn(struct bridge_table *t, uint64_t mac, uint16_t slot, uint32_t now);
uint16_t bridge_find(const struct bridge_table *t, uint64_t mac, uint32_t now); /* 0: unknown */

#endif
