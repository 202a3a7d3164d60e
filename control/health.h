/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CONTROL_HEALTH_H
#define CONTROL_HEALTH_H

/*
 * What is wrong with the machine rather than with a vnet: a store that cannot be written, an engine
 * without huge pages. All vnets go on; what could not be stored is stored when it can be.
 */

#include "base/err.h"

#include <jansson.h>

struct health;
struct weftd;

int health_create(struct weftd *d, struct health **out, struct err *err);
void health_destroy(struct health *h); /* NULL allowed; before the store is closed */

/* An array of sentences; empty while all is well. */
json_t *health_notes(const struct weftd *d);

#endif
