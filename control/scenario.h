/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CONTROL_SCENARIO_H
#define CONTROL_SCENARIO_H

/*
 * What is to happen to a vnet, and when (docs/scenarios.md): a YAML file with `vnet` and `steps`, a
 * list of {TIME: COMMAND}, the command as for `weft` but without the vnet. A file that is read is
 * right as far as it can be told without the vnet.
 */

#include "base/err.h"
#include "control/topology.h"

#define SCENARIO_STEPS_MAX 10000
#define SCENARIO_WORDS_MAX 32
#define SCENARIO_HOURS_MAX 24

struct scenario_step {
	double at; /* seconds */
	unsigned line;
	char *text;   /* as written */
	char *target; /* node, or NODE:PORT; NULL: the vnet */
	char *path;   /* of the API, behind /v1/vnets/V/ */
	char *body;   /* JSON; NULL: none */
};

struct scenario {
	char vnet[TOPOLOGY_NAME_MAX];
	unsigned count;
	struct scenario_step *steps; /* in order of time */
};

/* -EINVAL and "FILE:LINE: ...". */
int scenario_load(const char *file, const char *text, size_t len, struct scenario **out,
		  struct err *err);
void scenario_free(struct scenario *s); /* NULL allowed */

/* What the words of a command without the vnet ask of the API, as in struct scenario_step; also of
 * `weft link`. -EINVAL and a sentence, -ENOMEM. */
int scenario_command(unsigned argc, char *const *argv, struct scenario_step *step, struct err *err);

#endif
