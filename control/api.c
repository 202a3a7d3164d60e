/* SPDX-License-Identifier: Apache-2.0 */
#include "control/api_priv.h"

#include "base/log.h"
#include "control/api_calls.h"
#include "control/engine.h"
#include "control/gate.h"
#include "control/store.h"

#include <errno.h>
#include <event2/buffer.h>
#include <event2/event.h>
#include <event2/listener.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#define API_BODY_MAX	  (256u << 20)
#define API_USER_BODY_MAX (16u << 20)

/* A server on a socket. */
struct door {
	struct api *api;
	struct evhttp *http;
	char path[108];
	bool users; /* each request needs a token */
};

/* The operator's socket is opened by whom the file system lets. That of users is behind the gate. */
struct api {
	struct weftd *daemon;
	struct door operator, users;
};

void api_reply(struct evhttp_request *req, int status, json_t *body)
{
	struct evbuffer *out = evbuffer_new();
	char *text = json_dumps(body, JSON_COMPACT);

	json_decref(body);
	evhttp_add_header(evhttp_request_get_output_headers(req), "Content-Type", "application/json");
	if (out && text)
		evbuffer_add_printf(out, "%s\n", text);
	evhttp_send_reply(req, text ? status : HTTP_INTERNAL, NULL, out);
	if (out)
		evbuffer_free(out);
	free(text);
}

void api_error(struct evhttp_request *req, int status, const char *fmt, ...)
{
	char text[1200];
	va_list ap;
	json_t *say;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	say = json_string(text); /* NULL when a client's bytes in it are not UTF-8 */
	api_reply(req, status, json_pack("{s:o}", "error", say ? say : json_string("not UTF-8")));
}

json_t *api_body(struct evhttp_request *req)
{
	struct evbuffer *in = evhttp_request_get_input_buffer(req);
	size_t len = evbuffer_get_length(in);
	const char *bytes = len ? (const char *)evbuffer_pullup(in, -1) : "";
	json_error_t e;
	json_t *o = json_loadb(bytes, len, 0, &e);

	if (json_is_object(o))
		return o;
	api_error(req, HTTP_BADREQUEST, "the body is not a JSON object: %s", o ? "" : e.text);
	json_decref(o);
	return NULL;
}

static json_t *version_json(const struct weftd *d)
{
	json_t *engine = json_null();

	if (engine_is_up(d->engine))
		engine = json_pack("{s:i, s:b}", "pid", engine_pid(d->engine), "hugepages",
				   engine_has_hugepages(d->engine));
	return json_pack("{s:s, s:i, s:o}", "version", WEFT_VERSION, "pid", getpid(), "engine", engine);
}

/* Only when the answer is out: with no engine to wait for, the end is immediate. */
static void on_shutdown_answered(struct evhttp_request *req, void *arg)
{
	struct api *a = arg;

	a->daemon->on_shutdown(a->daemon);
}

static void shut_down(struct api *a, struct evhttp_request *req)
{
	if (!TAILQ_EMPTY(&a->daemon->vnets)) {
		api_error(req, 409, "there are vnets: destroy them first");
		return;
	}
	evhttp_request_set_on_complete_cb(req, on_shutdown_answered, a);
	api_reply(req, HTTP_OK, json_object());
}

/* A call of the table, by somebody who may. */
static void dispatch(struct api *a, struct evhttp_request *req, const struct principal *who, char *path)
{
	const char *query = evhttp_uri_get_query(evhttp_request_get_evhttp_uri(req));

	if (!strcmp(path, "/v1/version"))
		api_reply(req, HTTP_OK, version_json(a->daemon));
	else if (!strcmp(path, "/v1/engine"))
		api_engine(a->daemon, req);
	else if (!strcmp(path, "/v1/ports"))
		api_ports(a->daemon, req, false);
	else if (!strcmp(path, "/v1/ports/reload"))
		api_ports(a->daemon, req, true);
	else if (!strcmp(path, "/v1/events"))
		api_events(a->daemon, req, who, query);
	else if (!strcmp(path, "/metrics"))
		api_metrics(a->daemon, req, who);
	else if (!strcmp(path, "/v1/shutdown"))
		shut_down(a, req);
	else if (!strcmp(path, "/v1/users"))
		api_users(a->daemon, req, who, NULL);
	else if (!strncmp(path, "/v1/users/", 10))
		api_users(a->daemon, req, who, path + 10);
	else if (!strcmp(path, "/v1/vnets"))
		api_vnets(a->daemon, req, who, NULL, NULL);
	else
		api_vnets(a->daemon, req, who, path + strlen("/v1/vnets/"), query);
}

/* The one place where it is decided who may do what. */
static void authorize(struct api *a, struct evhttp_request *req, const struct principal *who, char *path)
{
	static const char vnets[] = "/v1/vnets/";
	bool known, of_vnet = !strncmp(path, vnets, strlen(vnets)), there = false;
	const struct api_call *call = api_call_find(evhttp_request_get_command(req), path, &known);
	char name[TOPOLOGY_NAME_MAX + 8] = "";
	uint32_t owner = 0;

	if (!call) {
		api_error(req, known ? HTTP_BADMETHOD : HTTP_NOTFOUND,
			  known ? "not with this method; docs/api.md lists the calls" :
				  "no such call; docs/api.md lists them");
		return;
	}
	if (of_vnet) {
		const char *at = path + strlen(vnets);

		snprintf(name, sizeof(name), "%.*s", (int)strcspn(at, "/"), at);
		there = store_vnet_owner(a->daemon->store, name, &owner);
	}
	switch (api_judge(call, who, there, owner)) {
	case API_ALLOWED:
		dispatch(a, req, who, path);
		return;
	case API_NO_VNET:
		api_error(req, HTTP_NOTFOUND, "no vnet %s", name);
		return;
	case API_TAKEN:
		api_error(req, 409, "the name %s is taken: call the vnet something else", name);
		return;
	default:
		api_error(req, 403, "this is for the operator alone");
	}
}

static void on_request(struct evhttp_request *req, void *arg)
{
	struct door *door = arg;
	struct api *a = door->api;
	const struct evhttp_uri *uri = evhttp_request_get_evhttp_uri(req);
	const char *coded = uri ? evhttp_uri_get_path(uri) : NULL;
	size_t len;
	char *path = coded ? evhttp_uridecode(coded, 0, &len) : NULL;
	struct principal who = { .user = 0 };

	if (!path || strlen(path) != len)
		api_error(req, HTTP_BADREQUEST, "no path");
	else if (door->users &&
		 !user_by_header(a->daemon->store,
				 evhttp_find_header(evhttp_request_get_input_headers(req), "Authorization"),
				 &who))
		api_error(req, 401, "%s", GATE_NOBODY);
	else
		authorize(a, req, &who, path);
	free(path);
}

static int listen_on(struct door *door, mode_t mode, struct err *err)
{
	struct sockaddr_un addr = { .sun_family = AF_UNIX };
	struct evconnlistener *listener;
	int fd, code;

	strcpy(addr.sun_path, door->path);
	unlink(door->path);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return err_sys(err, -errno, "%s", door->path);
	if (bind(fd, (struct sockaddr *)&addr, sizeof(addr)) < 0 || chmod(door->path, mode) < 0) {
		code = -errno;
		close(fd);
		return err_sys(err, code, "%s", door->path);
	}
	listener = evconnlistener_new(door->api->daemon->base, NULL, NULL,
				      LEV_OPT_CLOSE_ON_FREE | LEV_OPT_CLOSE_ON_EXEC, 128, fd);
	if (!listener || !evhttp_bind_listener(door->http, listener)) {
		close(fd);
		return err_sys(err, -ENOMEM, "%s", door->path);
	}
	return 0;
}

static int door_open(struct api *a, struct door *door, const char *name, mode_t mode, size_t body_max,
		     struct err *err)
{
	int n = snprintf(door->path, sizeof(door->path), "%s/%s", a->daemon->run, name);

	door->api = a;
	if (n >= (int)sizeof(door->path)) {
		door->path[0] = 0;
		return err_sys(err, -ENAMETOOLONG, "%s/%s", a->daemon->run, name);
	}
	door->http = evhttp_new(a->daemon->base);
	if (!door->http)
		return err_sys(err, -ENOMEM, "%s", door->path);
	evhttp_set_allowed_methods(door->http, EVHTTP_REQ_GET | EVHTTP_REQ_PUT | EVHTTP_REQ_POST |
						       EVHTTP_REQ_DELETE);
	evhttp_set_max_body_size(door->http, (ev_ssize_t)body_max);
	evhttp_set_max_headers_size(door->http, GATE_HEAD_MAX);
	evhttp_set_gencb(door->http, on_request, door);
	return listen_on(door, mode, err);
}

int api_create(struct weftd *d, struct api **out, struct err *err)
{
	struct api *a = calloc(1, sizeof(*a));
	char gate[128];
	int code;

	if (!a)
		return err_sys(err, -ENOMEM, "%s", d->run);
	a->daemon = d;
	a->users.users = true;
	code = door_open(a, &a->operator, "weftd.sock", 0660, API_BODY_MAX, err);
	if (!code)
		code = door_open(a, &a->users, "inner.sock", 0600, API_USER_BODY_MAX, err);
	snprintf(gate, sizeof(gate), "%.100s/users.sock", d->run);
	if (!code)
		code = gate_create(d, gate, a->users.path, &d->gate, err);
	if (code) {
		api_destroy(a);
		return code;
	}
	*out = a;
	return 0;
}

static void door_close(struct door *door)
{
	if (door->http)
		evhttp_free(door->http);
	if (door->path[0])
		unlink(door->path);
}

void api_destroy(struct api *a)
{
	if (!a)
		return;
	gate_destroy(a->daemon->gate);
	a->daemon->gate = NULL;
	door_close(&a->users);
	door_close(&a->operator);
	free(a);
}
