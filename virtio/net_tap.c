/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A NIC attached to a tap(4) of the host's: a descriptor a queue pair (IFF_MULTI_QUEUE), between which
 * the kernel steers flows. Frames carry virtio's header (IFF_VNET_HDR), which the kernel checks, so
 * the driver may have checksums and segments left to it.
 */
#include "virtio/net_priv.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/if.h>
#include <linux/if_tun.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

/* The kernel fetches the header from the guest's memory once, as it does the frame. */
static void transmit(struct net *n, unsigned pair, const struct vq_chain *c)
{
	if (writev(n->source[pair].fd, c->iov, c->out_count) >= 0)
		n->stats.tx_frames++;
	else if (errno == EAGAIN || errno == ENOBUFS)
		n->stats.tx_peer_full++;
	else if (errno == EINVAL)
		n->stats.tx_malformed++;
	else
		n->stats.tx_peer_gone++; /* EIO: the interface is down */
}

static int steer(struct net *n, unsigned at)
{
	return (int)at;
}

/* The kernel writes the header but for num_buffers. What does not fit it cuts off without a word: a
 * byte more than there is room for shows that. */
static int64_t receive(struct net *n, int fd, const struct vq_chain *c)
{
	const struct virtio_net_hdr_v1 header = { .num_buffers = 1 };
	struct iovec to[VQ_SIZE_MAX + 1];
	uint8_t beyond;
	ssize_t len;

	iov_write(c->iov + c->out_count, c->in_count, 0, &header, NET_HEADER);
	memcpy(to, c->iov + c->out_count, c->in_count * sizeof(to[0]));
	to[c->in_count] = (struct iovec){ &beyond, 1 };
	len = readv(fd, to, c->in_count + 1);
	if (len < 0)
		return errno == EAGAIN || errno == EINTR ? -EAGAIN : -EIO;
	return (uint64_t)len > c->in_len ? -EMSGSIZE : len;
}

static void start(struct net *n)
{
	unsigned offload = 0;

	if (virtio_has(&n->dev, VIRTIO_NET_F_GUEST_CSUM)) /* the others need it */
		offload = TUN_F_CSUM |
			  (virtio_has(&n->dev, VIRTIO_NET_F_GUEST_TSO4) ? TUN_F_TSO4 : 0) |
			  (virtio_has(&n->dev, VIRTIO_NET_F_GUEST_TSO6) ? TUN_F_TSO6 : 0) |
			  (virtio_has(&n->dev, VIRTIO_NET_F_GUEST_ECN) ? TUN_F_TSO_ECN : 0);
	ioctl(n->source[0].fd, TUNSETOFFLOAD, offload); /* of the interface */
	net_frames_listen(n);
}

/* The kernel gives frames to queues that are attached. */
static void paired(struct net *n)
{
	for (unsigned i = 1; i < n->source_count; i++) {
		struct ifreq r = { .ifr_flags = i < n->pairs ? IFF_ATTACH_QUEUE : IFF_DETACH_QUEUE };

		ioctl(n->source[i].fd, TUNSETQUEUE, &r); /* as it is already: EINVAL */
	}
	net_frames_listen(n);
}

static void stop(struct net *n)
{
	ioctl(n->source[0].fd, TUNSETOFFLOAD, 0);
	paired(n);
	net_frames_stop(n);
}

static int open_queue(const char *name, unsigned pairs, int *out, struct err *err)
{
	struct ifreq r = { .ifr_flags = IFF_TAP | IFF_NO_PI | IFF_VNET_HDR };
	int fd, code;

	if (strlen(name) >= sizeof(r.ifr_name))
		return err_set(err, -EINVAL, "tap %s: its name is longer than %zu bytes", name,
			       sizeof(r.ifr_name) - 1);
	strcpy(r.ifr_name, name);
	if (pairs > 1)
		r.ifr_flags |= IFF_MULTI_QUEUE;
	fd = open("/dev/net/tun", O_RDWR | O_CLOEXEC);
	if (fd < 0)
		return err_sys(err, -errno, "/dev/net/tun");
	if (ioctl(fd, TUNSETIFF, &r) < 0) {
		code = err_sys(err, -errno, "tap %s, with %u queue%s", name, pairs, pairs > 1 ? "s" : "");
		close(fd);
		return code;
	}
	*out = fd;
	return 0;
}

/* What was opened here or elsewhere becomes as it is needed. */
static int set_up(int fd, struct err *err)
{
	const short needs = IFF_TAP | IFF_NO_PI | IFF_VNET_HDR;
	int header = NET_HEADER, flags = fcntl(fd, F_GETFL);
	struct ifreq r = { 0 };

	if (flags < 0 || ioctl(fd, TUNGETIFF, &r) < 0)
		return err_sys(err, -errno, "tap: descriptor %d", fd);
	if ((r.ifr_flags & needs) != needs)
		return err_set(err, -EINVAL, "tap %s: descriptor %d was not opened with IFF_TAP, "
			       "IFF_NO_PI and IFF_VNET_HDR", r.ifr_name, fd);
	if (ioctl(fd, TUNSETVNETHDRSZ, &header) < 0 || ioctl(fd, TUNSETOFFLOAD, 0) < 0 ||
	    fcntl(fd, F_SETFL, flags | O_NONBLOCK) < 0 || fcntl(fd, F_SETFD, FD_CLOEXEC) < 0)
		return err_sys(err, -errno, "tap %s", r.ifr_name);
	return 0;
}

int net_tap_init(struct net *n, const struct virtio_net_conf *conf, struct event_base *base,
		 struct err *err)
{
	static const struct net_backend backend = {
		.name = "tap", .start = start, .stop = stop, .kick = net_frames_kick, .paired = paired,
		.linked = net_frames_listen, .destroy = net_frames_destroy,
	};
	static const struct net_wire wire = { transmit, receive, steer };
	int fd, code = 0;

	n->backend = &backend;
	n->wire = &wire;
	n->attached = true;
	n->dev.offered |= NET_OFFLOADS;
	for (unsigned i = 0; i < conf->pairs && !code; i++) {
		fd = conf->tap ? -1 : conf->tap_fds[i];
		if (conf->tap)
			code = open_queue(conf->tap, conf->pairs, &fd, err);
		if (code)
			break;
		code = set_up(fd, err);
		if (!code)
			code = net_frames_add(n, fd, base, err);
		if (code)
			close(fd);
	}
	return code;
}
