/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CONTROL_CLI_LOAD_H
#define CONTROL_CLI_LOAD_H

/* A topology file from disk, checked here, and as the body of PUT /v1/vnets/NAME. */

#include "control/cli/cli.h"
#include "control/topology.h"

#include <jansson.h>

struct loaded {
	struct topology *topology;
	json_t *body; /* {"file", "topology", "files": {path: base64}} */
};

/* 0, or an exit code after saying why. */
int load_topology(const struct cli *cli, const char *file, struct loaded *out);
void load_free(struct loaded *l);

#endif
