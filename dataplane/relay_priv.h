/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DATAPLANE_RELAY_PRIV_H
#define DATAPLANE_RELAY_PRIV_H

#include "dataplane/dp_priv.h"

/*
 * The relay thread makes the system calls that workers may not: it moves frames between rings and
 * the descriptors of datagram and tap ports, in batches. A descriptor that does not take frames
 * keeps bounded queues; what does not fit is dropped and counted on its port.
 *
 * Each port has a turn in a round, and a budget for it: a port that floods, or whose queue has
 * grown, delays the others by no more. What is control (enum relay_lane) comes by rings of its own,
 * which are looked at after every turn; it waits in queues of its own, and leaves first. What a
 * vnet's guests inject has a rate. Over it they are not read: nothing is lost, their sockets fill.
 */
int relay_create(struct engine *e, struct err *err); /* sets e->relay */
int relay_start(struct relay *r, struct err *err);   /* the thread */
void relay_stop(struct relay *r);
void relay_destroy(struct relay *r); /* stopped, without ports; NULL allowed */

/* What the thread does: waits until descriptors or rings want something (looks only, when it shall
 * not sleep), then serves each port that does once. now: TSC. */
void relay_wait(struct relay *r, bool sleep);
void relay_round(struct relay *r, uint64_t now);

/* After to_relay rings were written. Any thread. */
void relay_wake(struct relay *r);

/* Serves fd for port (handle, backing) from now on. Takes fd on success only. Control thread. */
int relay_attach(struct engine *e, struct port *port, uint32_t backing, int fd, struct err *err);

/* Ends that; the descriptor is closed when no thread uses it any more. */
void relay_detach(struct engine *e, struct port *port);

bool relay_port_alive(const struct relay_port *rp);

/* Empty packet buffers that it keeps for what it reads next. Any thread. */
unsigned relay_spare(const struct relay *r);

#endif
