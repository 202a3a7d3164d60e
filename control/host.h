/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CONTROL_HOST_H
#define CONTROL_HOST_H

/*
 * A host: a network namespace named weft-VNET-NODE with a tap for each port, where the machine's
 * own programs run.
 */

#include "control/command.h"
#include "control/vnet.h"

struct host;

/* Makes the namespace and the taps and runs the topology's exec lines, or takes over what a
 * weftd of before has made completely. */
int host_create(struct node *node, struct host **out, struct err *err);
/* Makes it anew, killing what runs in it; host_program() is to follow. Why it could not be is its
 * error. */
void host_restart(struct host *h);
/* Removes everything, killing what runs in it. */
void host_destroy(struct host *h);
/* Removes the host whose mark is the file path, of a weftd of before. */
void host_end_marked(const char *path);
/* Frees the handle only. */
void host_detach(struct host *h);

/* DP_PORT_SET with the taps' descriptors for the engine (opened again if need be). */
void host_program(struct host *h);
void host_set_carrier(struct host *h, unsigned port, bool up);
/* Its node, which was `was`, has other ports now: theirs are the taps from now on. host_program() makes
 * those that come. */
void host_change(struct host *h, const struct topology_node *was);

/* NULL while all is well; else what went wrong, for people ("exec 'ip addr ...': exit 2: ..."). */
const char *host_error(const struct host *h);
/* The exec lines have run. */
bool host_ready(const struct host *h);

/* A command in the host; fills in base, netns, hostname and the topology's env. */
int host_exec(struct host *h, struct command_conf *conf, struct command **out, struct err *err);

#endif
