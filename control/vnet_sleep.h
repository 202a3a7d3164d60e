/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CONTROL_VNET_SLEEP_H
#define CONTROL_VNET_SLEEP_H

/*
 * Vnets that stand still, or are saved on disk, and go on (docs/sleep.md). All guests of a vnet do
 * so together, so that no timer of one runs out against another's. The engine forwards meanwhile.
 */

#include "control/vnet.h"
#include "vrouter/vrouter.h"

enum vnet_verb { VNET_PAUSE, VNET_RESUME, VNET_HIBERNATE };

/* What came of it. */
struct vnet_slept {
	unsigned routers;   /* that stood still or went on, or were saved */
	uint64_t spread_us; /* between the first and the last that stood still or went on */
	uint64_t bytes;	    /* written to disk */
	double seconds;	    /* that it took */
};

/* code: 0 or -errno with a sentence; the vnet is as it was then. */
typedef void (*vnet_slept_cb)(void *arg, int code, const struct err *err,
			      const struct vnet_slept *said);

/* Begins it; done is called once, from the loop. -EBUSY: not in this mode, or another is under way.
 * What is so already is done again, which changes nothing. */
int vnet_sleep(struct vnet *v, enum vnet_verb verb, vnet_slept_cb done, void *arg, struct err *err);

/* It is destroyed, or weftd ends: what is under way is left as it is, and its owner told. */
void vnet_sleep_cancel(struct vnet *v, const char *why);

/* Its guests run, and are started again when they end. */
bool vnet_awake(const struct vnet *v);

/* "red is hibernated; `weft resume red` ..." -EBUSY, or 0 for a vnet that is awake. */
int vnet_check_awake(const struct vnet *v, struct err *err);

/* "paused", "hibernating"; NULL while it is awake. */
const char *vnet_sleep_state(const struct vnet *v);

/* From router_sleep.c: what a guest did, and that one has ended which is not to be started again. */
void vnet_router_slept(struct node *n, enum vrouter_sleep what, const char *why);
void vnet_router_ended(struct node *n);

#endif
