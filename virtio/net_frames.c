/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Queue pairs whose frames the machine moves itself. A frame goes between a descriptor and the
 * driver's buffers by one system call, without a copy of ours. What comes from outside waits in its
 * descriptor while the driver has no buffers: its sender sees that.
 */
#include "virtio/net_priv.h"

#include <errno.h>
#include <event2/event.h>
#include <linux/if_ether.h>
#include <unistd.h>

enum { FRAME_MAX = 65535 };

static int64_t transmit(struct virtio_device *dev, const struct vq_chain *c)
{
	struct net *n = (struct net *)dev;

	if (c->out_len < NET_HEADER + ETH_HLEN || c->out_len > NET_HEADER + FRAME_MAX)
		n->stats.tx_malformed++;
	else if (!net_link(n))
		n->stats.tx_no_carrier++;
	else
		n->wire->transmit(n, n->serving, c);
	return 0;
}

/* Sources that are in use: one for all pairs, or one for each. */
static unsigned sources(const struct net *n)
{
	return n->source_count == 1 ? 1 : n->pairs;
}

/* Without a link what comes is dropped. */
static void discard(struct net *n, const struct net_source *s)
{
	char byte;

	for (unsigned i = 0; i < VIRTIO_BURST && read(s->fd, &byte, 1) >= 0; i++)
		n->stats.rx_no_carrier++;
	if (!n->attached)
		event_del_noblock(s->readable);
}

/* A chain of the pair's to receive into, in n->rx. False: it has none, and will kick when it does. */
static bool have_chain(struct net *n, unsigned pair)
{
	struct virtio_held *h = &n->rx[pair];

	if (!h->is)
		h->is = virtio_pop_or_kick(&n->dev, net_rx(pair), &h->chain);
	return h->is;
}

/* One frame into the driver's buffers; false: no more now. */
static bool receive(struct net *n, struct net_source *s)
{
	int pair = n->wire->steer(n, (unsigned)(s - n->source));
	struct virtio_held *h;
	int64_t len;

	if (pair < 0)
		return false;
	h = &n->rx[pair];
	if (!have_chain(n, (unsigned)pair)) {
		event_del_noblock(s->readable);
		return false;
	}
	/* Too small for the header alone: goes back empty. */
	len = h->chain.in_len < NET_HEADER ? 0 : n->wire->receive(n, s->fd, &h->chain);
	if (len == -EIO)
		net_attached(n, false);
	if (len == -EMSGSIZE)
		n->stats.rx_too_long++; /* and the chain is for the next */
	if (len < 0)
		return len == -EMSGSIZE;
	n->stats.rx_frames += len > 0;
	virtio_push(&n->dev, net_rx((unsigned)pair), &h->chain, (uint32_t)len);
	h->is = false;
	return true;
}

static void readable(evutil_socket_t fd, short what, void *arg)
{
	struct net_source *s = arg;
	struct net *n = s->net;

	virtio_lock(&n->dev);
	if (s >= n->source + sources(n))
		event_del_noblock(s->readable);
	else if (!net_link(n))
		discard(n, s);
	else
		for (unsigned i = 0; i < VIRTIO_BURST && receive(n, s); i++)
			;
	for (unsigned i = 0; i < n->pairs; i++)
		virtio_flush(&n->dev, net_rx(i));
	virtio_unlock(&n->dev);
}

bool net_frames_kick(struct net *n, unsigned queue)
{
	unsigned pair = queue / 2, at = n->source_count == 1 ? 0 : pair;

	if (queue == net_tx(pair)) {
		n->serving = pair;
		return virtio_serve_queue(&n->dev, queue, &n->tx[pair], transmit);
	}
	vq_kicks_off(&n->dev.queue[queue]); /* until its buffers are used up */
	if (at < sources(n))
		event_add(n->source[at].readable, NULL);
	return false;
}

void net_frames_listen(struct net *n)
{
	for (unsigned i = 0; i < sources(n); i++)
		event_add(n->source[i].readable, NULL);
}

void net_frames_stop(struct net *n)
{
	for (unsigned i = 0; i < VIRTIO_NET_PAIRS_MAX; i++)
		n->rx[i].is = n->tx[i].is = false;
	for (unsigned i = 0; i < n->source_count && net_link(n); i++)
		event_del_noblock(n->source[i].readable);
}

int net_frames_add(struct net *n, int fd, struct event_base *base, struct err *err)
{
	struct net_source *s = &n->source[n->source_count];

	*s = (struct net_source){ .net = n, .fd = fd };
	s->readable = event_new(base, fd, EV_READ | EV_PERSIST, readable, s);
	if (!s->readable)
		return err_sys(err, -ENOMEM, "net");
	n->source_count++;
	return 0;
}

void net_frames_destroy(struct net *n)
{
	for (unsigned i = 0; i < n->source_count; i++) {
		event_free(n->source[i].readable);
		close(n->source[i].fd);
	}
}
