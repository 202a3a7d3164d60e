/* SPDX-License-Identifier: Apache-2.0 */
#include "hv/qmp_priv.h"

#include <event2/buffer.h>
#include <stddef.h>
#include <stdint.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void ready(void *arg)
{
}

static void event(void *arg, const char *name, const json_t *data)
{
}

static void refused(void *arg, const char *text)
{
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct qmp_ops ops = { ready, event, refused };
	struct evbuffer *in = evbuffer_new(), *out = evbuffer_new();
	struct qmp *q = qmp_create(out, &ops, NULL);

	evbuffer_add(in, data, size);
	qmp_input(q, in);
	qmp_destroy(q);
	evbuffer_free(in);
	evbuffer_free(out);
	return 0;
}
