/* SPDX-License-Identifier: Apache-2.0 */
/* Frames (agent/proto.h) in a stream of bytes, of which a guest may have sent anything. */
#include "vrouter/session_priv.h"

#include "base/rd.h"

#include <assert.h>
#include <event2/buffer.h>
#include <event2/bufferevent.h>

static_assert(SESSION_HEADER == 32, "struct agent_frame");

static uint32_t check_of(const struct agent_frame *h)
{
	return h->magic ^ h->len ^ h->type ^ h->id ^ (uint32_t)h->nonce ^ (uint32_t)(h->nonce >> 32);
}

void session_send(struct session *s, enum agent_type type, uint32_t id, const void *bytes, size_t len)
{
	struct agent_frame h = { .magic = AGENT_MAGIC, .len = (uint32_t)len, .nonce = s->nonce,
				 .type = (uint16_t)type, .id = id };

	if (!s->bev)
		return;
	h.check = check_of(&h);
	bufferevent_write(s->bev, &h, sizeof(h));
	bufferevent_write(s->bev, bytes, len);
}

static struct agent_frame parse_header(const uint8_t bytes[SESSION_HEADER])
{
	struct rd r = rd_of(bytes, SESSION_HEADER);
	struct agent_frame h = { .magic = rd_u32(&r), .len = rd_u32(&r), .nonce = rd_u64(&r) };

	h.type = rd_u16(&r);
	h.flags = rd_u16(&r);
	h.id = rd_u32(&r);
	h.check = rd_u32(&r);
	return h;
}

/* Drops at least one byte, and then what cannot begin a frame. */
static void skip(struct evbuffer *in)
{
	static const uint32_t magic = AGENT_MAGIC;
	struct evbuffer_ptr at;
	size_t len = evbuffer_get_length(in);

	evbuffer_drain(in, 1);
	at = evbuffer_search(in, (const char *)&magic, sizeof(magic), NULL);
	if (at.pos >= 0)
		evbuffer_drain(in, (size_t)at.pos);
	else if (len > sizeof(magic))
		evbuffer_drain(in, len - sizeof(magic)); /* the last 3 may be its beginning */
}

static bool is_born(const struct agent_frame *h)
{
	return h->type == AGENT_BORN && !h->nonce && !h->len;
}

bool session_next_frame(const struct session *s, struct evbuffer *in, struct agent_frame *h)
{
	uint8_t bytes[SESSION_HEADER];

	while (evbuffer_copyout(in, bytes, SESSION_HEADER) == SESSION_HEADER) {
		*h = parse_header(bytes);
		if (h->magic == AGENT_MAGIC && h->len <= AGENT_FRAME_MAX && h->check == check_of(h) &&
		    (h->nonce == s->nonce || is_born(h)))
			return evbuffer_get_length(in) >= SESSION_HEADER + h->len;
		skip(in);
	}
	return false;
}
