/* SPDX-License-Identifier: Apache-2.0 */
/* GET /metrics: what metrics.h writes, sent part by part as the client reads. */
#include "control/api_priv.h"

#include "control/metrics.h"
#include "control/stats.h"

#include <event2/buffer.h>
#include <event2/event.h>
#include <stdlib.h>

#define PROCESSES_A_TURN 64u  /* some 2 ms of the loop's time */
#define BYTES_A_TURN	 (64u << 10) /* the same; and all that waits for a client */
#define SCRAPES_MAX	 8u   /* at a time: each has a copy of all counters */
#define SCRAPES_OF_USERS 5u   /* the others are the operator's */

struct scrape {
	struct weftd *daemon;
	uint32_t user; /* 0: the operator */
	struct evhttp_request *req;
	struct metrics *metrics; /* NULL: the engine has not answered yet */
	struct event *turn;
	bool closed; /* the client has left before the engine answered */
};

static unsigned scrapes;

static void scrape_free(struct scrape *s)
{
	metrics_free(s->metrics);
	event_free(s->turn);
	free(s);
	scrapes--;
}

static void go_on(struct scrape *s)
{
	static const struct timeval at_once = { 0 };

	event_add(s->turn, &at_once); /* behind whatever else there is to do */
}

/* As for exec: libevent has cut the request off and left it to us, but not when weftd ends. */
static void on_closed(struct evhttp_connection *con, void *arg)
{
	struct scrape *s = arg;

	if (!event_base_got_exit(s->daemon->base) && s->metrics)
		evhttp_send_reply_end(s->req);
	s->closed = true;
	if (s->metrics)
		scrape_free(s);
}

static void on_drained(struct evhttp_connection *con, void *arg)
{
	go_on(arg);
}

static void finish(struct scrape *s)
{
	evhttp_connection_set_closecb(evhttp_request_get_connection(s->req), NULL, NULL);
	evhttp_send_reply_end(s->req);
	scrape_free(s);
}

/* Half an answer would look like a whole one: the connection breaks. */
static void give_up(struct scrape *s)
{
	struct evhttp_connection *con = evhttp_request_get_connection(s->req);

	evhttp_connection_set_closecb(con, NULL, NULL);
	evhttp_connection_free(con);
	scrape_free(s);
}

static void on_turn(evutil_socket_t fd, short what, void *arg)
{
	struct evbuffer *chunk;
	struct scrape *s = arg;
	struct buf out = { 0 };
	bool more;

	if (metrics_measure(s->metrics, PROCESSES_A_TURN)) {
		go_on(s);
		return;
	}
	more = metrics_text(s->metrics, BYTES_A_TURN, &out);
	chunk = evbuffer_new();
	if (out.bad || !chunk || evbuffer_add(chunk, out.data, out.len) < 0) {
		give_up(s);
	} else if (more) {
		evhttp_send_reply_chunk_with_cb(s->req, chunk, on_drained, s);
	} else {
		evhttp_send_reply_chunk(s->req, chunk);
		finish(s);
	}
	if (chunk)
		evbuffer_free(chunk);
	buf_free(&out);
}

static void on_stats(void *arg, const struct buf *stats)
{
	struct scrape *s = arg;

	if (s->closed) {
		evhttp_send_reply_end(s->req);
		scrape_free(s);
		return;
	}
	s->metrics = metrics_take(s->daemon, s->user, stats);
	if (!s->metrics) {
		evhttp_connection_set_closecb(evhttp_request_get_connection(s->req), NULL, NULL);
		api_error(s->req, HTTP_INTERNAL, "out of memory");
		scrape_free(s);
		return;
	}
	evhttp_add_header(evhttp_request_get_output_headers(s->req), "Content-Type",
			  "text/plain; version=0.0.4; charset=utf-8");
	evhttp_send_reply_start(s->req, HTTP_OK, "OK");
	go_on(s);
}

void api_metrics(struct weftd *d, struct evhttp_request *req, const struct principal *who)
{
	unsigned most = who->user ? SCRAPES_OF_USERS : SCRAPES_MAX;
	struct scrape *s = scrapes < most ? calloc(1, sizeof(*s)) : NULL;

	if (s)
		s->turn = evtimer_new(d->base, on_turn, s);
	if (!s || !s->turn) {
		free(s);
		api_error(req, HTTP_SERVUNAVAIL, "%u others read the metrics now", scrapes);
		return;
	}
	scrapes++;
	s->daemon = d;
	s->user = who->user;
	s->req = req;
	evhttp_connection_set_closecb(evhttp_request_get_connection(req), on_closed, s);
	stats_ask(d->engine, STATS_ALL, on_stats, s);
}
