/* SPDX-License-Identifier: Apache-2.0 */
#ifndef VROUTER_VROUTER_CONF_PRIV_H
#define VROUTER_VROUTER_CONF_PRIV_H

#include "vrouter/vrouter.h"

/* A vrouter_conf with all it points to. */
struct vrouter_conf *vrouter_conf_copy(const struct vrouter_conf *conf); /* NULL: no memory */
/* Replaces the NICs, which are copied; -ENOMEM: they are as they were. */
int vrouter_conf_set_nics(struct vrouter_conf *conf, unsigned count, const struct hv_nic *nics,
			  const struct image_nic *as);
void vrouter_conf_free(struct vrouter_conf *conf);			   /* NULL allowed */

#endif
