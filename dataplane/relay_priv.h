/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DATAPLANE_RELAY_PRIV_H
#define DATAPLANE_RELAY_PRIV_H

#include "dataplane/dp_priv.h"

/*
 * The relay thread makes the system calls that workers may not: it moves frames between rings and
 * the descriptors of datagram and tap ports, in batches. A descriptor that does not take frames
 * keeps a bounded queue; what does not fit is dropped and counted on its port.
 */
int relay_create(struct engine *e, struct err *err); /* sets e->relay; starts the thread */
void relay_stop(struct relay *r);
void relay_destroy(struct relay *r); /* stopped, without ports; NULL allowed */

/* After to_relay rings were written. Any thread. */
void relay_wake(struct relay *r);

/* Serves fd for port (handle, backing) from now on. Takes fd on success only. Control thread. */
int relay_attach(struct engine *e, struct port *port, uint32_t backing, int fd, struct err *err);

/* Ends that; the descriptor is closed when no thread uses it any more. */
void relay_detach(struct engine *e, struct port *port);

bool relay_port_alive(const struct relay_port *rp);

#endif
