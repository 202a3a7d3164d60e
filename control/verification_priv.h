/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CONTROL_VERIFICATION_PRIV_H
#define CONTROL_VERIFICATION_PRIV_H

#include "control/verification.h"
#include "dataplane/api.h"
#include "vrouter/verify.h"

struct event;
struct vrouter_look;

struct verification {
	struct weftd *daemon;
	char vnet[TOPOLOGY_NAME_MAX], node[TOPOLOGY_NAME_MAX]; /* which is looked for anew each time */
	uint32_t id; /* of the node */
	void (*done)(void *arg, json_t *o);
	void *arg;
	struct verify *verify;
	struct vrouter_look *look; /* under way, or NULL */
	struct event *next, *limit;
	uint64_t first_ms; /* when the first take was over */
	char why[300]; /* what the last try of a take failed by; "": none has */
	bool asking, over; /* the engine's answer is to come; all the same: nobody wants it */
	/* The take under way: */
	pid_t engine;
	unsigned fib; /* which of the router's */
	uint32_t table;
	struct dp_route_get page;
};

/* The node, while it is a router; NULL: it is gone. */
struct node *verification_node(const struct verification *x);

/* verification_fib.c: tells x->verify what the engine's FIBs have, and then calls
 * verification_taken(). */
void verification_read(struct verification *x);
/* status -EAGAIN: the engine has gone meanwhile. */
void verification_taken(struct verification *x, int status);
void verification_free(struct verification *x);

/* verification_json.c */
json_t *verification_json(const struct verification *x, struct node *n, const char *state);

#endif
