/* SPDX-License-Identifier: Apache-2.0 */
/* A zebra says anything. Input: bytes as they come by the connection. */
#include "vrouter/fpm_priv.h"

#include "tests/unit/vrouter/held.h"
#include "vrouter/fpm_tell_priv.h"

#include <event2/buffer.h>
#include <event2/event.h>
#include <stdlib.h>

static const struct intake_port port = { .mac = { 2, 0, 0, 0, 0, 1 }, .hw = { 2, 0, 0, 0, 0, 1 },
					 .mtu = 1500, .name = "eth1" };
static struct intake *in;

static void nothing(void *arg)
{
}

static void on_tell(void *arg)
{
	static const struct snooped_addr own = { 4, { 10, 1, 0, 1 } }, other = { 4, { 10, 1, 0, 2 } };

	fpm_tell_link(in, INTAKE_FPM_PORTS, &port);
	fpm_tell_own(in, INTAKE_FPM_PORTS, &own, true);
	fpm_tell_neighbour(in, INTAKE_FPM_PORTS, &other, (const uint8_t[6]){ 2, 0, 0, 0, 0, 2 });
}

static void on_down(void *arg, const char *why)
{
}

static void on_reason(void *arg, const char *text)
{
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct fpm_ops ops = { nothing, on_tell, nothing, on_down };
	static struct event_base *base;
	struct held held = { 0 };
	const struct intake_conf conf = { .port_count = 1, .ports = &port, .max_routes = 64, .fpm = true,
					  .sink = &held_sink, .arg = &held };
	struct evbuffer *bytes = evbuffer_new();
	struct fpm *f;

	if (!base)
		base = event_base_new();
	if (intake_create(&conf, &in) < 0 || fpm_create(base, in, &ops, NULL, &f) < 0)
		abort();
	for (unsigned round = 0; round < 2; round++) { /* and all again by the next connection */
		intake_dump_begin(in);
		if (!round) {
			on_tell(NULL);
			intake_dump_end(in);
		}
		for (size_t at = 0; at < size; at += 700) {
			evbuffer_add(bytes, data + at, size - at < 700 ? size - at : 700);
			if (!fpm_input(f, bytes))
				break;
			intake_commit(in);
		}
		evbuffer_drain(bytes, evbuffer_get_length(bytes));
	}
	on_tell(NULL);
	intake_dump_end(in);
	intake_each_reason(in, on_reason, NULL);
	fpm_destroy(f);
	intake_destroy(in);
	evbuffer_free(bytes);
	held_fini(&held);
	return 0;
}
