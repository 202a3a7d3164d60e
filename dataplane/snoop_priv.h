/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DATAPLANE_SNOOP_PRIV_H
#define DATAPLANE_SNOOP_PRIV_H

/*
 * How a router's guest and its neighbours find each other is copied to whoever wants to know, and kept
 * for who comes after that one (api_snoop.h). The relay thread does it, which has these frames in its
 * hands anyhow; workers do not look at it.
 */

#include "dataplane/dp_priv.h"

/* Of a router; takes fd on success only. Control thread. */
int snoop_set(struct engine *e, const struct dp_snoop *rec, int fd, struct err *err);
/* What is kept of the port. Control thread. */
void snoop_forget(struct engine *e, uint32_t port);
/* Ends it. Control thread. */
void snoop_end(struct engine *e, struct vnode *node);

/* A whole frame that the port's guest was sent, or has sent. Relay thread. */
void snoop_copy(struct snoop *s, const struct port *port, const void *frame, uint32_t len, bool sent);

static inline void snoop_frame(const struct port *port, const void *frame, uint32_t len, bool sent)
{
	struct snoop *s = RD(port->node->snoop);

	if (unlikely(s != NULL))
		snoop_copy(s, port, frame, len, sent);
}

#endif
