/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CONTROL_VNET_NEWS_H
#define CONTROL_VNET_NEWS_H

/*
 * From what happens to a vnet to events: whoever changes something says so, and soon the states of
 * the vnet, its nodes and links are compared with what was told of them last. So a state that lasts
 * less than a quarter of a second may go untold, and no change can be forgotten.
 */

#include "control/events.h"
#include "control/vnet.h"

struct vnet_news;

int vnet_news_init(struct vnet *v);
void vnet_news_fini(struct vnet *v);

/* Something may have changed. Any number of times. */
void vnet_news(struct vnet *v);
/* The same, at once. */
void vnet_news_now(struct vnet *v);

/* An event of the vnet itself (name NULL), or of what is in it. */
void vnet_event(const struct vnet *v, const char *type, const char *name, const char *state,
		const char *why);

#endif
