/* SPDX-License-Identifier: Apache-2.0 */
#ifndef VROUTER_SNOOPED_TABLE_PRIV_H
#define VROUTER_SNOOPED_TABLE_PRIV_H

/* Between snooped_frame.c, which reads frames, and snooped.c, which keeps what follows from them. */

#include "base/hash.h"
#include "vrouter/snooped_priv.h"

/* The guest has this MAC for the neighbour. */
void snooped_has(struct snooped *s, unsigned port, const struct snooped_addr *a,
		 const uint8_t mac[6], uint64_t now);
/* The guest asks everybody for it: it knows none. */
void snooped_asks(struct snooped *s, unsigned port, const struct snooped_addr *a, uint64_t now);
/* Somebody says so, where the guest hears it. overrides: also of one for which it has another. */
void snooped_hears(struct snooped *s, unsigned port, const struct snooped_addr *a,
		   const uint8_t mac[6], bool overrides, uint64_t now);
/* The guest has the address itself. */
void snooped_owns(struct snooped *s, unsigned port, const struct snooped_addr *a, uint64_t now);
bool snooped_is_own(const struct snooped *s, unsigned port, const struct snooped_addr *a);

#endif
