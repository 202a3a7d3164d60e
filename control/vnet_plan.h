/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CONTROL_VNET_PLAN_H
#define CONTROL_VNET_PLAN_H

/*
 * What becomes of a vnet's nodes and links when it is given another topology. All that can fail is in
 * the making of the plan; vnet_deploy.c carries it out.
 */

#include "control/topology_diff.h"
#include "control/vnet_priv.h"

#include <jansson.h>

struct plan_node {
	struct node *node; /* goes on, or new */
	struct port *ports; /* of one that goes on: in the new topology's order; taken when carried out */
	struct nics *nics;  /* of a router that goes on */
	bool changes;	    /* its ports are other ones, or in another order */
};

struct plan {
	struct vnet *vnet;
	struct topology *topology; /* taken when it is carried out */
	struct plan_node *nodes;
	struct link *links;
	struct hash_map *by_key; /* links, by struct link.key */
	struct node **list;	 /* nodes for the vnet; taken likewise */
	struct retired_topology *old;
	bool restored; /* by a new weftd: all nodes are as they were */
};

/* Takes t, also when it fails. */
int plan_init(struct plan *p, struct vnet *v, struct topology *t, struct err *err);
void plan_free(struct plan *p); /* that was not carried out */
void plan_done(struct plan *p); /* that was: what the vnet has not taken */
/* The wish and its ids, in one transaction. wish: NULL when the store has it already. */
int plan_store(struct plan *p, const struct store_vnet *wish, struct err *err);

bool plan_keeps_link(const struct plan *p, const struct link *l);
/* The plan's entry of a node of the vnet as it is; NULL: it goes. */
struct plan_node *plan_find(const struct plan *p, const struct node *n);

/* vnet_plan_json.c: the PLAN of docs/api.md, from v (NULL: no vnet) to t. NULL: out of memory. */
json_t *plan_json(struct vnet *v, const struct topology *t);

#endif
