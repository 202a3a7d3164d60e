/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BASE_TIMER_H
#define BASE_TIMER_H

#include <event2/event.h>
#include <sys/time.h>

/* ms from now, and not from when this turn of the loop began: it may have taken long. */
static inline void timer_after(struct event *ev, unsigned ms)
{
	struct timeval tv = { .tv_sec = ms / 1000, .tv_usec = (suseconds_t)(ms % 1000) * 1000 };

	event_base_update_cache_time(event_get_base(ev));
	event_add(ev, &tv);
}

#endif
