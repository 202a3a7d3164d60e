/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CONTROL_ROUTER_PRIV_H
#define CONTROL_ROUTER_PRIV_H

#include "control/engine.h"
#include "control/router.h"
#include "control/store.h"

/* What the guest says of a port, for the engine; not known before its first dump. */
struct router_port {
	int fd; /* the engine's end of the relay; -1: not connected */
	bool known;
	uint32_t table;
	bool up, fwd4, fwd6;
};

struct router_fib {
	uint32_t table, id;
};

struct router {
	struct node *node;
	struct vrouter *guest;
	char dir[128];
	struct image image;
	struct router_port *ports;
	unsigned fib_count;
	struct router_fib *fibs;
	bool node_known, punt_ip4, punt_ip6;
	bool told; /* the intake has sent its first dump to the engine */
	struct store_guest past; /* boot time and restarts, over the lives of weftd */
	struct event *retry; /* next start, or next try to connect the relays */
	struct event *gone;  /* its guest has ended, and it was to end */
	unsigned failures;   /* ends in a row, for the backoff */
	bool stopping, restarting;
	unsigned exec_next;
	bool exec_running, exec_done;
	char exec_said[256];
	char error[512];
};

/* One port's record, with its relay socket when it is connected. */
void router_send_port(struct router *r, unsigned i);
void router_send_node(struct router *r);

#endif
