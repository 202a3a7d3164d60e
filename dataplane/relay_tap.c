/* SPDX-License-Identifier: Apache-2.0 */
/* The relay thread's system calls on taps, and the headers that go with their frames. */
#include "dataplane/offload_priv.h"
#include "dataplane/relay_io_priv.h"

#include <errno.h>
#include <linux/if.h>
#include <linux/if_tun.h>
#include <sys/ioctl.h>
#include <sys/uio.h>

#ifndef TUN_F_USO4 /* Linux 6.2 */
#define TUN_F_USO4 0x20
#define TUN_F_USO6 0x40
#endif

enum { TAP_TURN = 256 << 10 }; /* bytes after which another descriptor has its turn */

void relay_tap_open(struct relay_port *rp)
{
	const unsigned tcp = TUN_F_CSUM | TUN_F_TSO4 | TUN_F_TSO6 | TUN_F_TSO_ECN;
	int header = sizeof(struct virtio_net_hdr);
	struct ifreq ifr;

	if (rp->backing != DP_BACK_TAP || ioctl(rp->fd, TUNGETIFF, &ifr) < 0 ||
	    !(ifr.ifr_flags & IFF_VNET_HDR) || ioctl(rp->fd, TUNSETVNETHDRSZ, &header) < 0)
		return;
	rp->offloads = true;
	/* A kernel that refuses even that gives us frames with empty headers. */
	if (ioctl(rp->fd, TUNSETOFFLOAD, tcp | TUN_F_USO4 | TUN_F_USO6) < 0)
		(void)ioctl(rp->fd, TUNSETOFFLOAD, tcp);
}

/* Where a frame that is too long for its slot goes on, and how long it may be all in all. */
static uint8_t *relay_tap_rest(struct relay_io *io, const struct relay_port *rp, size_t *max)
{
	if (rp->offloads && !io->super)
		io->super = offload_alloc(io->engine);
	if (!rp->offloads || !io->super) {
		*max = FRAME_MAX;
		return io->overflow[0];
	}
	*max = FRAME_SUPER;
	return rte_pktmbuf_mtod_offset(io->super, uint8_t *, FRAME_SMALL);
}

/* A frame longer than FRAME_MAX: its begin is in slot i, the rest where it is to be. */
static struct rte_mbuf *relay_tap_super(struct relay_io *io, struct relay_port *rp, unsigned i,
					size_t len)
{
	struct rte_mbuf *m = io->super;

	io->super = NULL;
	memcpy(rte_pktmbuf_mtod(m, void *), rte_pktmbuf_mtod(io->rx[i], void *), FRAME_SMALL);
	rte_pktmbuf_free(io->rx[i]);
	m->data_len = (uint16_t)len;
	m->pkt_len = (uint32_t)len;
	pkt(m)->handle = rp->handle;
	return m;
}

static struct rte_mbuf *relay_tap_lost(struct relay_port *rp, struct rte_mbuf *m, enum dp_drop why)
{
	relay_drop(rp, m, why);
	return NULL;
}

/* Reads a frame into slot i. Returns its length with its header, or -1: there is none. *out: the
 * packet, or NULL, counted. */
static ssize_t relay_tap_read(struct relay_io *io, struct relay_port *rp, unsigned i,
			      struct rte_mbuf **out)
{
	struct virtio_net_hdr h = { 0 };
	uint8_t beyond;
	size_t max, header = rp->offloads ? sizeof(h) : 0;
	uint8_t *rest = relay_tap_rest(io, rp, &max);
	struct iovec iov[] = { { &h, header },
			       { rte_pktmbuf_mtod(io->rx[i], void *), FRAME_SMALL },
			       { rest, max - FRAME_SMALL },
			       { &beyond, 1 } }; /* a tap cuts silently */
	ssize_t all = readv(rp->fd, iov, RTE_DIM(iov));
	size_t len = (size_t)all - header;

	if (all < 0)
		return -1;
	if (all < (ssize_t)header)
		len = 0;
	if (len > FRAME_MAX && rp->offloads && !io->super) {
		*out = relay_tap_lost(rp, io->rx[i], DP_DROP_NO_MEMORY);
		return all;
	}
	*out = len > FRAME_MAX && len <= max ? relay_tap_super(io, rp, i, len) :
					       relay_take(io, rp, i, len, rest);
	if (*out && offload_take(*out, &h) < 0)
		*out = relay_tap_lost(rp, *out, DP_DROP_OFFLOAD);
	return all;
}

unsigned relay_tap_receive(struct relay_io *io, struct relay_port *rp, unsigned slots,
			   struct rte_mbuf **pkts, unsigned *read)
{
	unsigned n = 0, got = 0;
	size_t bytes = 0;

	while (got < slots && bytes < TAP_TURN) {
		ssize_t len = relay_tap_read(io, rp, got, &pkts[n]);

		if (len < 0)
			break;
		n += !!pkts[n];
		bytes += (size_t)len;
		got++;
	}
	*read = got;
	relay_consume(io, got);
	return n;
}

int relay_tap_send(struct relay_port *rp, struct rte_mbuf *m)
{
	struct virtio_net_hdr h = offload_header(m);
	struct iovec iov[] = { { &h, rp->offloads ? sizeof(h) : 0 },
			       { rte_pktmbuf_mtod(m, void *), m->data_len } };

	return writev(rp->fd, iov, RTE_DIM(iov)) < 0 ? -errno : 1;
}
