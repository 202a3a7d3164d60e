/* SPDX-License-Identifier: Apache-2.0 */
/* Calls on what is inside a vnet: its nodes and links. */
#include "control/api_priv.h"
#include "control/router.h"
#include "control/vnet_json.h"
#include "control/vnet_sleep.h"

#include <string.h>

static void set_link(struct vnet *v, struct evhttp_request *req, const char *end)
{
	struct link *l = vnet_link(v, end);
	json_t *body, *up;
	struct err err;

	if (!l) {
		api_error(req, HTTP_NOTFOUND, "vnet %s has no link at %s", v->topology->name, end);
		return;
	}
	body = api_body(req);
	if (!body)
		return;
	up = json_object_get(body, "up");
	if (!json_is_boolean(up))
		api_error(req, HTTP_BADREQUEST, "up is neither true nor false");
	else if (vnet_set_link(v, l, json_is_true(up), &err) < 0)
		api_error(req, HTTP_INTERNAL, "%s", err.text);
	else
		api_reply(req, HTTP_OK, json_object());
	json_decref(body);
}

static json_t *socket_json(const struct node *n, const char *name)
{
	return json_pack("{s:o}", "path", json_sprintf("%s/g/%u/%s", n->vnet->daemon->run, n->id, name));
}

static void node_call(struct node *n, struct evhttp_request *req, enum evhttp_cmd_type method,
		      const char *verb)
{
	bool post = method == EVHTTP_REQ_POST;
	struct err err;

	if (!post && !strcmp(verb, "trace")) {
		api_trace(n, req);
		return;
	}
	/* Its guest would not answer. */
	if (n->router && strcmp(verb, "routes") != 0 && vnet_check_awake(n->vnet, &err) < 0) {
		api_error(req, 409, "%s", err.text);
	} else if (post && !strcmp(verb, "exec")) {
		api_exec(n, req);
	} else if (!n->router) {
		api_error(req, HTTP_BADREQUEST, "%s is not a router that runs", n->spec->name);
	} else if (post && !strcmp(verb, "restart")) {
		router_restart(n->router);
		api_reply(req, 202, json_object());
	} else if (!post && !strcmp(verb, "console")) {
		api_reply(req, HTTP_OK, socket_json(n, "console.sock"));
	} else if (!post && !strcmp(verb, "debug")) {
		api_reply(req, HTTP_OK, socket_json(n, "gdb.sock"));
	} else if (!post && !strcmp(verb, "routes")) {
		api_reply(req, HTTP_OK, vnet_routes_json(n));
	} else {
		api_error(req, HTTP_NOTFOUND, "no such call; docs/api.md lists them");
	}
}

/* /v1/vnets/V/VERB, /v1/vnets/V/nodes/N/VERB and /v1/vnets/V/links/END */
void api_inside_vnet(struct vnet *v, struct evhttp_request *req, char *rest)
{
	enum evhttp_cmd_type method = evhttp_request_get_command(req);
	char *kind = strsep(&rest, "/"), *name = strsep(&rest, "/"), *verb = strsep(&rest, "/");
	struct node *n;

	if (!name && method == EVHTTP_REQ_POST && api_sleep(v, req, kind))
		return;
	if (name && !verb && !strcmp(kind, "links") && method == EVHTTP_REQ_POST) {
		set_link(v, req, name);
		return;
	}
	if (!name || !verb || rest || strcmp(kind, "nodes") != 0) {
		api_error(req, HTTP_NOTFOUND, "no such call; docs/api.md lists them");
		return;
	}
	n = vnet_node(v, name);
	if (!n)
		api_error(req, HTTP_NOTFOUND, "vnet %s has no node %s", v->topology->name, name);
	else
		node_call(n, req, method, verb);
}
