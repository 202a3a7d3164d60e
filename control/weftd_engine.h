/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CONTROL_WEFTD_ENGINE_H
#define CONTROL_WEFTD_ENGINE_H

/* What weftd does when its engine comes, ends or refuses something: for struct engine_conf, whose arg is
 * struct weftd. */

#include "dataplane/api.h"

#include <stdbool.h>

void weftd_engine_up(void *weftd, bool fresh);
void weftd_engine_died(void *weftd, const char *why);
void weftd_engine_refused(void *weftd, const struct dp_id *bad, const char *why);

#endif
