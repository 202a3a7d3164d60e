/* SPDX-License-Identifier: Apache-2.0 */
/* A NIC attached to a relay: an AF_UNIX datagram socket. Of several pairs a flow's frames are received
 * on that by which the driver last sent it (virtio 1.2, 5.1.6.5.5). */
#include "virtio/net_priv.h"

#include "base/sock.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* Sent from where it lies: a guest that changes it meanwhile sends something else. */
static void transmit(struct net *n, unsigned pair, const struct vq_chain *c)
{
	struct iovec frame[VQ_SIZE_MAX];
	struct msghdr msg = { .msg_name = &n->peer, .msg_namelen = sizeof(n->peer), .msg_iov = frame };
	uint8_t head[NET_FLOW_BYTES];

	if (n->pairs > 1) {
		size_t len = iov_read(c->iov, c->out_count, NET_HEADER, head, sizeof(head));

		n->flow[net_flow(head, len)] = (uint8_t)pair;
	}
	msg.msg_iovlen = iov_from(c->iov, c->out_count, NET_HEADER, frame);
	if (sendmsg(n->source[0].fd, &msg, MSG_DONTWAIT | MSG_NOSIGNAL) >= 0)
		n->stats.tx_frames++;
	else if (errno == EAGAIN || errno == ENOBUFS)
		n->stats.tx_peer_full++;
	else
		n->stats.tx_peer_gone++;
}

static int steer(struct net *n, unsigned at)
{
	uint8_t head[NET_FLOW_BYTES];
	ssize_t len;

	if (n->pairs == 1)
		return 0;
	len = recv(n->source[at].fd, head, sizeof(head), MSG_PEEK | MSG_DONTWAIT);
	return len < 0 ? -EAGAIN : n->flow[net_flow(head, (size_t)len)] % n->pairs;
}

/* Behind a header that says nothing. */
static int64_t receive(struct net *n, int fd, const struct vq_chain *c)
{
	const struct virtio_net_hdr_v1 header = { .num_buffers = 1 };
	struct iovec to[VQ_SIZE_MAX];
	struct msghdr msg = { .msg_iov = to };
	ssize_t len;

	iov_write(c->iov + c->out_count, c->in_count, 0, &header, NET_HEADER);
	msg.msg_iovlen = iov_from(c->iov + c->out_count, c->in_count, NET_HEADER, to);
	len = recvmsg(fd, &msg, MSG_DONTWAIT);
	if (len < 0)
		return -EAGAIN;
	return msg.msg_flags & MSG_TRUNC ? -EMSGSIZE : NET_HEADER + len;
}

static void paired(struct net *n)
{
	for (unsigned i = 0; i < NET_FLOWS; i++)
		n->flow[i] = (uint8_t)(i % n->pairs);
}

static void destroy(struct net *n)
{
	if (n->source_count)
		unlink(n->local.sun_path);
	net_frames_destroy(n);
}

static int open_socket(struct net *n, int *out, struct err *err)
{
	int size = 1 << 20, fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	if (fd < 0)
		return err_sys(err, -errno, "net: socket");
	setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &size, sizeof(size));
	unlink(n->local.sun_path);
	if (bind(fd, (struct sockaddr *)&n->local, sizeof(n->local)) < 0) {
		err_sys(err, -errno, "net: %s", n->local.sun_path);
		close(fd);
		return -EIO;
	}
	*out = fd;
	return 0;
}

int net_relay_init(struct net *n, const struct virtio_net_conf *conf, struct event_base *base,
		   struct err *err)
{
	static const struct net_backend backend = {
		.name = "relay", .start = net_frames_listen, .stop = net_frames_stop,
		.kick = net_frames_kick, .paired = paired, .linked = net_frames_listen, .destroy = destroy,
	};
	static const struct net_wire wire = { transmit, receive, steer };
	int fd = -1, code = sock_address(&n->local, conf->local, err);

	n->backend = &backend;
	n->wire = &wire;
	n->attached = true; /* who is at the other end is not seen */
	if (!code)
		code = sock_address(&n->peer, conf->peer, err);
	if (!code)
		code = open_socket(n, &fd, err);
	if (code)
		return code;
	code = net_frames_add(n, fd, base, err);
	if (code) {
		close(fd);
		unlink(n->local.sun_path);
	}
	return code;
}
