/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CONTROL_SWEEP_H
#define CONTROL_SWEEP_H

/*
 * Ends what runs and belongs to nothing in the store any more: what a weftd that was killed while
 * it destroyed or changed a vnet has left. Namespaces, relays and directories go at once, machines
 * are killed and their directories go from the loop.
 */

struct weftd;

/* Also forgets the vnets that are to be ended: call it when none of them is in d->vnets. */
void sweep(struct weftd *d);

/* Ends the machine of a guest's directory, if one runs there, and removes the directory. */
void sweep_guest(struct weftd *d, const char *dir);

/* Removes saved guests that no hibernated vnet has: of a saving that was cut off, or of a vnet that
 * goes on already. When weftd starts; later a saving may be under way. */
void sweep_asleep(struct weftd *d);

#endif
