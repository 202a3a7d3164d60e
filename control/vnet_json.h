/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CONTROL_VNET_JSON_H
#define CONTROL_VNET_JSON_H

#include "base/buf.h"
#include "control/vnet.h"
#include "dataplane/api.h"

#include <jansson.h>

/* The VNET object of docs/api.md. stats: what stats_ask() gave, may be empty. */
json_t *vnet_json(struct vnet *v, const struct buf *stats);

/* Of its links. */
json_t *vnet_link_json(struct vnet *v, const struct link *l, const struct buf *stats);
/* What stats has of a port; false: nothing, and out is zero. */
bool vnet_find_port(const struct buf *stats, uint32_t id, struct dp_port_stats *out);

/* A router's FIB: {"routes": [...]}. */
json_t *vnet_routes_json(const struct node *n);

#endif
