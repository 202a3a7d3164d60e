/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CONTROL_CLI_VERIFY_H
#define CONTROL_CLI_VERIFY_H

/* How a VERIFIED of docs/api.md looks. */

#include <jansson.h>

/* Of an array of them: a table of routers, one of differences if there are any, what is left out. */
void verify_show(const json_t *routers);

/* A line about one router: when, and in what it differs, or that it does not. */
void verify_show_line(const json_t *router);

#endif
