/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Of a router whose guest has no agent: the engine copies the ARP and ND between the guest and its
 * neighbours to a socket, whose other end is read here. It keeps them, too, so that a weftd that finds
 * the guest running learns what the one before it knew, and what was said meanwhile.
 */
#include "control/router_priv.h"

#include "base/log.h"

#include <errno.h>
#include <event2/event.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { BATCH = 64, BUFFER = 1 << 20 };

/* The NIC that the port is on; -1: none of the router's, any more. */
static int nic_of(const struct router *r, uint32_t port)
{
	for (unsigned i = 0; i < r->nics.count; i++)
		if (r->nic[i].port >= 0 && r->node->ports[r->nic[i].port].id == port)
			return (int)i;
	return -1;
}

static void take(struct router *r, const uint8_t *bytes, size_t len)
{
	struct dp_snooped head;
	int nic;

	if (len < sizeof(head))
		return;
	memcpy(&head, bytes, sizeof(head));
	if (head.number != r->snooped++) {
		r->snooped = head.number + 1;
		vrouter_snoop_missed(r->guest);
	}
	nic = nic_of(r, head.port);
	if (nic >= 0)
		vrouter_snooped(r->guest, (unsigned)nic, head.sent, bytes + sizeof(head),
				len - sizeof(head), head.ms);
}

static void on_snooped(evutil_socket_t fd, short what, void *arg)
{
	uint8_t bytes[sizeof(struct dp_snooped) + DP_SNOOP_MAX];
	struct router *r = arg;

	for (unsigned i = 0; i < BATCH; i++) {
		ssize_t n = recv(fd, bytes, sizeof(bytes), MSG_DONTWAIT);

		if (n < 0)
			return;
		if (!n) { /* the engine is gone: it is told again when there is one */
			event_del(r->snoop);
			return;
		}
		take(r, bytes, (size_t)n);
	}
}

void router_snoop_end(struct router *r)
{
	if (!r->snoop)
		return;
	close(event_get_fd(r->snoop));
	event_free(r->snoop);
	r->snoop = NULL;
}

void router_snoop_forget(struct router *r, unsigned nic)
{
	struct dp_id rec = { .id = r->nic[nic].port >= 0 ? r->node->ports[r->nic[nic].port].id : 0 };

	if (r->node->spec->intake == TOPOLOGY_INTAKE_FPM && rec.id && !r->stopping)
		engine_send(r->node->vnet->daemon->engine, DP_SNOOP_FORGET, &rec, sizeof(rec), -1);
}

/* A weftd that ended before it could say so has left it to this one. */
static void forget_dark(struct router *r)
{
	for (unsigned i = 0; i < r->nics.count; i++)
		if (r->nic[i].port >= 0 &&
		    !vnet_carrier(r->node->vnet, &r->node->ports[r->nic[i].port]))
			router_snoop_forget(r, i);
}

void router_snoop_program(struct router *r)
{
	struct weftd *d = r->node->vnet->daemon;
	struct dp_snoop rec = { .id = r->node->id, .next = r->snooped };
	int ends[2], size = BUFFER;
	struct vrouter_info info;

	if (r->node->spec->intake != TOPOLOGY_INTAKE_FPM || r->stopping)
		return;
	if (r->snoop) /* what it still holds */
		on_snooped(event_get_fd(r->snoop), EV_READ, r);
	router_snoop_end(r);
	vrouter_info(r->guest, &info);
	rec.guest = (uint32_t)info.pid;
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, ends) < 0) {
		log_warn("%s: no socket for its neighbours: %s", r->node->spec->name, strerror(errno));
		return;
	}
	setsockopt(ends[1], SOL_SOCKET, SO_SNDBUFFORCE, &size, sizeof(size));
	r->snoop = event_new(d->base, ends[0], EV_READ | EV_PERSIST, on_snooped, r);
	if (r->snoop && event_add(r->snoop, NULL) == 0) {
		forget_dark(r);
		engine_send(d->engine, DP_SNOOP_SET, &rec, sizeof(rec), ends[1]);
	} else {
		log_warn("%s: no memory to see its neighbours", r->node->spec->name);
		if (!r->snoop)
			close(ends[0]);
		router_snoop_end(r);
	}
	close(ends[1]);
}
