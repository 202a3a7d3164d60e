/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DATAPLANE_CALENDAR_PRIV_H
#define DATAPLANE_CALENDAR_PRIV_H

/*
 * Frames by the time at which they go on; those of one time in the order in which they came. A heap
 * of which each node has four children: adding what is due last, which is the common case, is one
 * comparison; taking one from 10^4 is some 25, in seven places.
 */

#include <stdbool.h>
#include <stdint.h>

struct rte_mbuf;
struct calendar;

#define CALENDAR_NEVER UINT64_MAX

/* Room for max frames, at most 2^31. -ENOMEM. */
int calendar_create(uint32_t max, struct calendar **out);
void calendar_destroy(struct calendar *c); /* frees what is in it; NULL allowed */

/* False: it is full. */
bool calendar_add(struct calendar *c, struct rte_mbuf *m, uint64_t due);
/* Gives up to n frames that are due by now. */
unsigned calendar_take(struct calendar *c, uint64_t now, struct rte_mbuf **pkts, unsigned n);
/* When the next one is due; of an empty one, or NULL, CALENDAR_NEVER. */
uint64_t calendar_next(const struct calendar *c);

/* Takes out all that fn returns true for, which are fn's from then on. */
void calendar_weed(struct calendar *c, bool (*fn)(void *arg, struct rte_mbuf *m), void *arg);

#endif
