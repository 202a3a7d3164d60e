/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DATAPLANE_OBJECTS_PRIV_H
#define DATAPLANE_OBJECTS_PRIV_H

/*
 * The objects behind the API (dataplane/api.h has what each operation means). All functions: the
 * control thread, with workers running. Records come with right lengths and terminated strings;
 * everything else about them is checked here. -errno and a sentence.
 */

#include "dataplane/dp_priv.h"

/* objects.c */
int vnet_set(struct engine *e, const struct dp_vnet *rec, struct err *err);
int vnet_del(struct engine *e, uint32_t id, struct err *err);
int node_set(struct engine *e, const struct dp_node *rec, struct err *err);
int node_del(struct engine *e, uint32_t id, struct err *err);
int objects_sync(struct engine *e, bool end, struct err *err);
void objects_forget_syncs(struct engine *e); /* those a former client began */
void objects_clear(struct engine *e);

/* ports.c */
int port_set(struct engine *e, const struct dp_port *rec, int *fd, struct err *err); /* *fd = -1
							    when the port has taken it */
int port_del(struct engine *e, uint32_t id, struct err *err);
void port_destroy(struct engine *e, struct port *port);
void port_refresh(struct port *port); /* mode and carrier, after flags of it or its node changed */

/* links.c */
int link_set(struct engine *e, const struct dp_link *rec, struct err *err);
int link_del(struct engine *e, uint32_t id, struct err *err);
void link_destroy(struct engine *e, struct link *link);
void link_refresh(struct link *link);
void link_lose(struct engine *e, struct port *port); /* the port goes: its link has one end less */

/* fibs.c */
int vfib_set(struct engine *e, const struct dp_fib *rec, struct err *err);
int vfib_del(struct engine *e, uint32_t id, struct err *err);
void vfib_destroy(struct engine *e, struct vfib *fib);
int vfib_sync(struct engine *e, uint32_t node, bool end, struct err *err);

/* nexthops.c */
int nh_set(struct engine *e, const struct dp_nh *rec, struct err *err);
int nh_del(struct engine *e, uint32_t node, uint32_t id, struct err *err);
struct nh_entry *nh_find(const struct vnode *node, uint32_t id);
void nh_unref(struct engine *e, uint32_t slot);
void nh_sweep(struct engine *e, struct vnode *node); /* those not set since DP_FIB_SYNC began */
void nh_clear(struct engine *e, struct vnode *node); /* all, whatever refers to them */
void nh_lose_port(struct engine *e, const struct port *port); /* adjacencies by it lead nowhere */

#endif
