/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DATAPLANE_TRACE_PRIV_H
#define DATAPLANE_TRACE_PRIV_H

/*
 * DP_TRACE: where a packet would go. Nothing is sent or counted: the control thread looks at what
 * the workers look at, in their order (wire_rx, ip4_input, ip4_lookup, rewrite, wire_tx, bridge).
 */

#include "dataplane/dp_priv.h"

/* Calls hop for each step; *hop is zeroed but for what the step is. */
typedef void trace_hop(void *arg, const struct dp_hop *hop);
void trace_run(struct engine *e, const struct dp_trace *rec, trace_hop *hop, void *arg);

#endif
