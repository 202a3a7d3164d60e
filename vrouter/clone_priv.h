/* SPDX-License-Identifier: Apache-2.0 */
#ifndef VROUTER_CLONE_PRIV_H
#define VROUTER_CLONE_PRIV_H

/*
 * What makes a clone of a template a router of its own: an identity, its files, and the image's own
 * /usr/lib/weft/clone, which ends with /run/weft/ready in the guest.
 */

#include "vrouter/session_priv.h"
#include "vrouter/vrouter.h"

struct clone;

/* Begins when the agent answers. done is called once, from the loop: 0, or -errno and why this
 * guest cannot be a clone. Everything but session may go away at once. */
int clone_begin(struct session *session, const struct vrouter_conf *conf,
		void (*done)(void *arg, int code, const char *why), void *arg, struct clone **out);
/* Forgets it; before the session is destroyed. NULL allowed. */
void clone_destroy(struct clone *c);

/* Why a router of this description is never a clone; "" when it may be one. */
void clone_refusal(const struct vrouter_conf *conf, char *why, size_t size);

#endif
