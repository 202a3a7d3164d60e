/* SPDX-License-Identifier: Apache-2.0 */
/* A NIC whose queue pairs are served by another process. The control queue, if there is one, is ours. */
#include "virtio/net_priv.h"

#include "virtio/vhost_user.h"

#include <linux/virtio_config.h>
#include <linux/virtio_ring.h>

#define BIT(feature) (1ull << (feature))
#define OPTIONAL (NET_OFFLOADS | BIT(VIRTIO_NET_F_MRG_RXBUF))
#define PASSED                                                                                     \
	(OPTIONAL | BIT(VIRTIO_NET_F_MQ) | BIT(VIRTIO_F_VERSION_1) | BIT(VIRTIO_F_RING_PACKED) |   \
	 BIT(VIRTIO_RING_F_INDIRECT_DESC) | BIT(VIRTIO_RING_F_EVENT_IDX))

static void start(struct net *n)
{
	vhost_user_start(n->vhost);
}

/* Without carrier the back end passes nothing on, whatever it thinks of the link. */
static void enable(struct net *n)
{
	vhost_user_enable(n->vhost, n->carrier ? 2u * n->pairs : 0);
}

static void stop(struct net *n)
{
	vhost_user_stop(n->vhost);
	enable(n);
}

static bool kick(struct net *n, unsigned queue)
{
	return false; /* a queue beyond those of the back end, that the driver did not negotiate */
}

static void destroy(struct net *n)
{
	vhost_user_destroy(n->vhost);
}

static void attached(void *arg, bool is)
{
	net_attached(arg, is);
}

static void refused(void *arg)
{
	((struct net *)arg)->stats.peer_refused++;
}

int net_vhost_init(struct net *n, const struct virtio_net_conf *conf, struct event_base *base,
		   struct err *err)
{
	static const struct net_backend backend = {
		.name = "vhost-user", .start = start, .stop = stop, .kick = kick, .paired = enable,
		.linked = enable, .destroy = destroy,
	};
	const struct vhost_user_conf vhost = {
		.dev = &n->dev, .path = conf->vhost_user, .mem = conf->mem, .mem_fd = conf->mem_fd,
		.rings = 2 * conf->pairs, .mtu = conf->mtu, .passed = PASSED, .optional = OPTIONAL,
		.attached = attached, .refused = refused, .arg = n,
	};

	n->backend = &backend;
	n->dev.direct_count = 2 * conf->pairs;
	n->dev.unsavable = "its queues are at another process, by vhost-user";
	return vhost_user_create(&vhost, base, &n->vhost, err);
}
