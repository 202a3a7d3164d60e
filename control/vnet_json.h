/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CONTROL_VNET_JSON_H
#define CONTROL_VNET_JSON_H

#include "base/buf.h"
#include "control/vnet.h"

#include <jansson.h>

/* The VNET object of docs/api.md. stats: what stats_ask() gave, may be empty. */
json_t *vnet_json(struct vnet *v, const struct buf *stats);

/* A router's FIB: {"routes": [...]}. */
json_t *vnet_routes_json(const struct node *n);

#endif
