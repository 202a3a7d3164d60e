/* SPDX-License-Identifier: Apache-2.0 */
#include "virtio/devices.h"

#include <errno.h>
#include <event2/event.h>
#include <linux/if_ether.h>
#include <linux/virtio_ids.h>
#include <linux/virtio_net.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

enum { QUEUE_RX, QUEUE_TX, QUEUES, HEADER = sizeof(struct virtio_net_hdr_v1), FRAME_MAX = 65535 };

struct net {
	struct virtio_device dev; /* first */
	struct virtio_net_config conf;
	struct virtio_net_stats stats;
	struct sockaddr_un local, peer;
	int fd;
	struct event *readable; /* pending while the guest has buffers, or has no carrier */
	struct virtio_held rx, tx;
};

static struct net *of(struct virtio_device *dev)
{
	return (struct net *)dev;
}

static bool has_carrier(const struct net *n)
{
	return n->conf.status & VIRTIO_NET_S_LINK_UP;
}

/* Sent from where it lies: a guest that changes it meanwhile sends something else. */
static int64_t transmit(struct virtio_device *dev, const struct vq_chain *c)
{
	struct net *n = of(dev);
	struct iovec frame[VQ_SIZE_MAX];
	struct msghdr msg = { .msg_name = &n->peer, .msg_namelen = sizeof(n->peer), .msg_iov = frame };

	if (c->out_len < HEADER + ETH_HLEN || c->out_len > HEADER + FRAME_MAX) {
		n->stats.tx_malformed++;
		return 0;
	}
	if (!has_carrier(n)) {
		n->stats.tx_no_carrier++;
		return 0;
	}
	msg.msg_iovlen = iov_from(c->iov, c->out_count, HEADER, frame);
	if (sendmsg(n->fd, &msg, MSG_DONTWAIT | MSG_NOSIGNAL) >= 0)
		n->stats.tx_frames++;
	else if (errno == EAGAIN || errno == ENOBUFS)
		n->stats.tx_peer_full++;
	else
		n->stats.tx_peer_gone++;
	return 0;
}

/* Into the driver's buffers, behind a header that says nothing. -errno as recvmsg(2); a frame that
 * does not fit is dropped and leaves the chain for the next. */
static int64_t receive(struct virtio_device *dev, const struct vq_chain *c)
{
	struct net *n = of(dev);
	const struct virtio_net_hdr_v1 header = { .num_buffers = 1 };
	struct iovec to[VQ_SIZE_MAX];
	struct msghdr msg = { .msg_iov = to };
	ssize_t len;

	if (iov_write(c->iov + c->out_count, c->in_count, 0, &header, HEADER) != HEADER)
		return 0; /* no buffer for a frame: goes back empty */
	msg.msg_iovlen = iov_from(c->iov + c->out_count, c->in_count, HEADER, to);
	len = recvmsg(n->fd, &msg, MSG_DONTWAIT);
	if (len < 0)
		return -EAGAIN;
	if (msg.msg_flags & MSG_TRUNC) {
		n->stats.rx_too_long++;
		return -EMSGSIZE;
	}
	n->stats.rx_frames++;
	return HEADER + len;
}

/* Without carrier what comes is dropped. */
static void discard(struct net *n)
{
	char byte;

	for (unsigned i = 0; i < VIRTIO_BURST; i++) {
		if (recv(n->fd, &byte, 1, MSG_DONTWAIT | MSG_TRUNC) < 0)
			return;
		n->stats.rx_no_carrier++;
	}
}

/* Frames wait in the socket while the driver has no buffers: their sender sees that. */
static void receive_burst(struct net *n)
{
	struct virtio_device *dev = &n->dev;

	for (unsigned i = 0; i < VIRTIO_BURST; i++) {
		int64_t len;

		if (!n->rx.is && !virtio_pop(dev, QUEUE_RX, &n->rx.chain)) {
			if (!virtio_live(dev, QUEUE_RX) || !vq_kicks_on(&dev->queue[QUEUE_RX])) {
				event_del_noblock(n->readable);
				break;
			}
			vq_kicks_off(&dev->queue[QUEUE_RX]);
			continue;
		}
		n->rx.is = true;
		len = receive(dev, &n->rx.chain);
		if (len == -EAGAIN)
			break;
		if (len == -EMSGSIZE)
			continue;
		virtio_push(dev, QUEUE_RX, &n->rx.chain, (uint32_t)len);
		n->rx.is = false;
	}
	virtio_flush(dev, QUEUE_RX);
}

static void readable(evutil_socket_t fd, short what, void *arg)
{
	struct net *n = arg;

	virtio_lock(&n->dev);
	if (!has_carrier(n))
		discard(n);
	else
		receive_burst(n);
	virtio_unlock(&n->dev);
}

static bool kick(struct virtio_device *dev, unsigned queue)
{
	struct net *n = of(dev);

	if (queue == QUEUE_TX)
		return virtio_serve_queue(dev, queue, &n->tx, transmit);
	vq_kicks_off(&dev->queue[queue]); /* until its buffers are used up */
	event_add(n->readable, NULL);
	return false;
}

void virtio_net_carrier(struct virtio_device *dev, bool up)
{
	struct net *n = of(dev);

	if (up == has_carrier(n))
		return;
	n->conf.status = up ? VIRTIO_NET_S_LINK_UP : 0;
	event_add(n->readable, NULL);
	dev->config_changed(dev->transport);
}

struct virtio_net_stats virtio_net_stats(const struct virtio_device *dev)
{
	return ((const struct net *)dev)->stats;
}

static void config(struct virtio_device *dev, uint32_t at, void *to, uint32_t len)
{
	virtio_config_copy(&of(dev)->conf, sizeof(of(dev)->conf), at, to, len);
}

static void start(struct virtio_device *dev)
{
	event_add(of(dev)->readable, NULL);
}

static void stop(struct virtio_device *dev)
{
	struct net *n = of(dev);

	n->rx.is = n->tx.is = false;
	if (has_carrier(n))
		event_del_noblock(n->readable);
}

/* What a driver reads once, when it finds the NIC. */
static void save(const struct virtio_device *dev, struct buf *out)
{
	const struct net *n = (const struct net *)dev;

	buf_put(out, n->conf.mac, sizeof(n->conf.mac));
	buf_u16(out, n->conf.mtu);
}

/* Its link may be another one than when it was saved: the driver is to look. */
static int load(struct virtio_device *dev, struct rd *in)
{
	struct net *n = of(dev);
	uint8_t mac[sizeof(n->conf.mac)];
	uint16_t mtu;

	rd_copy(in, mac, sizeof(mac));
	mtu = rd_u16(in);
	if (in->bad || memcmp(mac, n->conf.mac, sizeof(mac)) != 0 || mtu != n->conf.mtu)
		return -EINVAL;
	dev->config_changed(dev->transport);
	return 0;
}

static void destroy(struct virtio_device *dev)
{
	struct net *n = of(dev);

	if (n->readable)
		event_free(n->readable);
	if (n->fd >= 0) {
		close(n->fd);
		unlink(n->local.sun_path);
	}
	free(n);
}

static int set_path(struct sockaddr_un *sun, const char *path, struct err *err)
{
	*sun = (struct sockaddr_un){ .sun_family = AF_UNIX };
	if (strlen(path) >= sizeof(sun->sun_path))
		return err_set(err, -ENAMETOOLONG, "net: %s is longer than the %zu bytes of a socket's path",
			       path, sizeof(sun->sun_path) - 1);
	strcpy(sun->sun_path, path);
	return 0;
}

static int open_socket(struct net *n, struct err *err)
{
	int size = 1 << 20;

	n->fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (n->fd < 0)
		return err_sys(err, -errno, "net: socket");
	setsockopt(n->fd, SOL_SOCKET, SO_SNDBUF, &size, sizeof(size));
	unlink(n->local.sun_path);
	if (bind(n->fd, (struct sockaddr *)&n->local, sizeof(n->local)) == 0)
		return 0;
	err_sys(err, -errno, "net: %s", n->local.sun_path);
	close(n->fd);
	n->fd = -1;
	return -EIO;
}

static int set_up(struct net *n, const struct virtio_net_conf *conf, struct event_base *base,
		  struct err *err)
{
	int code;

	code = set_path(&n->local, conf->local, err);
	if (!code)
		code = set_path(&n->peer, conf->peer, err);
	if (!code)
		code = open_socket(n, err);
	if (code)
		return code;
	n->readable = event_new(base, n->fd, EV_READ | EV_PERSIST, readable, n);
	if (!n->readable || (!conf->carrier && event_add(n->readable, NULL) < 0))
		return err_sys(err, -ENOMEM, "net");
	return 0;
}

int virtio_net_create(const struct virtio_net_conf *conf, struct event_base *base,
		      struct virtio_device **out, struct err *err)
{
	static const struct virtio_type type = {
		.name = "net", .id = VIRTIO_ID_NET, .pci_class = { 0x02, 0, 0 }, .config = config,
		.start = start, .stop = stop, .kick = kick, .save = save,
		.load = load, .destroy = destroy,
	};
	struct net *n = calloc(1, sizeof(*n));
	int code;

	if (!n)
		return err_sys(err, -ENOMEM, "net");
	n->dev.type = &type;
	n->dev.queue_count = QUEUES;
	n->dev.offered = 1ull << VIRTIO_NET_F_MAC | 1ull << VIRTIO_NET_F_STATUS |
			 1ull << VIRTIO_NET_F_MTU;
	memcpy(n->conf.mac, conf->mac, sizeof(n->conf.mac));
	n->conf.status = conf->carrier ? VIRTIO_NET_S_LINK_UP : 0;
	n->conf.max_virtqueue_pairs = 1;
	n->conf.mtu = conf->mtu;
	code = set_up(n, conf, base, err);
	if (code) {
		destroy(&n->dev);
		return code;
	}
	*out = &n->dev;
	return 0;
}
