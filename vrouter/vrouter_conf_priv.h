/* SPDX-License-Identifier: Apache-2.0 */
#ifndef VROUTER_VROUTER_CONF_PRIV_H
#define VROUTER_VROUTER_CONF_PRIV_H

#include "vrouter/vrouter.h"

/* A vrouter_conf with all it points to. */
struct vrouter_conf *vrouter_conf_copy(const struct vrouter_conf *conf); /* NULL: no memory */
void vrouter_conf_free(struct vrouter_conf *conf);			   /* NULL allowed */

#endif
