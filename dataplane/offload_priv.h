/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DATAPLANE_OFFLOAD_PRIV_H
#define DATAPLANE_OFFLOAD_PRIV_H

/*
 * What hosts leave to their devices. A host's kernel hands a tap that says what it can do (segments,
 * checksums) up to 64 KB of TCP or UDP payload under one header, and transport checksums that are
 * begun but not finished, with a header that says so (struct virtio_net_hdr, OASIS virtio 1.1
 * 5.1.6). Such a packet has PKT_OFFLOAD and crosses routers and bridges as it is; on the way its
 * frames are counted, and the length of one of them is what meets an MTU. A tap that takes it gets
 * it with the same header. Everybody else (devices, guests, taps that do not) gets frames, which
 * segment() makes of it.
 *
 * The header is the host's word: what is kept of it has been checked against the frame.
 */

#include "dataplane/graph_priv.h"

#include <linux/virtio_net.h>

#ifndef VIRTIO_NET_HDR_GSO_UDP_L4
#define VIRTIO_NET_HDR_GSO_UDP_L4 5 /* Linux 6.2 */
#endif

enum { OFFLOAD_SEGS_MAX = 2048 }; /* Linux: at most 1358, MSS 48 being its least */

/* A packet buffer of one segment with room for FRAME_SUPER bytes, without headroom. NULL: none. */
struct rte_mbuf *offload_alloc(struct engine *e);

/* The same packet once more. NULL: no buffer. */
struct rte_mbuf *offload_copy(struct engine *e, struct rte_mbuf *m);

/* A frame of a host, with the header it came with, as a packet: 0, or -EINVAL, the header asks for
 * what the frame is not. */
int offload_take(struct rte_mbuf *m, const struct virtio_net_hdr *h);

/* The header that says the same to another host's kernel. */
struct virtio_net_hdr offload_header(struct rte_mbuf *m);

/* Gives what a packet with PKT_OFFLOAD stands for to the node `then`, as frames. */
void segment(struct worker *w, struct rte_mbuf *m, graph_fn *then);

#endif
