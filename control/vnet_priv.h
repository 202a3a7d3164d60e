/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CONTROL_VNET_PRIV_H
#define CONTROL_VNET_PRIV_H

#include "control/vnet.h"

/* vnet.c */
void vnet_node_free(struct node *n);
/* Takes a node out of the world; it is freed when its guest has ended. */
void vnet_retire(struct node *n);
void vnet_free(struct vnet *v);

/* vnet_program.c */
void vnet_program_link(struct vnet *v, const struct link *l);

/* vnet_deploy.c */
void vnet_ids_del(const struct node *n);

#endif
