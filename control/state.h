/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CONTROL_STATE_H
#define CONTROL_STATE_H

/* How a node and a vnet are doing, in the words of docs/api.md. */

#include "control/vnet.h"

enum node_state {
	NODE_WAITING, /* not made yet, or in the start queue */
	NODE_STOPPED,
	NODE_BOOTING,
	NODE_AGENT,
	NODE_READY,
	NODE_FAILED,
	NODE_PAUSED,
	NODE_HIBERNATED,
	NODE_STATES
};
extern const char *const node_state_names[NODE_STATES];

/* why (STATE_WHY_MAX bytes, or NULL): a sentence about what is wrong, also of a node that is ready,
 * or empty. It may hold a guest's bytes. */
#define STATE_WHY_MAX 600
enum node_state node_state(const struct node *n, char *why);

/* An engine or a guest that has ended so often in a row, each time soon, is not about to work. */
#define STATE_FAILURES 3

/* "running": every node ready, every link risen, every router's FIB in step with its guest, and an
 * engine that forwards. */
const char *vnet_state(struct vnet *v);

#endif
