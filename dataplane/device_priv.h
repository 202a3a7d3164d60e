/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DATAPLANE_DEVICE_PRIV_H
#define DATAPLANE_DEVICE_PRIV_H

#include "dataplane/worker_priv.h"

#include <rte_ether.h>

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
unsigned device_poll_all(struct worker *w); /* receives a burst of each device and forwards it */
void device_flush_all(struct worker *w);

enum { DEVICE_VLANS = 4096 };

/* Room for what two rounds of a node may add. */
struct device_tx {
	unsigned count;
	struct rte_mbuf *pkts[2 * BURST];
	struct port *ports[2 * BURST]; /* who is charged */
};

struct device {
	char devargs[128];
	uint16_t ethdev;
	unsigned refs;
	uint32_t sliced;		  /* ports with a VLAN */
	struct port *slice[DEVICE_VLANS]; /* by VLAN, 0: untagged; RCU */
	uint32_t up;
	uint64_t strangers, reported; /* frames of no slice, or without a buffer */
	struct device_tx tx[WORKERS_MAX];
};

/* Sends n <= BURST packets, which have reached port from its wire, by the device behind the port. */
void device_tx(struct worker *w, struct device *dev, struct port *port, struct rte_mbuf *const *m,
	       unsigned n);

#endif
