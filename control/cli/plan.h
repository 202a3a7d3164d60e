/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CONTROL_CLI_PLAN_H
#define CONTROL_CLI_PLAN_H

#include <jansson.h>

/* A PLAN of docs/api.md, on stdout. */
void plan_print(const json_t *plan);

#endif
