/* SPDX-License-Identifier: Apache-2.0 */
/* The relay thread's system calls: recvmmsg and sendmmsg on sockets; relay_tap.c has taps. */
#include "dataplane/relay_io_priv.h"

#include "dataplane/relay_priv.h"
#include "dataplane/snoop_priv.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/uio.h>
#include <unistd.h>

int relay_io_init(struct relay_io *io, struct engine *e)
{
	*io = (struct relay_io){ .engine = e, .limit = e->small->size / 2 };
	io->overflow = malloc(RELAY_BATCH * sizeof(*io->overflow));
	return io->overflow ? 0 : -ENOMEM;
}

void relay_io_fini(struct relay_io *io)
{
	rte_pktmbuf_free_bulk(io->rx, io->rx_count);
	rte_pktmbuf_free(io->super);
	free(io->overflow);
}

struct relay_port *relay_port_create(struct port *port, uint32_t backing, int fd)
{
	struct relay_port *rp = calloc(1, sizeof(*rp));

	if (!rp)
		return NULL;
	rp->port = port;
	rp->handle = port->handle;
	rp->backing = backing;
	rp->fd = fd;
	rp->alive = 1;
	return rp;
}

/* The queue whose head goes next. */
static struct relay_queue *relay_next(struct relay_port *rp)
{
	return &rp->queues[rp->queues[LANE_CONTROL].head ? LANE_CONTROL : LANE_REST];
}

static uint32_t relay_buffers(const struct engine *e, const struct rte_mbuf *m)
{
	return m->pool == e->small ? 1 : e->small->size / m->pool->size;
}

/* That head, or NULL. */
static struct rte_mbuf *relay_unlink(struct relay_port *rp)
{
	struct relay_queue *q = relay_next(rp);
	struct rte_mbuf *m = q->head;

	if (m) {
		q->head = pkt(m)->next;
		q->count--;
	}
	return m;
}

static struct rte_mbuf *relay_pop(struct relay_io *io, struct relay_port *rp)
{
	struct rte_mbuf *m = relay_unlink(rp);

	if (m) {
		io->queued -= relay_buffers(io->engine, m);
		rp->port->vnet->local[COUNTERS_RELAY].queued -= relay_buffers(io->engine, m);
	}
	return m;
}

void relay_port_free(struct engine *e, void *arg)
{
	struct relay_port *rp = arg;
	struct vnet_local *control = &rp->port->vnet->local[COUNTERS_CONTROL];
	struct rte_mbuf *m;

	while ((m = relay_unlink(rp))) {
		WR(e->relay_freed, e->relay_freed + relay_buffers(e, m));
		WR(control->queued, control->queued - relay_buffers(e, m));
		port_drop(rp->port, COUNTERS_CONTROL, m, DP_DROP_NO_BACKING);
	}
	if (rp->fd >= 0)
		close(rp->fd);
	free(rp);
}

bool relay_port_alive(const struct relay_port *rp)
{
	return rp && RD(rp->alive);
}

/* Whether the vnet may have another frame waiting. */
static bool relay_room(const struct relay_io *io, const struct vnet *vnet, enum relay_lane lane)
{
	uint32_t all = io->queued - RD(io->engine->relay_freed);
	uint32_t own = vnet->local[COUNTERS_RELAY].queued +
		       RD(vnet->local[COUNTERS_CONTROL].queued);

	return own + all < io->limit + (lane == LANE_CONTROL ? io->limit / 2 : 0);
}

void relay_io_queue(struct relay_io *io, struct relay_port *rp, enum relay_lane lane,
		    struct rte_mbuf *m)
{
	struct relay_queue *q = &rp->queues[lane];
	struct vnet *vnet = rp->port->vnet;

	if (q->count == RELAY_QUEUE || !relay_room(io, vnet, lane) ||
	    (m->ol_flags && !rp->offloads)) { /* which was for the descriptor before this one */
		relay_drop(rp, m, DP_DROP_BACKING_FULL);
		return;
	}
	pkt(m)->next = NULL;
	if (q->head)
		pkt(q->tail)->next = m;
	else
		q->head = m;
	q->tail = m;
	q->count++;
	io->queued += relay_buffers(io->engine, m);
	vnet->local[COUNTERS_RELAY].queued += relay_buffers(io->engine, m);
}

void relay_io_drop(struct relay_io *io, struct relay_port *rp, enum dp_drop why)
{
	struct rte_mbuf *m;

	while ((m = relay_pop(io, rp)))
		relay_drop(rp, m, why);
}

/* What a failed send means for the frame that goes next. True: try again later. */
static bool relay_send_failed(struct relay_io *io, struct relay_port *rp, int error)
{
	enum dp_drop why = DP_DROP_NO_BACKING;

	switch (error) {
	case EAGAIN:
	case EINTR:
		return true;
	case ENOBUFS:
	case ENOMEM:
		why = DP_DROP_BACKING_FULL;
		break;
	case EMSGSIZE:
	case EINVAL: /* a tap refuses the frame */
		why = DP_DROP_GIANT;
		break;
	default: /* the other end is gone: ECONNREFUSED, ENOTCONN, EPIPE, EIO, EBADFD */
		WR(rp->alive, 0);
	}
	relay_drop(rp, relay_pop(io, rp), why);
	return false;
}

static void relay_sent(struct relay_io *io, struct relay_port *rp, unsigned n)
{
	if (!rp->alive)
		WR(rp->alive, 1);
	while (n--) {
		struct rte_mbuf *m = relay_pop(io, rp);

		relay_counters(rp)->punted += pkt_frames(m);
		if (rp->backing == DP_BACK_DGRAM)
			snoop_frame(rp->port, rte_pktmbuf_mtod(m, const void *), m->data_len, false);
		rte_pktmbuf_free(m);
	}
}

/* Sends up to max, in the order of relay_pop(). Returns how many were taken, or -errno. */
static int relay_send_batch(struct relay_io *io, struct relay_port *rp, int max)
{
	int n = 0;

	if (rp->backing == DP_BACK_TAP)
		return relay_tap_send(rp, relay_next(rp)->head);
	for (unsigned lane = 0; lane < LANES; lane++) {
		struct rte_mbuf *m = rp->queues[lane].head;

		for (; m && n < max; m = pkt(m)->next, n++) {
			io->tx_iov[n] = (struct iovec){ rte_pktmbuf_mtod(m, void *), m->pkt_len };
			io->tx_msgs[n].msg_hdr =
				(struct msghdr){ .msg_iov = &io->tx_iov[n], .msg_iovlen = 1 };
		}
	}
	n = sendmmsg(rp->fd, io->tx_msgs, (unsigned)n, MSG_DONTWAIT | MSG_NOSIGNAL);
	return n < 0 ? -errno : n;
}

bool relay_io_send(struct relay_io *io, struct relay_port *rp)
{
	int left = RELAY_BUDGET, n;

	while (relay_next(rp)->head && left > 0) {
		int more = (int)(relay_next(rp)->head->pkt_len / RELAY_BYTES);

		n = relay_send_batch(io, rp, RTE_MIN(left, RELAY_BATCH));
		left -= RTE_MAX(n, 1) + more;
		if (n > 0)
			relay_sent(io, rp, (unsigned)n);
		else if (relay_send_failed(io, rp, -n))
			return true;
	}
	return relay_next(rp)->head;
}

/* Full slots for the next receive; fewer when buffers are short. */
static unsigned relay_refill(struct relay_io *io)
{
	while (io->rx_count < RELAY_BATCH) {
		struct rte_mbuf *m = rte_pktmbuf_alloc(io->engine->small);

		if (!m)
			break;
		io->rx[io->rx_count] = m;
		WR(io->rx_count, io->rx_count + 1);
	}
	for (unsigned i = 0; i < io->rx_count; i++) {
		io->rx_iov[i][0] = (struct iovec){ rte_pktmbuf_mtod(io->rx[i], void *), FRAME_SMALL };
		io->rx_iov[i][1] = (struct iovec){ io->overflow[i], FRAME_MAX - FRAME_SMALL };
		io->rx_msgs[i].msg_hdr =
			(struct msghdr){ .msg_iov = io->rx_iov[i], .msg_iovlen = 2 };
	}
	return io->rx_count;
}

struct rte_mbuf *relay_take(struct relay_io *io, struct relay_port *rp, unsigned i, size_t len,
			    const uint8_t *rest)
{
	struct rte_mbuf *m = io->rx[i], *big;
	char *to;

	if (!len || len > FRAME_MAX) {
		relay_counters(rp)->drops[len ? DP_DROP_GIANT : DP_DROP_RUNT]++;
		rte_pktmbuf_free(m);
		return NULL;
	}
	if (len > FRAME_SMALL) {
		big = rte_pktmbuf_alloc(io->engine->jumbo);
		to = big ? rte_pktmbuf_append(big, (uint16_t)len) : NULL;
		if (to) {
			memcpy(to, rte_pktmbuf_mtod(m, void *), FRAME_SMALL);
			memcpy(to + FRAME_SMALL, rest, len - FRAME_SMALL);
		} else {
			relay_counters(rp)->drops[DP_DROP_NO_MEMORY]++;
			rte_pktmbuf_free(big);
			big = NULL;
		}
		rte_pktmbuf_free(m);
		m = big;
	} else {
		m->data_len = (uint16_t)len;
		m->pkt_len = (uint32_t)len;
	}
	if (m)
		pkt_name(m, rp->port);
	return m;
}

void relay_consume(struct relay_io *io, unsigned n)
{
	WR(io->rx_count, io->rx_count - n);
	memmove(io->rx, io->rx + n, io->rx_count * sizeof(struct rte_mbuf *));
}

/* No buffers: one frame is read into nothing, so that the descriptor does not wake us forever. */
static unsigned relay_discard(struct relay_io *io, struct relay_port *rp)
{
	if (read(rp->fd, io->overflow[0], FRAME_MAX) <= 0)
		return 0;
	relay_counters(rp)->drops[DP_DROP_NO_MEMORY]++;
	return 1;
}

/* Fills the first slots; returns how many. */
static unsigned relay_read_batch(struct relay_io *io, struct relay_port *rp, unsigned slots)
{
	int rc = recvmmsg(rp->fd, io->rx_msgs, slots, MSG_DONTWAIT, NULL);

	return rc < 0 ? 0 : (unsigned)rc;
}

unsigned relay_io_receive(struct relay_io *io, struct relay_port *rp, struct rte_mbuf **pkts,
			  unsigned *read)
{
	unsigned slots = relay_refill(io), n = 0, got;

	if (!slots) {
		*read = relay_discard(io, rp);
		return 0;
	}
	if (rp->backing == DP_BACK_TAP)
		return relay_tap_receive(io, rp, slots, pkts, read);
	got = *read = relay_read_batch(io, rp, slots);
	for (unsigned i = 0; i < got; i++) {
		bool cut = io->rx_msgs[i].msg_hdr.msg_flags & MSG_TRUNC;

		pkts[n] = relay_take(io, rp, i, cut ? SIZE_MAX : io->rx_msgs[i].msg_len,
				     io->overflow[i]);
		if (pkts[n])
			snoop_frame(rp->port, rte_pktmbuf_mtod(pkts[n], const void *),
				    pkts[n]->data_len, true);
		n += !!pkts[n];
	}
	relay_consume(io, got);
	return n;
}

bool relay_io_recover(struct relay_port *rp, uint32_t events)
{
	int error = 0;
	socklen_t len = sizeof(error);

	WR(rp->alive, 0);
	/* Reading a socket's error clears it; a hung-up one or a tap without device stays so. */
	return !(events & EPOLLHUP) && rp->backing == DP_BACK_DGRAM &&
	       getsockopt(rp->fd, SOL_SOCKET, SO_ERROR, &error, &len) == 0;
}
