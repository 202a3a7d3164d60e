/* SPDX-License-Identifier: Apache-2.0 */
/* Bytes of a guest into a session whose nonce it knows (0), watched and with a command running. */
#include "tests/unit/vrouter/fake.h"
#include "vrouter/session_priv.h"

#include <event2/buffer.h>
#include <event2/event.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void welcome(void *arg, bool ready)
{
	static const char *const argv[] = { "true", NULL };
	struct vrouter_exec_conf conf = { .argv = argv };
	struct vrouter_exec *x;

	session_watch(*(struct session **)arg);
	session_exec(*(struct session **)arg, &conf, &x, NULL);
}

static void nothing(void *arg)
{
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct session_ops ops = { welcome, nothing, nothing };
	static struct event_base *base;
	struct evbuffer *in = evbuffer_new();
	struct session *s;

	if (!base)
		base = event_base_new();
	if (session_create(base, NULL, &ops, &s, &s) == 0) {
		for (size_t at = 0; at < size; at += 61) {
			evbuffer_add(in, data + at, size - at < 61 ? size - at : 61);
			session_input(s, in);
		}
		session_destroy(s);
	}
	evbuffer_free(in);
	return 0;
}
