/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CONTROL_CLI_SOCKET_H
#define CONTROL_CLI_SOCKET_H

/* A socket of a router's machine, between it and standard input and output. */

#include "control/cli/cli.h"

/* what: the call of docs/api.md that names it, "console" or "debug". */
int socket_open(const struct cli *cli, const char *vnet, const char *node, const char *what, int *fd,
		struct err *err);

/* Until the character leave is read (-1: none ends it), signals (-1: none) is readable, or either side
 * ends. Returns true when the router's side ended. */
bool socket_relay(int fd, int leave, int signals);

#endif
