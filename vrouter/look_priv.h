/* SPDX-License-Identifier: Apache-2.0 */
#ifndef VROUTER_LOOK_PRIV_H
#define VROUTER_LOOK_PRIV_H

/* What `weft-agent dump` prints, into an intake. Nothing of it is trusted. */

#include "vrouter/agent/host.h"
#include "vrouter/intake.h"

struct look_stream {
	struct host_stream frames;
	struct intake *kernel;
	bool begun, ended; /* the dump has */
};

void look_feed(struct look_stream *s, const void *bytes, size_t len);
void look_fini(struct look_stream *s); /* the intake stays */

#endif
