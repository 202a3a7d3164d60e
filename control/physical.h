/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CONTROL_PHYSICAL_H
#define CONTROL_PHYSICAL_H

/*
 * Physical ports: those that ports.yml names, how each is served, and which vnet has which slice of it.
 *
 *   physical.c         the table: how each is served, when the kernel's links change, what the engine says
 *   physical_load.c    from the file
 *   physical_fill.c    which VLANs the XDP programs take
 *   physical_kernel.c  interfaces, and the XDP program that the engine has attached to one
 *   physical_vnet.c    slices: what a topology may have, what the engine is told of those of a vnet
 *   physical_json.c    for `weft port list`
 */

#include "base/buf.h"
#include "control/vnet.h"

#include <jansson.h>

struct physical;

/* Reads the file at path, if there is one. One that is wrong is no failure: there are no ports then,
 * and everybody who asks is told why. */
int physical_create(struct weftd *d, const char *path, struct physical **out, struct err *err);
void physical_destroy(struct physical *ph); /* NULL allowed */

/* Reads the file again; when it is wrong everything stays as it is. */
int physical_reload(struct physical *ph, struct err *err);

/* Whether t, of the file `file`, may have the slices that it names; existing: the vnet that it is to
 * replace, or NULL. owner: whose vnet it is; NULL: the operator's. -EINVAL, -EACCES, -EBUSY where a
 * slice is another vnet's, -ENOSPC where a port's rate does not do for all guarantees. */
int physical_check(struct weftd *d, const struct topology *t, const char *file, const struct vnet *existing,
		   const char *owner, struct err *err);

/* The engine is connected; fresh: it has just begun. Before anything is programmed. */
void physical_engine_up(struct physical *ph, bool fresh);
/* It refuses a record; bad NULL: it has taken everything. */
void physical_refused(struct physical *ph, const struct dp_id *bad, const char *why);
/* For struct engine_conf; daemon: the struct weftd. */
unsigned physical_pci(void *daemon, const char *out[]);

/* Says the node of slices and its ports to the engine. */
void physical_program(const struct node *n);
/* Slices have come or gone: what the XDP programs take is set, when the engine knows of it. NULL: does
 * nothing. */
void physical_changed(struct physical *ph);

/* What ports.yml says of the port of a slice ("p0.100"), bits a second; 0: nothing. */
uint64_t physical_rate(const struct physical *ph, const char *slice);

/* Whether a slice's port has carrier. */
bool physical_carrier(const struct physical *ph, const struct port *slice);
/* Why not all slices of the node are served; false: they are. */
bool physical_trouble(const struct node *n, char *why, size_t size);

/* The PORTS of docs/api.md; stats: of the engine. */
json_t *physical_json(const struct physical *ph, const struct buf *stats);

#endif
