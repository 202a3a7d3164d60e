/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CONTROL_ROUTER_PRIV_H
#define CONTROL_ROUTER_PRIV_H

#include "control/backoff.h"
#include "control/engine.h"
#include "control/router.h"
#include "control/start_queue.h"
#include "control/store.h"

/* A NIC of the machine. What the guest says of it, for the engine, is not known before its first dump. */
struct router_nic {
	int port; /* that is on it: index into node->ports; -1: a spare one */
	int fd;	  /* the engine's end of the relay; -1: not connected */
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
	struct nics nics; /* as stored */
	struct router_nic nic[TOPOLOGY_PORTS_MAX];
	unsigned fib_count;
	struct router_fib *fibs;
	bool node_known, punt_ip4, punt_ip6;
	bool told; /* the intake has sent its first dump to the engine */
	struct store_guest past; /* boot time and restarts, over the lives of weftd */
	struct event *snoop; /* reads what the engine copies of ARP and ND; NULL: nothing */
	uint64_t snooped;    /* number of the next one, of this engine's */
	struct event *retry; /* next start, or next try to connect the relays */
	struct event *gone;  /* its guest has ended, and it was to end */
	struct start_entry turn; /* its place among those that start */
	struct backoff backoff; /* it works when its guest is ready */
	struct event *sound; /* it has worked for a while, which is news */
	char ended[256];     /* why its guest did, the last time that it did unasked */
	bool was_ready;	     /* since it was deployed */
	bool late;	     /* its first start takes so long that nobody waits for it */
	bool stopping, restarting;
	bool anew; /* its guest ends before it ever was ready: no restart */
	bool stands; /* its guest stands still or is saved: the engine answers for it */
	bool asleep; /* saved on disk; a guest that runs nevertheless is being ended or loaded */
	unsigned exec_next;
	bool exec_running, exec_done;
	char exec_said[256];
	char refused[256]; /* why the engine lacks something of it; until it lacks nothing */
	char error[512];
};

/* router_guest.c */

/* Directories that let this guest alone reach the engine's sockets. */
int router_make_dirs(const struct router *r, struct err *err);
/* All but its NICs: router_set_nics(). */
int router_create_guest(struct router *r, vrouter_state_cb on_state, struct err *err);
void router_remove_sockets(struct router *r);
uid_t router_uid(const struct router *r);
void router_vhost_path(const struct router *r, unsigned port, char path[160]);

/* router_nics.c: one NIC is one port, or a spare one. */

/* Of a new object: as stored, for a machine that may run. */
void router_begin_nics(struct router *r);
/* Describes the NICs to the guest's keeper; the guest hears of those that it has not been told of. */
int router_set_nics(struct router *r);
/* Of a machine that is about to start. */
int router_start_nics(struct router *r, struct err *err);
/* Carriers as they should be, for a machine that has just started or goes on. */
void router_send_carriers(struct router *r);
int router_nic(const struct router *r, unsigned port); /* that the port is on; -1 */
/* vrouter_conf.plugged */
void router_plugged(void *arg, uint64_t nics, int status);
/* vrouter_conf.fpm_is */
void router_fpm_is(void *arg, bool up, const char *why);
/* The record of the port on a NIC, with its relay socket when it is connected. */
void router_send_port(struct router *r, unsigned nic);
/* Connects the relays that are not; false while a machine has not made its sockets yet. */
bool router_connect_relays(struct router *r);
void router_close_relays(struct router *r);

/* router_exec.c: runs the topology's exec lines unless they have run in this guest. */
void router_exec_begin(struct router *r);
/* The guest is to be a new one, in which they have not run. */
void router_exec_forget(struct router *r);
/* Whether they have run goes along with a saved guest, into its directory and back. */
void router_exec_keep(struct router *r, const char *saved);
void router_exec_kept(struct router *r, const char *saved);

/* router_snoop.c: has the engine say what the guest and its neighbours say to each other, where its intake
 * needs that. */
void router_snoop_program(struct router *r);
/* The guest has lost its carrier by the NIC: what was said there is of no use to who comes later. */
void router_snoop_forget(struct router *r, unsigned nic);
void router_snoop_end(struct router *r);

/* router_sleep.c: of a new router; adopted: its guest runs. */
void router_begin_sleep(struct router *r, bool adopted);

/* router.c */
void router_send_node(struct router *r);

#endif
