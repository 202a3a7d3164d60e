/* SPDX-License-Identifier: Apache-2.0 */
#include "dataplane/snoop_priv.h"

#include "base/clock.h"
#include "base/rd.h"
#include "dataplane/engine_priv.h"

#include <errno.h>
#include <netinet/icmp6.h>
#include <netinet/in.h>
#include <pthread.h>
#include <rte_ether.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

struct kept {
	struct dp_snooped head;
	uint32_t len;
	uint8_t frame[DP_SNOOP_MAX];
};

/* The relay thread adds to it, the control thread changes who listens. */
struct snoop {
	pthread_mutex_t lock;
	int fd; /* -1: nobody listens */
	uint32_t guest;
	uint64_t since, count;		  /* the numbers of the guest's first frame, and of the next */
	struct kept kept[DP_SNOOP_KEPT]; /* by their numbers' rest */
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

static void snoop_give(struct snoop *s, const struct kept *k)
{
	struct iovec iov[] = { { (void *)(uintptr_t)&k->head, sizeof(k->head) },
			       { (void *)(uintptr_t)k->frame, k->len } };
	const struct msghdr msg = { .msg_iov = iov, .msg_iovlen = RTE_DIM(iov) };

	if (s->fd < 0 || sendmsg(s->fd, &msg, MSG_DONTWAIT | MSG_NOSIGNAL) >= 0)
		return;
	if (errno == EAGAIN || errno == EINTR || errno == ENOBUFS || errno == ENOMEM)
		return;
	close(s->fd); /* nobody listens any more */
	s->fd = -1;
}

void snoop_copy(struct snoop *s, const struct port *port, const void *frame, uint32_t len, bool sent)
{
	struct kept *k;

	if (!snoop_wants(frame, len))
		return;
	pthread_mutex_lock(&s->lock);
	k = &s->kept[s->count % DP_SNOOP_KEPT];
	k->head = (struct dp_snooped){ .port = port->id, .sent = sent, .number = s->count++,
				       .ms = clock_ms() };
	k->len = RTE_MIN(len, DP_SNOOP_MAX);
	memcpy(k->frame, frame, k->len);
	snoop_give(s, k);
	pthread_mutex_unlock(&s->lock);
}

static void snoop_free(struct engine *e, void *arg)
{
	struct snoop *s = arg;

	if (s->fd >= 0)
		close(s->fd);
	pthread_mutex_destroy(&s->lock);
	free(s);
}

void snoop_end(struct engine *e, struct vnode *node)
{
	struct snoop *s = node->snoop;

	WR(node->snoop, NULL);
	if (s)
		engine_defer(e, snoop_free, s);
}

static struct snoop *snoop_get(struct vnode *node)
{
	struct snoop *s = node->snoop;

	if (s)
		return s;
	s = calloc(1, sizeof(*s));
	if (!s)
		return NULL;
	pthread_mutex_init(&s->lock, NULL);
	s->fd = -1;
	WR(node->snoop, s);
	return s;
}

/* The number of the oldest that is kept. */
static uint64_t snoop_oldest(const struct snoop *s)
{
	uint64_t least = s->count < DP_SNOOP_KEPT ? 0 : s->count - DP_SNOOP_KEPT;

	return RTE_MAX(least, s->since);
}

int snoop_set(struct engine *e, const struct dp_snoop *rec, int fd, struct err *err)
{
	struct vnode *node = hash_map_find(e->node_map, &rec->id);
	struct snoop *s;

	if (!node || node->kind != DP_NODE_ROUTER)
		return err_set(err, -ENOENT, "snoop: no router has id %u", rec->id);
	s = snoop_get(node);
	if (!s)
		return err_set(err, -ENOMEM, "snoop: out of memory");
	pthread_mutex_lock(&s->lock);
	if (s->fd >= 0)
		close(s->fd);
	s->fd = fd;
	if (s->guest != rec->guest)
		s->since = s->count;
	s->guest = rec->guest;
	for (uint64_t n = RTE_MAX(snoop_oldest(s), rec->next); n < s->count; n++)
		snoop_give(s, &s->kept[n % DP_SNOOP_KEPT]);
	pthread_mutex_unlock(&s->lock);
	return 0;
}

void snoop_forget(struct engine *e, uint32_t port)
{
	size_t at = 0;
	void *v;

	while (hash_map_next(e->node_map, &at, NULL, &v)) {
		struct snoop *s = ((struct vnode *)v)->snoop;

		if (!s)
			continue;
		pthread_mutex_lock(&s->lock);
		for (uint64_t n = snoop_oldest(s); n < s->count; n++)
			if (s->kept[n % DP_SNOOP_KEPT].head.port == port)
				s->kept[n % DP_SNOOP_KEPT].head.port = 0;
		pthread_mutex_unlock(&s->lock);
	}
}
