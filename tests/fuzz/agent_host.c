/* SPDX-License-Identifier: Apache-2.0 */
/* What the host sends to weft-agent: the stream in two pieces, then the payloads of its frames.
 * Since the check of a header is hard to guess, the input is a payload as well. */
#include "vrouter/agent/host.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>

static const char *argv[HOST_WORDS_MAX + 1], *env[HOST_WORDS_MAX + 1];

static size_t text_len(const char **words)
{
	size_t sum = 0;

	for (; *words; words++)
		sum += strlen(*words) + 1;
	return sum;
}

static void payload(const uint8_t *bytes, size_t len)
{
	struct rd r = rd_of(bytes, len);
	uint32_t mode, flags;
	char path[PATH_MAX], hostname[HOST_NAME_LEN + 1];
	struct agent_renew renew;
	uint64_t ns;

	if (host_argv(r, argv, env, &flags) == 0 && text_len(argv) + text_len(env) > len)
		abort();
	if (host_file(&r, path, sizeof(path), &mode, &flags) == 0 && strlen(path) + r.left > len)
		abort();
	if (host_renew(rd_of(bytes, len), &renew, hostname) == 0 &&
	    sizeof(renew) + strlen(hostname) + 1 != len)
		abort();
	if (host_clock(rd_of(bytes, len), &ns) == 0 && len != sizeof(ns))
		abort();
}

static void frame(void *arg, const struct agent_frame *f, const uint8_t *bytes)
{
	if (f->len > AGENT_FRAME_MAX)
		abort();
	payload(bytes, f->len);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct host_stream s = { 0 };
	struct buf wire = { 0 };

	payload(data, size);
	host_feed(&s, data, size / 2, frame, NULL);
	host_feed(&s, data + size / 2, size - size / 2, frame, NULL);
	if (s.buf.len > sizeof(struct agent_frame) + AGENT_FRAME_MAX)
		abort();
	host_reset(&s);
	host_frame(&wire, AGENT_EXEC, 1, 1, data, size < AGENT_FRAME_MAX ? size : AGENT_FRAME_MAX);
	host_feed(&s, wire.data, wire.len, frame, NULL);
	if (s.buf.len)
		abort();
	host_reset(&s);
	buf_free(&wire);
	return 0;
}
