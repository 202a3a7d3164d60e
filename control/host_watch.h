/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CONTROL_HOST_WATCH_H
#define CONTROL_HOST_WATCH_H

/* Who runs programs in a host may delete its interfaces. This says when to look whether they are there. */

#include "base/err.h"

struct event_base;
struct host_watch;

/* changed is called some time after an interface of the namespace has come, gone or changed, at most
 * ten times a second. */
int host_watch_create(struct event_base *base, const char *netns, void (*changed)(void *arg), void *arg,
		      struct host_watch **out, struct err *err);
void host_watch_destroy(struct host_watch *w); /* NULL allowed */

/* The index of an interface there, which none that was made later has; 0: there is none of that name. */
int host_watch_index(const struct host_watch *w, const char *ifname);

#endif
