/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DATAPLANE_CAPTURE_PRIV_H
#define DATAPLANE_CAPTURE_PRIV_H

/*
 * Packets of ports are copied to captures (DP_CAPTURE_SET). A link that is captured is not one that
 * the fast path goes over (port.peer is NULL), so that it need not ask; the graph's nodes ask a
 * flag beside others that they look at anyhow. The copy is made when a packet goes over the wire,
 * and when it is dropped, wherever that is.
 */

#include "dataplane/worker_priv.h"

/* Control thread; records as for objects_priv.h. */
int capture_set(struct engine *e, const struct dp_capture *rec, int fd, struct err *err);
int capture_port(struct engine *e, const struct dp_capture_port *rec, struct err *err);
int capture_del(struct engine *e, uint32_t id, struct err *err);
void captures_end(struct engine *e, const struct vnet *vnet); /* NULL: all */

/* Now, by the TSC and a clock of clock_gettime(2). */
struct capture_clock capture_clock_now(int clock);

/* Copies the packet to those that want it. mark: see struct dp_capture; who: the thread's counters. */
void capture_copy(const struct port *port, unsigned who, const struct rte_mbuf *m, uint32_t mark);

/* It goes over port's wire, in or out. */
static inline void capture_wire(struct worker *w, const struct port *port, uint32_t mode,
				const struct rte_mbuf *m, uint32_t mark)
{
	if (likely(!(mode & PORT_CAPTURED)))
		return;
	worker_work(w, port->vnet, WORK_CAPTURE);
	capture_copy(port, w->index, m, mark);
}

/* It is dropped: where the port's counter says so. */
static inline void capture_drop(const struct port *port, unsigned who, const struct rte_mbuf *m,
				enum dp_drop why)
{
	if (unlikely(RD(port->mode) & PORT_CAPTURED))
		capture_copy(port, who, m, DP_CAPTURE_DROP + why);
}

/* All of it: counts the frames that it stands for, and frees it. */
static inline void port_drop(struct port *port, unsigned who, struct rte_mbuf *m, enum dp_drop why)
{
	port->local[who].count.drops[why] += pkt_frames(m);
	capture_drop(port, who, m, why);
	rte_pktmbuf_free(m);
}

/* One that is named (pkt_name()): at its port, or if that is gone at its vnet. */
static inline void pkt_drop(struct engine *e, unsigned who, struct rte_mbuf *m, enum dp_drop why)
{
	struct port *port = port_by_handle(e, pkt(m)->handle);

	if (port) {
		port_drop(port, who, m, why);
		return;
	}
	pkt_gone(e, m, who);
	rte_pktmbuf_free(m);
}

#endif
