/* SPDX-License-Identifier: Apache-2.0 */
#ifndef VROUTER_AGENT_HOST_H
#define VROUTER_AGENT_HOST_H

/* Frames out of a byte stream that may begin anywhere and hold anything, and what is in them. */

#include "base/buf.h"
#include "base/rd.h"
#include "vrouter/agent/proto.h"

struct host_stream {
	struct buf buf; /* what is not parsed yet: at most a frame and one read */
};

uint32_t host_check(const struct agent_frame *f);

/* Appends bytes and calls frame for each whole one; skips what is none. */
void host_feed(struct host_stream *s, const void *bytes, size_t len,
	       void (*frame)(void *arg, const struct agent_frame *f, const uint8_t *payload),
	       void *arg);

void host_reset(struct host_stream *s);

/* A frame for the other side. len is at most AGENT_FRAME_MAX. */
void host_frame(struct buf *out, enum agent_type type, uint64_t nonce, uint32_t id,
		const void *bytes, size_t len);

/* Payload of AGENT_EXEC: at most HOST_WORDS_MAX words each go to argv and env, which end with NULL
 * and point into the payload. -EINVAL: malformed. */
#define HOST_WORDS_MAX 1024
int host_argv(struct rd payload, const char **argv, const char **env, uint32_t *flags);

/* Payload of AGENT_FILE: the file's bytes are what is left in r. -EINVAL: malformed. */
int host_file(struct rd *r, char *path, size_t path_size, uint32_t *mode, uint32_t *flags);

/* Payload of AGENT_RENEW: the hostname is 1 to HOST_NAME_LEN bytes. -EINVAL: malformed. */
#define HOST_NAME_LEN 64
int host_renew(struct rd payload, struct agent_renew *renew, char hostname[HOST_NAME_LEN + 1]);

/* Payload of AGENT_CLOCK: ns since 1970. -EINVAL: malformed. */
int host_clock(struct rd payload, uint64_t *realtime_ns);

#endif
