/* SPDX-License-Identifier: Apache-2.0 */
/* GET /v1/vnets/V/verify: a line for each router, as it has been compared. */
#include "control/api_priv.h"
#include "control/router.h"
#include "control/verification.h"

#include <event2/buffer.h>
#include <event2/event.h>
#include <event2/keyvalq_struct.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define RUNNING_MAX 4u /* routers at a time: a guest dumps all that it has */
#define CLIENTS_MAX 8u /* at a time */

struct slot {
	struct verifying *of;
	struct verification *running; /* NULL: free */
};

struct verifying {
	struct weftd *daemon;
	struct evhttp_request *req;
	char vnet[TOPOLOGY_NAME_MAX];
	json_t *names; /* of nodes */
	size_t next;
	unsigned running;
	struct event *turn;
	struct slot slots[RUNNING_MAX];
};

static unsigned clients;

static void verifying_free(struct verifying *c)
{
	for (unsigned i = 0; i < RUNNING_MAX; i++)
		if (c->slots[i].running)
			verification_cancel(c->slots[i].running);
	if (c->turn)
		event_free(c->turn);
	json_decref(c->names);
	free(c);
	clients--;
}

/* As for exec: libevent has cut the request off and left it to us, but not when weftd ends. */
static void on_closed(struct evhttp_connection *con, void *arg)
{
	struct verifying *c = arg;

	if (!event_base_got_exit(c->daemon->base))
		evhttp_send_reply_end(c->req);
	verifying_free(c);
}

static void send_line(struct verifying *c, json_t *o)
{
	struct evbuffer *line = evbuffer_new();
	char *text = json_dumps(o, JSON_COMPACT);

	if (line && text) {
		evbuffer_add_printf(line, "%s\n", text);
		evhttp_send_reply_chunk(c->req, line);
	}
	if (line)
		evbuffer_free(line);
	free(text);
	json_decref(o);
}

static void on_done(void *arg, json_t *o)
{
	struct slot *s = arg;

	s->running = NULL;
	s->of->running--;
	send_line(s->of, o);
	event_active(s->of->turn, 0, 0);
}

static void begin(struct verifying *c, struct slot *s, const char *name)
{
	struct vnet *v = vnet_find(c->daemon, c->vnet);
	struct node *n = v ? vnet_node(v, name) : NULL;

	if (!n || !n->router) {
		send_line(c, verification_none(name, "unknown", n ? "it does not run" : "it is gone"));
		return;
	}
	if (router_by_itself(n->router)) {
		send_line(c, verification_none(name, "guest", "it forwards by itself (intake: none)"));
		return;
	}
	s->running = verification_begin(n, on_done, s);
	if (s->running)
		c->running++;
	else
		send_line(c, verification_none(name, "unknown", "weftd has no memory for it"));
}

static void on_turn(evutil_socket_t fd, short what, void *arg)
{
	struct verifying *c = arg;

	for (unsigned i = 0; i < RUNNING_MAX; i++)
		while (!c->slots[i].running && c->next < json_array_size(c->names))
			begin(c, &c->slots[i], json_string_value(json_array_get(c->names, c->next++)));
	if (c->running)
		return;
	evhttp_connection_set_closecb(evhttp_request_get_connection(c->req), NULL, NULL);
	evhttp_send_reply_end(c->req);
	verifying_free(c);
}

static bool is_router(const struct node *n)
{
	return n->spec->kind == TOPOLOGY_ROUTER;
}

/* The routers that are asked for, "r1,r2", or all; NULL, and the error has been answered. */
static json_t *names_of(struct vnet *v, struct evhttp_request *req, const char *list)
{
	json_t *names = json_array();
	char *copy = list ? strdup(list) : NULL, *rest = copy, *name;
	struct node *n;

	for (unsigned i = 0; !list && i < v->topology->node_count; i++)
		if (is_router(v->nodes[i]))
			json_array_append_new(names, json_string(v->nodes[i]->spec->name));
	while ((name = strsep(&rest, ","))) {
		n = vnet_node(v, name);
		if (!n || !is_router(n)) {
			api_error(req, n ? HTTP_BADREQUEST : HTTP_NOTFOUND,
				  n ? "%s is not a router" : "the vnet has no node %s", name);
			json_decref(names);
			names = NULL;
			break;
		}
		json_array_append_new(names, json_string(name));
	}
	free(copy);
	return names;
}

void api_verify(struct vnet *v, struct evhttp_request *req)
{
	const char *text = evhttp_uri_get_query(evhttp_request_get_evhttp_uri(req));
	struct verifying *c = clients < CLIENTS_MAX ? calloc(1, sizeof(*c)) : NULL;
	struct evkeyvalq q;

	if (!c) {
		api_error(req, HTTP_SERVUNAVAIL, "%u others compare routes now", clients);
		return;
	}
	clients++;
	*c = (struct verifying){ .daemon = v->daemon, .req = req };
	snprintf(c->vnet, sizeof(c->vnet), "%s", v->topology->name);
	for (unsigned i = 0; i < RUNNING_MAX; i++)
		c->slots[i].of = c;
	c->turn = event_new(v->daemon->base, -1, 0, on_turn, c);
	if (!c->turn) {
		api_error(req, HTTP_INTERNAL, "out of memory");
		verifying_free(c);
		return;
	}
	if (evhttp_parse_query_str(text ? text : "", &q) < 0)
		api_error(req, HTTP_BADREQUEST, "the query is not right");
	else
		c->names = names_of(v, req, evhttp_find_header(&q, "nodes"));
	evhttp_clear_headers(&q);
	if (!c->names) {
		verifying_free(c);
		return;
	}
	evhttp_connection_set_closecb(evhttp_request_get_connection(req), on_closed, c);
	evhttp_send_reply_start(req, HTTP_OK, "OK");
	event_active(c->turn, 0, 0);
}
