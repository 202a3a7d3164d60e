/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CONTROL_CLI_JSON_H
#define CONTROL_CLI_JSON_H

/*
 * Members of an answer of weftd, of which nothing is believed: what is missing or of another
 * type reads as the neutral value. vnet_check() refuses what cannot be shown at all.
 */

#include "base/err.h"

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

const char *json_text(const json_t *o, const char *key); /* "" */
uint64_t json_count(const json_t *o, const char *key);	 /* 0; negative too */
double json_number_at(const json_t *o, const char *key); /* < 0: absent */
bool json_true_at(const json_t *o, const char *key);	 /* false */
json_t *json_list(const json_t *o, const char *key);	 /* array, or NULL, which jansson takes for an empty one; borrowed */
json_t *json_map(const json_t *o, const char *key);	 /* object or NULL; borrowed */
uint64_t json_sum(const json_t *map);			 /* of an object's counts; NULL: 0 */

/* That a VNET, or {"vnets": [..]}, has the shape of docs/api.md: 0 or -EBADMSG. */
int vnet_check(const json_t *vnet, struct err *err);
int vnets_check(const json_t *answer, struct err *err);

json_t *vnet_node(const json_t *vnet, const char *name); /* borrowed or NULL */

void json_print(const json_t *v); /* indented, on stdout */

#endif
