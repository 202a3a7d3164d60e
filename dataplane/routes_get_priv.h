/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DATAPLANE_ROUTES_GET_PRIV_H
#define DATAPLANE_ROUTES_GET_PRIV_H

/* What FIBs hold, read back: DP_ROUTE_GET. Control thread. */

#include "dataplane/dp_priv.h"

/* Room for a result of the answer, zeroed, its header filled in. */
typedef void *routes_get_room(void *arg, uint16_t op, size_t len);

/* -EINVAL: `most`, the family or the prefix is out of range. */
int routes_get(struct engine *e, const struct dp_route_get *rec, routes_get_room *room, void *arg,
	       struct err *err);

#endif
