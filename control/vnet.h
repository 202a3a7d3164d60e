/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CONTROL_VNET_H
#define CONTROL_VNET_H

/*
 * A vnet that weftd runs: the topology as wished and a node object for each of its nodes.
 * Ids are the engine's (and the store's).
 */

#include "base/err.h"
#include "control/store.h"
#include "control/topology.h"
#include "control/topology_diff.h"
#include "control/weftd.h"

#include <jansson.h>
#include <string.h>
#include <time.h>

struct host;
struct router;
struct vnet_news;
struct vnet_sleep;

struct port {
	const struct topology_port *spec;
	uint32_t id;
};

struct node {
	TAILQ_ENTRY(node) entry; /* in vnet.leaving */
	const struct topology_node *spec;
	struct vnet *vnet;
	uint32_t id;
	struct port *ports; /* spec->port_count */
	struct host *host;     /* by spec->kind, else NULL */
	struct router *router;
	bool awaited; /* vnet_sleep.c: its guest has not answered yet */
	bool retired; /* ends; the vnet's links and names are not its any more */
	char error[256]; /* why it could not be made; empty when fine */
};

TAILQ_HEAD(node_list, node);

struct retired_topology {
	SLIST_ENTRY(retired_topology) entry;
	struct topology *topology;
};
SLIST_HEAD(topology_list, retired_topology);

struct link {
	const struct topology_link *spec;
	uint32_t id;
	char name[TOPOLOGY_LINK_MAX]; /* "r1:eth1,r2:eth1", as in the file */
	char key[TOPOLOGY_LINK_MAX];  /* the same, whichever end comes first; for the store */
	bool down; /* an operator's wish */
	struct impairment live[2]; /* what an operator wishes it to do to what each end sends, */
	bool is_live[2];	   /* if that is not what spec says */
	bool told; /* the engine may have an impairment of it */
	bool risen; /* its ends were ready: it has carrier from now on, whatever becomes of their guests */
};

struct waiter {
	SLIST_ENTRY(waiter) entry;
	void (*done)(void *arg);
	void *arg;
};
SLIST_HEAD(waiter_list, waiter);

struct vnet {
	TAILQ_ENTRY(vnet) entry;
	struct weftd *daemon;
	uint32_t id;
	uint32_t owner; /* the user whose it is; 0: the operator's */
	char owner_name[USER_NAME_MAX]; /* empty: the operator's */
	char *file; /* as given */
	struct topology *topology;
	struct node **nodes; /* topology->node_count, same order */
	struct link *links;  /* topology->link_count, same order */
	struct node_list leaving; /* of an earlier topology: their guests have not ended yet */
	struct topology_list retired; /* that the leaving nodes still point into */
	struct timespec since;
	struct event *making; /* goes on with the nodes from nodes[made] */
	unsigned made;
	struct event *patience; /* with routers on their first way up */
	struct event *settling; /* until guests have seen that their links are gone */
	bool replugged;		/* it ran before it was given this topology */
	enum store_mode mode;	  /* as stored */
	struct vnet_sleep *sleep; /* what is under way between two modes, or NULL */
	struct vnet_news *news;	  /* what has been told of it by events */
	bool destroying;
	struct waiter_list waiters; /* for its end */
};

/* Whether its ends stand the other way round in the file than in its key. */
static inline bool link_is_turned(const struct link *l)
{
	return strcmp(l->name, l->key) != 0;
}

/* Whether these bytes name that end of it (0, 1), as in the file: "r1:eth1". */
bool link_is_end(const struct link *l, int end, const char *name, size_t len);

struct vnet *vnet_find(struct weftd *d, const char *name);
struct node *vnet_node(struct vnet *v, const char *name);
/* By either end, "r1:eth1"; NULL when there is none. */
struct link *vnet_link(struct vnet *v, const char *end);
/* The port at an end (0 or 1) of a link, and its node. */
struct port *vnet_end(const struct vnet *v, const struct link *l, int end, struct node **node);

/*
 * Makes the vnet be as wished (the id is not looked at): creates it, or changes only what differs. A
 * vnet that is there keeps its owner: -EEXIST when wish says another one.
 * -EINVAL and a "FILE:LINE: ..." sentence when the topology is wrong; nothing is changed then.
 */
int vnet_deploy(struct weftd *d, const struct store_vnet *wish, struct vnet **out, struct err *err);
/* What that would do, as the PLAN of docs/api.md; fails as it would, and changes nothing. */
int vnet_dry_run(struct weftd *d, const struct store_vnet *wish, json_t **out, struct err *err);

/* As stored by an earlier weftd: adopts what runs, starts what does not. */
int vnet_restore(struct weftd *d, uint32_t id, const char *name, const char *file,
		 const char *text, const char *files, struct err *err);

/* Ends everything of it, or joins those who wait for that; done is called when nothing is left and v
 * is gone. Once it has returned 0 the vnet ends, even if this weftd is killed. */
int vnet_destroy(struct vnet *v, void (*done)(void *arg), void *arg, struct err *err);

int vnet_set_link(struct vnet *v, struct link *l, bool up, struct err *err);

/* Says the vnet's structure to the engine, as far as it is made; repeating is harmless. */
void vnet_program(struct vnet *v);
/* Its link has risen and is on, and the node behind it is there? What a port's carrier should be. */
bool vnet_carrier(const struct vnet *v, const struct port *p);

/* Stores again what is stored when it happens, of links and guests: some of it could not be. */
void vnet_remember(struct vnet *v);

/* All guests are left running, handles are freed: weftd ends. */
void vnet_detach(struct vnet *v);

/* From router.c: a guest's end was seen; goes on with what waits for it. */
void vnet_node_ended(struct node *n);
/* From router.c: its guest was started, is ready or has failed; links may rise. progress: the first
 * start or being ready, so that waiting for others makes sense. */
void vnet_router_moved(struct node *n, bool progress);
/* From router.c: a guest took a port up or down; the other end's carrier follows. */
void vnet_port_changed(struct node *n, unsigned port);

#endif
