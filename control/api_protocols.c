/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Neighbours, as the routers themselves see them: each guest's /usr/lib/weft/protocols prints a
 * line "NAME UP TOTAL" per routing protocol.
 */
#include "control/api_priv.h"
#include "control/router.h"

#include "base/buf.h"

#include <event2/event.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PROTOCOLS_TIMEOUT_S 15

struct ask {
	struct inquiry *inquiry;
	struct vrouter_exec *exec; /* NULL: answered */
	json_t *node;
	struct buf said;
};

struct inquiry {
	json_t *object;
	void (*done)(void *arg, json_t *o);
	void *arg;
	struct event *timeout;
	unsigned open, count;
	struct ask asks[];
};

static void finish(struct inquiry *q)
{
	for (unsigned i = 0; i < q->count; i++) {
		if (q->asks[i].exec)
			vrouter_exec_cancel(q->asks[i].exec);
		buf_free(&q->asks[i].said);
	}
	if (q->timeout)
		event_free(q->timeout);
	q->done(q->arg, q->object);
	free(q);
}

static void on_timeout(evutil_socket_t fd, short what, void *arg)
{
	finish(arg);
}

static void on_output(void *arg, int stream, const void *bytes, size_t len)
{
	struct ask *a = arg;

	if (stream == 1 && a->said.len + len < 4096)
		buf_put(&a->said, bytes, len);
}

static json_t *parse(struct buf *said)
{
	json_t *list = json_array();
	char *save = NULL, *line;

	buf_u8(said, 0);
	if (said->bad)
		return list;
	for (line = strtok_r((char *)said->data, "\n", &save); line; line = strtok_r(NULL, "\n", &save)) {
		char name[32];
		unsigned up, total;

		if (sscanf(line, "%31[a-z0-9_-] %u %u", name, &up, &total) == 3)
			json_array_append_new(list, json_pack("{s:s, s:I, s:I}", "name", name, "up",
							      (json_int_t)up, "total",
							      (json_int_t)total));
	}
	return list;
}

static void on_done(void *arg, int status)
{
	struct ask *a = arg;

	a->exec = NULL;
	if (status == 0)
		json_object_set_new(a->node, "protocols", parse(&a->said));
	if (--a->inquiry->open == 0)
		finish(a->inquiry);
}

static void ask_router(struct ask *a, struct node *n)
{
	static const char *const argv[] = { "/usr/lib/weft/protocols", NULL };
	struct vrouter_exec_conf conf = {
		.argv = argv, .output = on_output, .done = on_done, .arg = a
	};
	struct err err;

	if (router_ready(n->router) && router_exec(n->router, &conf, &a->exec, &err) == 0)
		a->inquiry->open++;
}

void api_protocols(struct vnet *v, json_t *o, void (*done)(void *arg, json_t *o), void *arg)
{
	static const struct timeval limit = { .tv_sec = PROTOCOLS_TIMEOUT_S };
	unsigned n = v->topology->node_count;
	struct inquiry *q = calloc(1, sizeof(*q) + n * sizeof(q->asks[0]));

	if (!q) {
		done(arg, o);
		return;
	}
	q->object = o;
	q->done = done;
	q->arg = arg;
	q->timeout = event_new(v->daemon->base, -1, 0, on_timeout, q);
	for (unsigned i = 0; q->timeout && i < n; i++) {
		struct ask *a = &q->asks[q->count];

		if (!v->nodes[i]->router)
			continue;
		a->inquiry = q;
		a->node = json_array_get(json_object_get(o, "nodes"), i);
		q->count++;
		ask_router(a, v->nodes[i]);
	}
	if (q->open)
		event_add(q->timeout, &limit);
	else
		finish(q);
}
