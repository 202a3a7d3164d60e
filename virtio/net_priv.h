/* SPDX-License-Identifier: Apache-2.0 */
#ifndef VIRTIO_NET_PRIV_H
#define VIRTIO_NET_PRIV_H

/*
 * The NIC in two halves: net.c is what the driver sees (configuration, link, number of queue pairs);
 * a back end is where frames go: net_relay.c and net_tap.c move them by a descriptor, with
 * net_frames.c in common; net_vhost.c leaves the queues to another process.
 */

#include "virtio/devices.h"

#include <linux/virtio_net.h>
#include <sys/un.h>

/* Of checksums and TCP segments, to the host and to the guest. */
#define NET_OFFLOADS                                                                               \
	(1ull << VIRTIO_NET_F_CSUM | 1ull << VIRTIO_NET_F_HOST_TSO4 |                              \
	 1ull << VIRTIO_NET_F_HOST_TSO6 | 1ull << VIRTIO_NET_F_HOST_ECN |                          \
	 1ull << VIRTIO_NET_F_GUEST_CSUM | 1ull << VIRTIO_NET_F_GUEST_TSO4 |                       \
	 1ull << VIRTIO_NET_F_GUEST_TSO6 | 1ull << VIRTIO_NET_F_GUEST_ECN)

enum { NET_HEADER = sizeof(struct virtio_net_hdr_v1), NET_FLOWS = 256 };

struct event;
struct net;
struct vhost_user;

struct net_backend {
	const char *name;
	void (*start)(struct net *n); /* as those of virtio_type */
	void (*stop)(struct net *n);
	bool (*kick)(struct net *n, unsigned queue);
	void (*paired)(struct net *n);	/* n->pairs was set by the driver; also before start */
	void (*linked)(struct net *n);	/* the link, or the carrier, went up or down */
	void (*destroy)(struct net *n); /* also of what was made in part */
};

/* How frames cross a descriptor. The chain begins with NET_HEADER bytes of header. */
struct net_wire {
	/* Says what became of it by the counters. */
	void (*transmit)(struct net *n, unsigned pair, const struct vq_chain *c);
	/* Bytes written to the chain, header included; -EAGAIN: nothing there; -EMSGSIZE: did not fit,
	 * is dropped; -EIO: there will never be anything again. */
	int64_t (*receive)(struct net *n, int fd, const struct vq_chain *c);
	/* The pair that the next frame of fd is for, or -EAGAIN: there is none. */
	int (*steer)(struct net *n, unsigned at);
};

/* A descriptor that frames come from. */
struct net_source {
	struct net *net;
	int fd;
	struct event *readable; /* pending while the driver has buffers, or there is no link */
};

struct net {
	struct virtio_device dev; /* first */
	struct virtio_net_config conf;
	struct virtio_net_stats stats;
	const struct net_backend *backend;
	bool carrier;  /* as the machine was told */
	bool attached; /* the back end has somebody at its other end */
	uint16_t pairs; /* in use; conf.max_virtqueue_pairs is how many there are */
	struct virtio_held control;
	/* net_frames.c */
	const struct net_wire *wire;
	unsigned serving; /* the pair whose frames are sent */
	unsigned source_count;
	struct net_source source[VIRTIO_NET_PAIRS_MAX];
	struct virtio_held rx[VIRTIO_NET_PAIRS_MAX], tx[VIRTIO_NET_PAIRS_MAX];
	/* net_relay.c */
	struct sockaddr_un local, peer;
	uint8_t flow[NET_FLOWS]; /* the pair that a flow was last sent on */
	/* net_vhost.c */
	struct vhost_user *vhost;
};

static inline unsigned net_rx(unsigned pair)
{
	return 2 * pair;
}

static inline unsigned net_tx(unsigned pair)
{
	return 2 * pair + 1;
}

static inline bool net_link(const struct net *n)
{
	return n->conf.status & VIRTIO_NET_S_LINK_UP;
}

/* net.c: the other end came or went. */
void net_attached(struct net *n, bool attached);

/* net_frames.c. Descriptors are not blocking; taken on success. */
int net_frames_add(struct net *n, int fd, struct event_base *base, struct err *err);
void net_frames_listen(struct net *n); /* on those that are in use */
void net_frames_stop(struct net *n);
bool net_frames_kick(struct net *n, unsigned queue);
void net_frames_destroy(struct net *n);

/* net_flow.c: a number below NET_FLOWS, the same in both directions of a flow: of addresses, protocol
 * and ports. */
enum { NET_FLOW_BYTES = 14 + 40 + 4 }; /* of a frame, that it looks at */
unsigned net_flow(const uint8_t *frame, size_t len);

/* Each fills in n->backend and what belongs to it. */
int net_relay_init(struct net *n, const struct virtio_net_conf *conf, struct event_base *base,
		   struct err *err);
int net_tap_init(struct net *n, const struct virtio_net_conf *conf, struct event_base *base,
		 struct err *err);
int net_vhost_init(struct net *n, const struct virtio_net_conf *conf, struct event_base *base,
		   struct err *err);

#endif
