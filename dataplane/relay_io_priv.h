/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DATAPLANE_RELAY_IO_PRIV_H
#define DATAPLANE_RELAY_IO_PRIV_H

#include "dataplane/capture_priv.h"

#include <sys/socket.h>

enum {
	RELAY_BATCH = 32,  /* frames of one system call; read from a descriptor in one round */
	RELAY_BUDGET = 64, /* sent to it in one round; */
	RELAY_BYTES = 16384, /* one that has several times that counts so much more */
	RELAY_QUEUE = 512, /* waiting for it, in each lane */
};

/* One descriptor. The relay thread's, except for `alive`. */
struct relay_port {
	struct port *port;
	uint32_t handle, backing;
	int fd;
	uint32_t armed; /* epoll events */
	uint32_t epoch; /* of the engine, when the descriptor came */
	bool dead;	/* the descriptor is no use any more, nor polled */
	bool offloads;	/* a tap with headers: relay_tap.c */
	bool dirty;
	uint32_t alive;
	struct relay_queue {
		struct rte_mbuf *head, *tail;
		unsigned count;
	} queues[LANES];
};

/* Buffers the next frames are received into. A frame over FRAME_SMALL ends in its overflow area
 * and is then copied to a jumbo packet, so that every packet is one segment. */
struct relay_io {
	struct engine *engine;
	uint32_t queued; /* buffers at all descriptors, and engine.relay_freed */
	uint32_t limit;	 /* of these: half of the small ones. A jumbo one counts as several */
	struct rte_mbuf *rx[RELAY_BATCH];
	unsigned rx_count; /* RD() by other threads */
	struct mmsghdr rx_msgs[RELAY_BATCH], tx_msgs[RELAY_BATCH];
	struct iovec rx_iov[RELAY_BATCH][2], tx_iov[RELAY_BATCH];
	uint8_t (*overflow)[FRAME_MAX];
	struct rte_mbuf *super; /* where the next frame of a tap ends that is longer than FRAME_SMALL */
};

int relay_io_init(struct relay_io *io, struct engine *e);
void relay_io_fini(struct relay_io *io);

struct relay_port *relay_port_create(struct port *port, uint32_t backing, int fd);
void relay_port_free(struct engine *e, void *rp); /* closes; counts what waited. Control thread */

/*
 * A lane that is full drops the frame; no lane takes room of another. Buffers are shared by all, so
 * a vnet may have no more of them waiting than are left: a vnet alone half of `limit`, n vnets
 * that take what they get 1/(n + 1) each, and as much is there for the next (Choudhury and Hahne,
 * "Dynamic queue length thresholds", 1998). Control has half of `limit` on top, and so always
 * room when all of that is other frames.
 */
void relay_io_queue(struct relay_io *io, struct relay_port *rp, enum relay_lane lane,
		    struct rte_mbuf *m);
void relay_io_drop(struct relay_io *io, struct relay_port *rp, enum dp_drop why); /* the queues */

/* Sends a round's budget of what is queued, control first. True: there is more, for when the
 * descriptor is writable. */
bool relay_io_send(struct relay_io *io, struct relay_port *rp);

/* Reads up to RELAY_BATCH frames, *read of them; returns how many are good. */
unsigned relay_io_receive(struct relay_io *io, struct relay_port *rp, struct rte_mbuf **pkts,
			  unsigned *read);

/* A frame of len bytes that begins in receive slot i and goes on in `rest`, as a packet of one segment;
 * NULL: none, counted. */
struct rte_mbuf *relay_take(struct relay_io *io, struct relay_port *rp, unsigned i, size_t len,
			    const uint8_t *rest);

/* The first n receive slots were used up. */
void relay_consume(struct relay_io *io, unsigned n);

static inline struct counters *relay_counters(struct relay_port *rp)
{
	return &rp->port->local[COUNTERS_RELAY].count;
}

static inline void relay_drop(struct relay_port *rp, struct rte_mbuf *m, enum dp_drop why)
{
	port_drop(rp->port, COUNTERS_RELAY, m, why);
}

/* Asks a tap's kernel for what we take, if the tap has headers. Control thread. */
void relay_tap_open(struct relay_port *rp);

/* As relay_io_receive(), into the first `slots` slots, with a bound on bytes as well. */
unsigned relay_tap_receive(struct relay_io *io, struct relay_port *rp, unsigned slots,
			   struct rte_mbuf **pkts, unsigned *read);

/* Sends one packet. 1, or -errno. */
int relay_tap_send(struct relay_port *rp, struct rte_mbuf *m);

/* After EPOLLERR or EPOLLHUP: true when the descriptor is worth polling on. */
bool relay_io_recover(struct relay_port *rp, uint32_t events);

#endif
