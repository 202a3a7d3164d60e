/* SPDX-License-Identifier: Apache-2.0 */
#include "control/backoff.h"

void backoff_works(struct backoff *b, uint64_t now_ms)
{
	b->works_ms = now_ms;
}

unsigned backoff_failures(const struct backoff *b, uint64_t now_ms)
{
	return b->works_ms && now_ms - b->works_ms >= BACKOFF_SOUND_MS ? 0 : b->failures;
}

unsigned backoff_ended(struct backoff *b, uint64_t now_ms)
{
	uint64_t wait = 0;

	b->failures = backoff_failures(b, now_ms);
	b->works_ms = 0;
	if (b->failures)
		wait = (uint64_t)b->first_ms << (b->failures < 32 ? b->failures - 1 : 31);
	b->failures++;
	return wait < b->most_ms ? (unsigned)wait : b->most_ms;
}
