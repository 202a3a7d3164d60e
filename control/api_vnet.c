/* SPDX-License-Identifier: Apache-2.0 */
/* Calls on what is inside a vnet: its nodes and links. */
#include "control/api_priv.h"
#include "control/host.h"
#include "control/router.h"
#include "control/vnet_impair.h"
#include "control/vnet_json.h"
#include "control/vnet_priv.h"
#include "control/vnet_sleep.h"

#include <errno.h>
#include <string.h>

/* impair: an object, or null: as the topology says. */
static int set_impairment(struct vnet *v, struct link *l, const char *end, const json_t *impair,
			  bool one_way, struct err *err)
{
	bool first = link_is_end(l, 0, end, strlen(end));
	bool both = !one_way || strchr(end, ',');
	const bool which[2] = { both || first, both || !first };
	struct impairment im;
	const struct impairment *wish = json_is_null(impair) ? NULL : &im;

	if (wish && vnet_impairment_of(impair, &im, err) < 0)
		return -EINVAL;
	return vnet_impair(v, l, wish, which, err);
}

static void set_link(struct vnet *v, struct evhttp_request *req, const char *end)
{
	struct link *l = vnet_link(v, end);
	json_t *body, *up, *impair;
	struct err err;
	int code = 0;

	if (!l) {
		api_error(req, HTTP_NOTFOUND, "vnet %s has no link at %s", v->topology->name, end);
		return;
	}
	body = api_body(req);
	if (!body)
		return;
	up = json_object_get(body, "up");
	impair = json_object_get(body, "impair");
	if (impair)
		code = set_impairment(v, l, end, impair, json_is_true(json_object_get(body, "one_way")), &err);
	else if (!json_is_boolean(up))
		code = err_set(&err, -EINVAL, "up is neither true nor false");
	if (!code && json_is_boolean(up))
		code = vnet_set_link(v, l, json_is_true(up), &err);
	if (code)
		api_error(req, code == -EINVAL ? HTTP_BADREQUEST : HTTP_INTERNAL, "%s", err.text);
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
	} else if (post && n->host && !strcmp(verb, "restart")) {
		host_restart(n->host);
		vnet_program_node(n);
		api_reply(req, 202, json_object());
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
	struct err err;
	struct node *n;

	if (!name && method == EVHTTP_REQ_POST && api_sleep(v, req, kind))
		return;
	if (!name && method == EVHTTP_REQ_GET && !strcmp(kind, "verify")) {
		if (vnet_check_awake(v, &err) < 0)
			api_error(req, 409, "%s", err.text);
		else
			api_verify(v, req);
		return;
	}
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
