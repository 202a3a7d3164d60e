/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DATAPLANE_EGRESS_PRIV_H
#define DATAPLANE_EGRESS_PRIV_H

#include "dataplane/device_priv.h"

/*
 * A device whose rate is known is shared out by a scheduler (sched_priv.h): the vnets that have
 * ports on it by their weights, and by the guarantees and ceilings of these ports. Each worker has
 * a scheduler of its own for its part of the rates.
 */

/* What port, which is on its device, is to get of it: bits a second, 0: none. rate is the device's;
 * the first port that says one makes it a shared device. Control thread. -ENOSPC: the guarantees do
 * not fit. -ENOMEM. */
int egress_set(struct engine *e, struct port *port, const struct dp_port *rec, struct err *err);
void egress_clear(struct engine *e, struct port *port); /* before it leaves the device */
void egress_weigh(struct engine *e, struct vnet *vnet);	/* its weight has changed */
void egress_free(struct device *dev);			/* no worker looks at it any more */
void egress_stats(const struct engine *e, const struct port *port, struct dp_port_stats *out);

/* Worker's side: into the queues, and what may leave out of them into tx. Returns whether there
 * was or is something to do. */
void egress_queue(struct worker *w, struct device *dev, struct port *port,
		  struct rte_mbuf *const *m, unsigned n);
bool egress_run(struct worker *w, struct device *dev);
/* Frames of a flow stay in order; what is not IP is one flow. */
uint32_t egress_hash(const struct rte_mbuf *m);

#endif
