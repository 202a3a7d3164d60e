/* SPDX-License-Identifier: Apache-2.0 */
#include "dataplane/snoop_priv.h"

#include "base/rd.h"
#include "dataplane/engine_priv.h"

#include <errno.h>
#include <netinet/icmp6.h>
#include <netinet/in.h>
#include <rte_ether.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

/* The relay thread's, but for fd, which does not change. */
struct snoop {
	int fd;
	bool over; /* nobody listens any more */
	uint64_t count;
};

static bool snoop_wants(const void *frame, uint32_t len)
{
	struct rd r = rd_of(frame, len);
	uint16_t type;
	uint8_t proto;

	rd_skip(&r, 12);
	type = rd_be16(&r);
	if (type != RTE_ETHER_TYPE_IPV6)
		return type == RTE_ETHER_TYPE_ARP;
	rd_skip(&r, 6);
	proto = rd_u8(&r);
	rd_skip(&r, 33);
	type = rd_u8(&r);
	return !r.bad && proto == IPPROTO_ICMPV6 &&
	       (type == ND_NEIGHBOR_SOLICIT || type == ND_NEIGHBOR_ADVERT);
}

void snoop_copy(struct snoop *s, const struct port *port, const void *frame, uint32_t len, bool sent)
{
	struct dp_snooped head = { .port = port->id, .sent = sent };
	struct iovec iov[] = { { &head, sizeof(head) },
			       { (void *)(uintptr_t)frame, RTE_MIN(len, DP_SNOOP_MAX) } };
	const struct msghdr msg = { .msg_iov = iov, .msg_iovlen = RTE_DIM(iov) };

	if (s->over || !snoop_wants(frame, len))
		return;
	head.number = s->count++;
	if (sendmsg(s->fd, &msg, MSG_DONTWAIT | MSG_NOSIGNAL) < 0)
		s->over = errno != EAGAIN && errno != EINTR && errno != ENOBUFS && errno != ENOMEM;
}

static void snoop_free(struct engine *e, void *arg)
{
	struct snoop *s = arg;

	close(s->fd);
	free(s);
}

void snoop_end(struct engine *e, struct vnode *node)
{
	struct snoop *s = node->snoop;

	WR(node->snoop, NULL);
	if (s)
		engine_defer(e, snoop_free, s);
}

int snoop_set(struct engine *e, uint32_t id, int fd, struct err *err)
{
	struct vnode *node = hash_map_find(e->node_map, &id);
	struct snoop *s;

	if (!node || node->kind != DP_NODE_ROUTER)
		return err_set(err, -ENOENT, "snoop: no router has id %u", id);
	s = calloc(1, sizeof(*s));
	if (!s)
		return err_set(err, -ENOMEM, "snoop: out of memory");
	s->fd = fd;
	snoop_end(e, node);
	WR(node->snoop, s);
	return 0;
}
