/* SPDX-License-Identifier: Apache-2.0 */
#include "hv/qmp_priv.h"

#include <event2/buffer.h>
#include <stddef.h>
#include <stdint.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct qmp *q;

static void reply(void *arg, const json_t *value, const char *why)
{
}

static void ready(void *arg)
{
	qmp_command(q, "query-status", NULL, reply);
	qmp_command(q, "stop", NULL, NULL);
}

static void event(void *arg, const char *name, const json_t *data, int64_t us)
{
}

static void refused(void *arg, const char *text)
{
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct qmp_ops ops = { ready, event, refused };
	struct evbuffer *in = evbuffer_new(), *out = evbuffer_new();

	q = qmp_create(out, &ops, NULL);
	evbuffer_add(in, data, size);
	qmp_input(q, in);
	qmp_destroy(q);
	evbuffer_free(in);
	evbuffer_free(out);
	return 0;
}
