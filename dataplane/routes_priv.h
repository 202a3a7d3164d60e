/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DATAPLANE_ROUTES_PRIV_H
#define DATAPLANE_ROUTES_PRIV_H

/*
 * Routes of one request on their way into one FIB. A FIB takes many at once far faster than one by
 * one, so that consecutive route records are collected and applied together; what is there in the
 * end, and which record is said to have failed, is as if each had been applied when it came.
 * Control thread.
 */

#include "dataplane/dp_priv.h"

enum { ROUTES_MAX = DP_DATAGRAM_MAX / sizeof(struct dp_route) };

struct routes {
	struct vfib *fib;    /* of those collected; NULL: none are */
	struct nh_entry *nh; /* the last one's; NULL: none yet */
	unsigned count;
	struct fib_change changes[ROUTES_MAX];
};

void routes_init(struct routes *r);

/* May rec be added to what is collected, or has that to be applied before? */
bool routes_take(const struct routes *r, const struct dp_route *rec);

/*
 * Adds a record, DP_ROUTE_SET or DP_ROUTE_DEL, that routes_take() allows. Until routes_apply()
 * nothing else of the engine may change. -ENOENT: no such FIB or next hop; -EINVAL: no such family.
 * A record that is not added changes nothing.
 */
int routes_add(struct engine *e, struct routes *r, const struct dp_route *rec, struct err *err);

/*
 * Applies what was collected, in order, until one fails; *done is how many did not. Nothing is
 * collected afterwards. -EINVAL: bad prefix; -ENOSPC: the FIB is full; -ENOMEM.
 */
int routes_apply(struct engine *e, struct routes *r, unsigned *done, struct err *err);

#endif
