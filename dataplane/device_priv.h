/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DATAPLANE_DEVICE_PRIV_H
#define DATAPLANE_DEVICE_PRIV_H

#include "dataplane/worker_priv.h"

/*
 * DPDK devices, opened by devargs when the first port names them and closed with the last one,
 * and their slices by VLAN: the tag is taken off what is received and put on what is sent.
 */
int device_attach(struct engine *e, struct port *port, const char *devargs, uint16_t vlan,
		  struct err *err);			  /* control thread */
void device_detach(struct engine *e, struct port *port); /* control thread */
bool device_serves(const struct port *port, const char *devargs, uint16_t vlan);
bool device_up(const struct device *dev);  /* its link, when last looked at */
void device_watch(struct engine *e);	   /* control thread, now and then: link states, log */
bool device_any(const struct engine *e);

/* Worker's side. */
unsigned device_poll_all(struct worker *w); /* receives a burst of each device into the graph */
void device_tx(struct worker *w, struct device *dev, struct rte_mbuf *m);
void device_flush_all(struct worker *w);

#endif
