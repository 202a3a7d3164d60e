/* SPDX-License-Identifier: Apache-2.0 */
/* A client of the engine says anything. Input: a request as it comes from the socket. */
#include "dataplane/request_priv.h"
#include "tests/unit/dataplane/lab.h"

#include <stdlib.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void on_reply(void *arg, const void *bytes, size_t len)
{
	if (len < sizeof(struct dp_reply) || len > DP_DATAGRAM_MAX)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static unsigned runs;
	struct engine *e = lab_engine();

	if (runs++ % 64 == 0) { /* requests meet what others left, for a while */
		lab_build(e);
		close(lab_capture(e, 1, 1, 4));
	}
	request_handle(e, data, size, NULL, 0, on_reply, NULL);
	return 0;
}
