/* SPDX-License-Identifier: Apache-2.0 */
#include "vrouter/cost_priv.h"

#include <time.h>

enum { HEAVY_MS = 20, MOST_MS = 10000, REST = 4 };

uint64_t cost_now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
	return (uint64_t)t.tv_sec * 1000000 + (uint64_t)t.tv_nsec / 1000;
}

unsigned cost_rest_ms(uint64_t since)
{
	uint64_t ms = (cost_now() - since) / 1000;

	return ms < HEAVY_MS ? 0 : (unsigned)(ms < MOST_MS ? ms : MOST_MS) * REST;
}
