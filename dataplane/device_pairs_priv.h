/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DATAPLANE_DEVICE_PAIRS_PRIV_H
#define DATAPLANE_DEVICE_PAIRS_PRIV_H

#include "dataplane/device_priv.h"

/* For a device of net_vhost's with more than one pair, before it is started, and after it was stopped. */
int device_pairs_init(struct device *dev);
void device_pairs_fini(struct device *dev);

/* Worker's side, n <= 2 * BURST: sends each by its flow's pair; those that were taken become NULL. */
void device_spread(struct device *dev, struct rte_mbuf **pkts, unsigned n);

#endif
