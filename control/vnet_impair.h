/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CONTROL_VNET_IMPAIR_H
#define CONTROL_VNET_IMPAIR_H

#include "control/vnet.h"

#include <jansson.h>

/* What the link does to what an end (0 or 1) sends: as an operator has set, else as the topology
 * says; and the record that tells the engine. */
const struct impairment *vnet_impairment(const struct link *l, int end);
struct dp_impair vnet_impair_record(struct vnet *v, const struct link *l, int end);

/* {"delay": "10ms", ...}, and the way back. -EINVAL and a sentence. */
json_t *vnet_impairment_json(const struct impairment *im);
int vnet_impairment_of(const json_t *o, struct impairment *im, struct err *err);

/* From now on, for the ends that are asked for: im, or as the topology says (NULL). */
int vnet_impair(struct vnet *v, struct link *l, const struct impairment *im, const bool which[2],
		struct err *err);
/* As set before this weftd. */
void vnet_impair_restore(struct vnet *v, struct link *l, const char *name);

#endif
