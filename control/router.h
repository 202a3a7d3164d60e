/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CONTROL_ROUTER_H
#define CONTROL_ROUTER_H

/*
 * A router: its guest (vrouter/) and what the engine knows of it. A guest that ends is started
 * again, while the engine goes on forwarding with the routes it has.
 */

#include "control/store.h"
#include "control/vnet.h"
#include "vrouter/vrouter.h"

struct dp_id;
struct router;

/* Finds the guest that runs (an earlier weftd's) or starts one. */
int router_create(struct node *node, struct router **out, struct err *err);
/* Ends the guest; vnet_node_ended() is called when it has ended and router_destroy() may be. */
void router_stop(struct router *r);
bool router_stopped(const struct router *r);
/* Frees the handle; a running guest goes on. Its directory is removed if it was stopped. */
void router_destroy(struct router *r);
/* Ends the guest and starts it again, at once however often it has ended. */
void router_restart(struct router *r);

/*
 * Its ports change while it runs. router_change() says what its NICs become; false: that takes a
 * restart, and why. Then, in this order: router_unplug() takes away the ports that go, the engine is
 * told so, the node becomes the new one, and router_plug().
 */
bool router_change(const struct router *r, const struct topology_node *is, struct nics *next, char *why,
		   size_t size);
void router_unplug(struct router *r, const struct nics *next);
void router_plug(struct router *r, const struct nics *next);
unsigned router_spare_nics(const struct router *r);
const char *router_nic_name(const struct router *r, unsigned nic); /* of the port on it, or NULL */

/* Ports (with their relay sockets) and the node, for the engine. */
void router_program(struct router *r);
/* Everything the guest's routes are, for an engine that knows nothing of them. */
void router_program_routes(struct router *r);
/* Removes what a dead engine has left in the way of the next. Before router_program(). */
void router_engine_died(struct router *r);
void router_set_carrier(struct router *r, unsigned port, bool up);
/* The guest has the port administratively up. */
bool router_port_up(const struct router *r, unsigned port);

/*
 * Sleep, step by step, for vnet_sleep.c, which is told by vnet_router_slept(). A guest that is
 * loaded or saved stands still before and after.
 */
bool router_runs(const struct router *r); /* a machine is there */
int router_pause(struct router *r);
/* The guest stands still, or there is none: the engine answers for it until router_resume(). */
void router_stand(struct router *r);
int router_resume(struct router *r);
int64_t router_instant(const struct router *r); /* see vrouter_instant() */
int router_save(struct router *r, struct err *err);
/* Ends the guest, which has been saved. */
void router_hibernate(struct router *r);
int router_load(struct router *r, struct err *err);
/* Ends a guest that was loaded and has not gone on. */
void router_unload(struct router *r);
uint64_t router_saved_bytes(const struct router *r);
void router_remove_saved(struct router *r);
/* Starts the guest if none runs. */
void router_wake(struct router *r);

/* A command in the guest; fills in the topology's env. */
int router_exec(struct router *r, struct vrouter_exec_conf *conf, struct vrouter_exec **out,
		struct err *err);

/* Boot time and restarts, also of before this weftd; storing them, for the next. */
struct store_guest router_past(const struct router *r);
void router_remember(struct router *r);

/* It has no FIB: its guest gets all that arrives, and forwards (intake: none). */
bool router_by_itself(const struct router *r);
struct vrouter *router_vrouter(struct router *r);
/* Id of the engine's FIB for a table of the guest; 0: none. */
uint32_t router_fib(const struct router *r, uint32_t table);
uint32_t router_table(const struct router *r, uint32_t fib);
/* The i-th of its FIBs; 0: there are no more. */
uint32_t router_fib_at(const struct router *r, unsigned i, uint32_t *table);
/* The NIC that a port of the engine's is on; -1: none. */
int router_nic_of(const struct router *r, uint32_t port);
/* NULL while all is well. */
const char *router_error(const struct router *r);
/* Its guest's ends in a row, unasked and each soon after it was ready, and starts that failed; why it
 * ended last; s until the next start, 0 when it waits for nothing. */
unsigned router_failures(const struct router *r);
const char *router_ended(const struct router *r);
unsigned router_next_start_s(const struct router *r);
/* See engine_conf.refused: while the engine lacks a route or next hop the guest forwards. */
void router_refused(struct router *r, const struct dp_id *bad, const char *why);
const char *router_refusal(const struct router *r); /* NULL: none */
/* Ready, its exec lines have run, and its NICs are the ports that they should be. */
bool router_ready(const struct router *r);

/* It stands in the start queue. */
bool router_waiting(const struct router *r);
/* It has been ready since it was deployed, whatever its guest does now: its links may rise. */
bool router_was_ready(const struct router *r);
/* Neither that, nor has it failed, nor was it forgotten: the vnet's links wait for it. */
bool router_on_its_way(const struct router *r);
/* Nobody is to wait for it any more, unless it waits for its start itself. */
void router_forget_late(struct router *r);

/* The sink of the guest's route intake: control/router_sink.c. */
extern const struct intake_sink router_sink;

#endif
