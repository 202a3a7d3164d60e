/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CONTROL_CLI_START_H
#define CONTROL_CLI_START_H

#include "control/cli/cli.h"
#include "control/cli/client.h"

/* Starts the weftd beside this binary when none runs, and returns when it answers. Only root
 * may. -ENOTCONN with a sentence when there is none afterwards. */
int start_weftd(const struct cli *cli, struct client *client, struct err *err);

#endif
