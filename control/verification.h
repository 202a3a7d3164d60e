/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CONTROL_VERIFICATION_H
#define CONTROL_VERIFICATION_H

/*
 * Whether a router's guest, its intake and its FIB in the engine agree (vrouter/verify.h). The three
 * are taken until nothing differs, or until something has differed in several takes for a while, or
 * until that has taken too long.
 */

#include "control/vnet.h"

struct verification;

/* done gets the VERIFIED object of docs/api.md, which is its; not before this has returned. NULL: no
 * memory. */
struct verification *verification_begin(struct node *n, void (*done)(void *arg, json_t *o), void *arg);
void verification_cancel(struct verification *x); /* done is not called any more */

/* VERIFIED of a node that is not compared; state: "unknown" or "guest". */
json_t *verification_none(const char *node, const char *state, const char *why);

#endif
