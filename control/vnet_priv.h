/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CONTROL_VNET_PRIV_H
#define CONTROL_VNET_PRIV_H

#include "control/vnet.h"

/* vnet.c */
void vnet_node_free(struct node *n);
/* Takes a node out of the world; it is freed when its guest has ended. */
void vnet_retire(struct node *n);
void vnet_free(struct vnet *v);
/* The topologies of before go when the last node that points into one has gone. */
void vnet_free_retired(struct vnet *v);

/* Tells both ends of the link whether their cable is live. */
void vnet_update_carriers(struct vnet *v, const struct link *l);

/* vnet_make.c: makes what a new or changed topology's nodes run; at_once, or over some turns of the
 * loop. The engine is told of each, and vnet_rise_begin() follows. */
int vnet_make_init(struct vnet *v);
void vnet_make(struct vnet *v, bool at_once);

/* vnet_rise.c: of a vnet that was just deployed or restored. */
int vnet_rise_init(struct vnet *v);
void vnet_rise_begin(struct vnet *v);

/* vnet_program.c */
void vnet_program_node(struct node *n); /* and its links, where the other end is made */
void vnet_program_link(struct vnet *v, struct link *l);

/* vnet_load.c: what a client sent, as a topology called name. Neither text is trusted. */
int vnet_load(const char *images, const char *name, const char *file, const char *text,
	      const char *files, struct topology **out, struct err *err);

/* vnet_plan.c: the running node that may go on as `is`, with the NICs `next` if it is a router; NULL:
 * there is none, or it has to begin anew, and why ("": there is none). */
struct node *vnet_goes_on(struct vnet *v, const struct topology_node *is, struct nics *next,
			  char why[TOPOLOGY_WHY_MAX]);

#endif
