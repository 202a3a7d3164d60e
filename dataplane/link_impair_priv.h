/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DATAPLANE_LINK_IMPAIR_PRIV_H
#define DATAPLANE_LINK_IMPAIR_PRIV_H

/*
 * Links that do something to what they carry. A port that sends into such a direction has `impair`,
 * and `far`, but no `peer`: for the fast path its wire leads nowhere, so that what it would
 * send goes to the graph, and links without impairments cost nothing.
 */

#include "dataplane/calendar_priv.h"
#include "dataplane/impair_priv.h"
#include "dataplane/worker_priv.h"

/* In units of a buffer of 2 KiB: how much frames may take that are under way, of all vnets; and the
 * weights of larger buffers, of which there are fewer. */
enum { UNITS_JUMBO = 16, UNITS_SUPER = 64 };

static inline uint32_t link_units(const struct engine *e)
{
	return e->small->size / 8 * 3;
}

/* Control thread. What links carry from a port, until the link or its other end goes. */
int link_impair_set(struct engine *e, const struct dp_impair *rec, struct err *err);
/* No more; what is under way arrives in its time. */
void link_impair_end(struct engine *e, struct port *from);
/* Those go that were not said again since DP_SYNC began. */
void link_impair_sweep(struct engine *e);
/* The port is gone, after a grace period: what it had under way goes now. */
void link_impair_forget(struct engine *e, const struct port *port);

/* Worker's side: sends on what is due, and returns the number of frames. */
unsigned impair_release(struct worker *w);
worker_fn impair_weed; /* of ports that are gone */

#endif
