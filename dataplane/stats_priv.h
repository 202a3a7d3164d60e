/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DATAPLANE_STATS_PRIV_H
#define DATAPLANE_STATS_PRIV_H

#include "dataplane/dp_priv.h"

void counters_add_port(struct counters *sum, struct port *port); /* all threads' shares */

/* The answers to *_GET. */
void stats_port(const struct engine *e, struct port *port, struct dp_port_stats *out);
void stats_vnet(struct engine *e, struct vnet *vnet, struct dp_vnet_stats *out);
void stats_fib(const struct vfib *fib, struct dp_fib_stats *out);
void stats_memory(const struct engine *e, struct dp_memory_stats *out);
void stats_worker(const struct worker *w, struct dp_worker_stats *out);

#endif
