/* SPDX-License-Identifier: Apache-2.0 */
/* GET /v1/events: the history from a cursor on, and then what happens, as long as the client stays. */
#include "control/api_priv.h"

#include "control/events.h"

#include <errno.h>
#include <event2/buffer.h>
#include <event2/event.h>
#include <event2/keyvalq_struct.h>
#include <stdlib.h>
#include <string.h>

#define BYTES_A_TURN (64u << 10) /* and all that waits for a client */
#define STREAMS_MAX  64u	 /* at a time */
#define STREAMS_OF_USERS 48u	 /* the others are the operator's */

struct stream {
	struct weftd *daemon;
	struct evhttp_request *req;
	struct events_follower follower;
	struct event *turn;
	char *vnet; /* NULL: all */
	bool sending; /* the client has not taken the last part yet */
	bool to_the_end; /* of what there is, and no further */
};

static unsigned streams;

static void stream_free(struct stream *s)
{
	events_leave(s->daemon->events, &s->follower);
	event_free(s->turn);
	free(s->vnet);
	free(s);
	streams--;
}

/* As for exec: libevent has cut the request off and left it to us, but not when weftd ends. */
static void on_closed(struct evhttp_connection *con, void *arg)
{
	struct stream *s = arg;

	if (!event_base_got_exit(s->daemon->base))
		evhttp_send_reply_end(s->req);
	stream_free(s);
}

static void wake(void *arg)
{
	static const struct timeval at_once = { 0 };
	struct stream *s = arg;

	if (!s->sending && !event_pending(s->turn, EV_TIMEOUT, NULL))
		event_add(s->turn, &at_once);
}

static void on_drained(struct evhttp_connection *con, void *arg)
{
	struct stream *s = arg;

	s->sending = false;
	wake(s);
}

static void finish(struct stream *s)
{
	evhttp_connection_set_closecb(evhttp_request_get_connection(s->req), NULL, NULL);
	evhttp_send_reply_end(s->req);
	stream_free(s);
}

static void on_turn(evutil_socket_t fd, short what, void *arg)
{
	struct evbuffer *chunk = evbuffer_new();
	struct stream *s = arg;
	struct buf out = { 0 };
	bool more = events_read(s->daemon->events, &s->follower, s->vnet, BYTES_A_TURN, &out);

	if (chunk && !out.bad && out.len && evbuffer_add(chunk, out.data, out.len) == 0) {
		s->sending = true;
		evhttp_send_reply_chunk_with_cb(s->req, chunk, on_drained, s);
	}
	if (out.bad || !chunk || (s->to_the_end && !more))
		finish(s); /* where memory is missing the client goes on from its cursor */
	if (chunk)
		evbuffer_free(chunk);
	buf_free(&out);
}

static int begin(struct stream *s, const struct evkeyvalq *query)
{
	const char *vnet = evhttp_find_header(query, "vnet"), *follow = evhttp_find_header(query, "follow");

	if (follow && strcmp(follow, "0") && strcmp(follow, "1"))
		return -EINVAL;
	s->to_the_end = follow && !strcmp(follow, "0");
	s->vnet = vnet ? strdup(vnet) : NULL;
	s->turn = evtimer_new(s->daemon->base, on_turn, s);
	if ((vnet && !s->vnet) || !s->turn)
		return -ENOMEM;
	s->follower.wake = wake;
	s->follower.arg = s;
	return events_since(s->daemon->events, evhttp_find_header(query, "since"), &s->follower);
}

void api_events(struct weftd *d, struct evhttp_request *req, const struct principal *who,
		const char *query)
{
	unsigned most = who->user ? STREAMS_OF_USERS : STREAMS_MAX;
	struct stream *s = streams < most ? calloc(1, sizeof(*s)) : NULL;
	struct evkeyvalq q;
	int code;

	if (!s) {
		api_error(req, HTTP_SERVUNAVAIL, "%u others follow the events now", streams);
		return;
	}
	s->daemon = d;
	s->follower.user = who->user;
	s->req = req;
	code = evhttp_parse_query_str(query ? query : "", &q) < 0 ? -EINVAL : begin(s, &q);
	evhttp_clear_headers(&q);
	if (code) {
		if (s->turn)
			event_free(s->turn);
		free(s->vnet);
		free(s);
		api_error(req, code == -EINVAL ? HTTP_BADREQUEST : HTTP_INTERNAL,
			  code == -EINVAL ? "since is a cursor or now, follow is 0 or 1" : "out of memory");
		return;
	}
	streams++;
	events_follow(d->events, &s->follower);
	evhttp_connection_set_closecb(evhttp_request_get_connection(req), on_closed, s);
	evhttp_add_header(evhttp_request_get_output_headers(req), "Content-Type", "application/json");
	evhttp_send_reply_start(req, HTTP_OK, "OK");
	wake(s);
}
