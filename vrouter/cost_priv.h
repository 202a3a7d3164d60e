/* SPDX-License-Identifier: Apache-2.0 */
#ifndef VROUTER_COST_PRIV_H
#define VROUTER_COST_PRIV_H

/* A guest chooses what its messages cost. One that has cost much is not listened to for some times
 * as long, so that the others have their share of this thread. */

#include <stdint.h>

uint64_t cost_now(void); /* CPU time of this thread, us */
/* How long to rest after what has begun at `since`, ms; 0: not at all. */
unsigned cost_rest_ms(uint64_t since);

#endif
