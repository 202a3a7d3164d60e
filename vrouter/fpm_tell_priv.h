/* SPDX-License-Identifier: Apache-2.0 */
#ifndef VROUTER_FPM_TELL_PRIV_H
#define VROUTER_FPM_TELL_PRIV_H

/* What FPM does not say, as the messages by which a kernel would. */

#include "vrouter/intake.h"
#include "vrouter/snooped_priv.h"

/* A link that is up. p all zero: it is none. */
void fpm_tell_link(struct intake *in, uint32_t ifindex, const struct intake_port *p);
/* mac NULL: it is not known. */
void fpm_tell_neighbour(struct intake *in, uint32_t ifindex, const struct snooped_addr *a,
			const uint8_t *mac);
/* An address of the guest's own. */
void fpm_tell_own(struct intake *in, uint32_t ifindex, const struct snooped_addr *a, bool has);

#endif
