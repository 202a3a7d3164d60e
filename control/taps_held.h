/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CONTROL_TAPS_HELD_H
#define CONTROL_TAPS_HELD_H

/*
 * The taps that another process has open, of which copies can be had (pidfd_getfd(2)). An engine that has
 * run on without a weftd is the only one that has its hosts' taps; if it ended, the kernel would drop what
 * hosts send until there is another. With a copy here it keeps that for the next one.
 */

#include <sys/types.h>

struct taps_held;

/* Those of a process now; NULL if none can be had. */
struct taps_held *taps_held_by(pid_t pid);
/* The one of that name in a namespace (as of `ip netns`): the caller's descriptor from now on; or -1. */
int taps_held_take(struct taps_held *t, const char *ns, const char *ifname);
void taps_held_free(struct taps_held *t); /* NULL allowed */

#endif
