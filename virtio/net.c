/* SPDX-License-Identifier: Apache-2.0 */
/* What the driver of a NIC sees (virtio 1.2, 5.1): its configuration, its link, and the control queue
 * by which it says how many pairs of queues it uses. */
#include "virtio/net_priv.h"

#include <errno.h>
#include <linux/virtio_ids.h>
#include <stdlib.h>
#include <string.h>

static struct net *of(struct virtio_device *dev)
{
	return (struct net *)dev;
}

static void update_link(struct net *n)
{
	bool up = n->carrier && n->attached;

	if (up == net_link(n))
		return;
	n->conf.status = up ? VIRTIO_NET_S_LINK_UP : 0;
	n->backend->linked(n);
	n->dev.config_changed(n->dev.transport);
}

void net_attached(struct net *n, bool attached)
{
	if (attached == n->attached)
		return;
	n->attached = attached;
	if (attached)
		n->stats.peer_attached++;
	else
		n->stats.peer_lost++;
	update_link(n);
}

void virtio_net_carrier(struct virtio_device *dev, bool up)
{
	struct net *n = of(dev);

	if (up == n->carrier)
		return;
	n->carrier = up;
	n->backend->linked(n);
	update_link(n);
}

/* One command: class, command, and what it says, to read; a byte of answer to write. */
static int64_t take_control(struct virtio_device *dev, const struct vq_chain *c)
{
	struct net *n = of(dev);
	struct virtio_net_ctrl_hdr h = { 0 };
	struct virtio_net_ctrl_mq mq = { 0 };
	virtio_net_ctrl_ack ack = VIRTIO_NET_ERR;

	iov_read(c->iov, c->out_count, 0, &h, sizeof(h));
	if (h.class == VIRTIO_NET_CTRL_MQ && h.cmd == VIRTIO_NET_CTRL_MQ_VQ_PAIRS_SET &&
	    iov_read(c->iov, c->out_count, sizeof(h), &mq, sizeof(mq)) == sizeof(mq) &&
	    mq.virtqueue_pairs >= 1 && mq.virtqueue_pairs <= n->conf.max_virtqueue_pairs) {
		n->pairs = mq.virtqueue_pairs;
		n->backend->paired(n);
		ack = VIRTIO_NET_OK;
	}
	return (int64_t)iov_write(c->iov + c->out_count, c->in_count, 0, &ack, sizeof(ack));
}

static bool kick(struct virtio_device *dev, unsigned queue)
{
	struct net *n = of(dev);

	if (queue == 2u * n->conf.max_virtqueue_pairs)
		return virtio_serve_queue(dev, queue, &n->control, take_control);
	return n->backend->kick(n, queue);
}

struct virtio_net_stats virtio_net_stats(const struct virtio_device *dev)
{
	return ((const struct net *)dev)->stats;
}

struct virtio_net_status virtio_net_status(const struct virtio_device *dev)
{
	const struct net *n = (const struct net *)dev;

	return (struct virtio_net_status){ .backend = n->backend->name, .link = net_link(n),
					   .pairs = n->pairs };
}

static void config(struct virtio_device *dev, uint32_t at, void *to, uint32_t len)
{
	virtio_config_copy(&of(dev)->conf, sizeof(of(dev)->conf), at, to, len);
}

static void start(struct virtio_device *dev)
{
	of(dev)->backend->start(of(dev));
}

static void stop(struct virtio_device *dev)
{
	struct net *n = of(dev);

	n->control.is = false;
	n->pairs = 1;
	n->backend->stop(n);
}

/* What the driver reads once, when it finds the NIC, and what it has set; not what the machine
 * says. */
static void save(const struct virtio_device *dev, struct buf *out)
{
	const struct net *n = (const struct net *)dev;

	buf_put(out, n->conf.mac, sizeof(n->conf.mac));
	buf_u16(out, n->conf.mtu);
	buf_u16(out, n->pairs);
	buf_put(out, n->flow, sizeof(n->flow));
	buf_put(out, &n->stats, sizeof(n->stats));
}

/* Its link may be another one than when it was saved: the driver is to look. */
static int load(struct virtio_device *dev, struct rd *in)
{
	struct net *n = of(dev);
	uint8_t mac[sizeof(n->conf.mac)];
	uint16_t mtu, pairs;

	rd_copy(in, mac, sizeof(mac));
	mtu = rd_u16(in);
	pairs = rd_u16(in);
	if (in->bad || memcmp(mac, n->conf.mac, sizeof(mac)) != 0 || mtu != n->conf.mtu ||
	    pairs < 1 || pairs > n->conf.max_virtqueue_pairs)
		return -EINVAL;
	n->pairs = pairs;
	n->backend->paired(n);
	rd_copy(in, n->flow, sizeof(n->flow));
	rd_copy(in, &n->stats, sizeof(n->stats));
	dev->config_changed(dev->transport);
	return 0;
}

static void destroy(struct virtio_device *dev)
{
	struct net *n = of(dev);

	if (n->backend)
		n->backend->destroy(n);
	free(n);
}

static int init_backend(struct net *n, const struct virtio_net_conf *conf, struct event_base *base,
			struct err *err)
{
	if (conf->vhost_user)
		return net_vhost_init(n, conf, base, err);
	if (conf->tap || conf->tap_fds)
		return net_tap_init(n, conf, base, err);
	return net_relay_init(n, conf, base, err);
}

int virtio_net_create(const struct virtio_net_conf *conf, struct event_base *base,
		      struct virtio_device **out, struct err *err)
{
	static const struct virtio_type type = {
		.name = "net", .id = VIRTIO_ID_NET, .pci_class = { 0x02, 0, 0 }, .config = config,
		.start = start, .stop = stop, .kick = kick, .save = save,
		.load = load, .destroy = destroy,
	};
	struct net *n;
	int code;

	if (conf->pairs < 1 || conf->pairs > VIRTIO_NET_PAIRS_MAX)
		return err_set(err, -EINVAL, "net: %u pairs of queues; 1 to %d work", conf->pairs,
			       VIRTIO_NET_PAIRS_MAX);
	n = calloc(1, sizeof(*n));
	if (!n)
		return err_sys(err, -ENOMEM, "net");
	n->dev.type = &type;
	n->dev.queue_count = 2 * conf->pairs + (conf->pairs > 1);
	n->dev.offered = 1ull << VIRTIO_NET_F_MAC | 1ull << VIRTIO_NET_F_STATUS |
			 1ull << VIRTIO_NET_F_MTU;
	if (conf->pairs > 1)
		n->dev.offered |= 1ull << VIRTIO_NET_F_MQ | 1ull << VIRTIO_NET_F_CTRL_VQ;
	memcpy(n->conf.mac, conf->mac, sizeof(n->conf.mac));
	n->conf.max_virtqueue_pairs = (uint16_t)conf->pairs;
	n->conf.mtu = conf->mtu;
	n->pairs = 1;
	n->carrier = conf->carrier;
	code = init_backend(n, conf, base, err);
	if (code) {
		destroy(&n->dev);
		return code;
	}
	n->conf.status = n->carrier && n->attached ? VIRTIO_NET_S_LINK_UP : 0;
	n->backend->linked(n);
	*out = &n->dev;
	return 0;
}
