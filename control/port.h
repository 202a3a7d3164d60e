/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CONTROL_PORT_H
#define CONTROL_PORT_H

#include "control/vnet.h"
#include "dataplane/api.h"

/* What the engine is told of any port; the caller adds the backing. */
struct dp_port port_record(const struct port *p, const struct node *node);

#endif
