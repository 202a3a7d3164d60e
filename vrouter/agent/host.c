/* SPDX-License-Identifier: Apache-2.0 */
#include "vrouter/agent/host.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

static_assert(sizeof(struct agent_frame) == 32, "the header as both sides have it");
static_assert(sizeof(struct agent_renew) == 88, "the identity as both sides have it");

uint32_t host_check(const struct agent_frame *f)
{
	return f->magic ^ f->len ^ f->type ^ f->id ^ (uint32_t)f->nonce ^ (uint32_t)(f->nonce >> 32);
}

static bool header_ok(const struct agent_frame *f)
{
	return f->magic == AGENT_MAGIC && f->len <= AGENT_FRAME_MAX && f->check == host_check(f);
}

void host_feed(struct host_stream *s, const void *bytes, size_t len,
	       void (*frame)(void *arg, const struct agent_frame *f, const uint8_t *payload), void *arg)
{
	size_t at = 0;

	buf_put(&s->buf, bytes, len);
	if (s->buf.bad) {
		host_reset(s);
		return;
	}
	while (s->buf.len - at >= sizeof(struct agent_frame)) {
		const uint8_t *p = s->buf.data + at;
		struct agent_frame f;

		memcpy(&f, p, sizeof(f));
		if (!header_ok(&f)) {
			const uint8_t *next = memchr(p + 1, AGENT_MAGIC & 0xff, s->buf.len - at - 1);

			at = next ? (size_t)(next - s->buf.data) : s->buf.len;
			continue;
		}
		if (s->buf.len - at - sizeof(f) < f.len)
			break;
		frame(arg, &f, p + sizeof(f));
		at += sizeof(f) + f.len;
	}
	buf_consume(&s->buf, at);
}

void host_reset(struct host_stream *s)
{
	buf_free(&s->buf);
	memset(s, 0, sizeof(*s));
}

void host_frame(struct buf *out, enum agent_type type, uint64_t nonce, uint32_t id,
		const void *bytes, size_t len)
{
	struct agent_frame f = { .magic = AGENT_MAGIC, .len = (uint32_t)len, .nonce = nonce,
				 .type = (uint16_t)type, .id = id };

	f.check = host_check(&f);
	buf_put(out, &f, sizeof(f));
	buf_put(out, bytes, len);
}

int host_argv(struct rd r, const char **argv, const char **env, uint32_t *flags)
{
	unsigned argc = rd_u16(&r), envc = rd_u16(&r);

	*flags = rd_u32(&r);
	if (r.bad || !argc || argc > HOST_WORDS_MAX || envc > HOST_WORDS_MAX)
		return -EINVAL;
	for (unsigned i = 0; i < argc + envc; i++) {
		const uint8_t *end = r.left ? memchr(r.p, 0, r.left) : NULL;

		if (!end)
			return -EINVAL;
		*(i < argc ? &argv[i] : &env[i - argc]) = (const char *)r.p;
		rd_skip(&r, (size_t)(end - r.p) + 1);
	}
	argv[argc] = NULL;
	env[envc] = NULL;
	return 0;
}

int host_file(struct rd *r, char *path, size_t path_size, uint32_t *mode, uint32_t *flags)
{
	const uint8_t *end;

	*mode = rd_u32(r);
	*flags = rd_u32(r);
	end = r->left ? memchr(r->p, 0, r->left) : NULL;
	if (r->bad || !end || (size_t)(end - r->p) >= path_size || r->p[0] != '/')
		return -EINVAL;
	rd_copy(r, path, (size_t)(end - r->p) + 1);
	return 0;
}

int host_renew(struct rd r, struct agent_renew *renew, char hostname[HOST_NAME_LEN + 1])
{
	rd_copy(&r, renew, sizeof(*renew));
	if (r.bad || r.left < 2 || r.left > HOST_NAME_LEN + 1 ||
	    memchr(r.p, 0, r.left) != r.p + r.left - 1)
		return -EINVAL;
	rd_copy(&r, hostname, r.left);
	return 0;
}

int host_clock(struct rd r, uint64_t *realtime_ns)
{
	*realtime_ns = rd_u64(&r);
	return r.bad || r.left ? -EINVAL : 0;
}
