/* SPDX-License-Identifier: Apache-2.0 */
#include "control/api_priv.h"

#include "base/log.h"
#include "control/engine.h"
#include "control/engine_json.h"
#include "control/stats.h"
#include "control/store.h"
#include "control/sweep.h"
#include "control/vnet_json.h"
#include "control/vnet_sleep.h"

#include <errno.h>
#include <event2/buffer.h>
#include <event2/event.h>
#include <event2/keyvalq_struct.h>
#include <event2/listener.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#define API_BODY_MAX (256u << 20)

struct api {
	struct weftd *daemon;
	struct evhttp *http;
	char path[108];
};

/* A request that waits for the engine, or for a vnet to end. */
struct pending {
	struct weftd *daemon;
	struct evhttp_request *req;
	char vnet[TOPOLOGY_NAME_MAX]; /* empty: all */
	int status;
	bool protocols;
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

static struct pending *pending_create(struct api *a, struct evhttp_request *req, const char *vnet,
				      int status)
{
	struct pending *p = calloc(1, sizeof(*p));

	if (!p) {
		api_error(req, HTTP_INTERNAL, "out of memory");
		return NULL;
	}
	p->daemon = a->daemon;
	p->req = req;
	p->status = status;
	snprintf(p->vnet, sizeof(p->vnet), "%s", vnet);
	return p;
}

static void reply_pending(void *arg, json_t *o)
{
	struct pending *p = arg;

	api_reply(p->req, p->status, o);
	free(p);
}

static void on_stats(void *arg, const struct buf *stats)
{
	struct pending *p = arg;
	struct vnet *v = p->vnet[0] ? vnet_find(p->daemon, p->vnet) : NULL;
	json_t *list;

	if (p->vnet[0] && !v) {
		api_error(p->req, HTTP_NOTFOUND, "no vnet %s", p->vnet);
		free(p);
	} else if (v && p->protocols && vnet_awake(v)) {
		api_protocols(v, vnet_json(v, stats), reply_pending, p);
	} else if (v) {
		reply_pending(p, vnet_json(v, stats));
	} else {
		list = json_array();
		TAILQ_FOREACH (v, &p->daemon->vnets, entry)
			json_array_append_new(list, vnet_json(v, stats));
		reply_pending(p, json_pack("{s:o}", "vnets", list));
	}
}

static void get_vnets(struct api *a, struct evhttp_request *req, const char *vnet, bool protocols,
		      int status)
{
	struct pending *p = pending_create(a, req, vnet, status);

	if (!p)
		return;
	p->protocols = protocols;
	stats_ask(a->daemon->engine, STATS_OBJECTS, on_stats, p);
}

static int deploy_status(int code)
{
	switch (code) {
	case -EBUSY:
		return 409;
	case -EACCES:
		return 403;
	case -ENOSPC: /* of memory or CPU: admission.h */
		return 507;
	case -EIO:
	case -ENOMEM:
		return HTTP_INTERNAL;
	default:
		return HTTP_BADREQUEST;
	}
}

static void on_engine_stats(void *arg, const struct buf *stats)
{
	struct pending *p = arg;

	reply_pending(p, engine_json(p->daemon, stats));
}

static void get_engine(struct api *a, struct evhttp_request *req)
{
	struct pending *p = pending_create(a, req, "", HTTP_OK);

	if (p)
		stats_ask(a->daemon->engine, STATS_ALL, on_engine_stats, p);
}

static void put_vnet(struct api *a, struct evhttp_request *req, const char *name, bool dry)
{
	struct store_vnet wish = { .name = name };
	json_t *body = api_body(req), *plan;
	struct vnet *v;
	char *files;
	struct err err;
	int code;

	if (!body)
		return;
	files = json_dumps(json_object_get(body, "files"), JSON_COMPACT | JSON_ENCODE_ANY);
	wish.file = json_string_value(json_object_get(body, "file"));
	wish.topology = json_string_value(json_object_get(body, "topology"));
	wish.files = files;
	if (a->daemon->ending)
		api_error(req, HTTP_SERVUNAVAIL, "weftd is ending; deploy again");
	else if (!wish.file || !wish.topology || !files)
		api_error(req, HTTP_BADREQUEST, "deploying needs file, topology and files");
	else if ((code = dry ? vnet_dry_run(a->daemon, &wish, &plan, &err) :
			       vnet_deploy(a->daemon, &wish, &v, &err)))
		api_error(req, deploy_status(code), "%s", err.text);
	else if (dry)
		api_reply(req, HTTP_OK, plan);
	else
		get_vnets(a, req, name, false, 202);
	free(files);
	json_decref(body);
}

static void on_destroyed(void *arg)
{
	reply_pending(arg, json_object());
}

static void delete_vnet(struct api *a, struct evhttp_request *req, const char *name)
{
	struct vnet *v = vnet_find(a->daemon, name);
	struct pending *p;
	struct err err;
	int code;

	if (!v && store_vnet_has(a->daemon->store, name)) { /* it could not be restored */
		code = store_vnet_end(a->daemon->store, name, &err);
		if (!code)
			sweep(a->daemon);
		if (code)
			api_error(req, HTTP_INTERNAL, "%s", err.text);
		else
			api_reply(req, HTTP_OK, json_object());
		return;
	}
	if (!v) {
		api_error(req, HTTP_NOTFOUND, "no vnet %s", name);
		return;
	}
	p = pending_create(a, req, name, HTTP_OK);
	if (!p)
		return;
	code = vnet_destroy(v, on_destroyed, p, &err);
	if (code) {
		free(p);
		api_error(req, HTTP_INTERNAL, "%s", err.text);
	}
}

static void vnets_call(struct api *a, struct evhttp_request *req, char *rest, const char *query)
{
	enum evhttp_cmd_type method = evhttp_request_get_command(req);
	char *name = strsep(&rest, "/");
	struct vnet *v = name ? vnet_find(a->daemon, name) : NULL;

	if (rest && v && !v->destroying)
		api_inside_vnet(v, req, rest);
	else if (rest)
		api_error(req, HTTP_NOTFOUND, "no vnet %s", name);
	else if (!name && method == EVHTTP_REQ_GET)
		get_vnets(a, req, "", false, HTTP_OK);
	else if (name && method == EVHTTP_REQ_GET && !v)
		api_error(req, HTTP_NOTFOUND, "no vnet %s", name);
	else if (name && method == EVHTTP_REQ_GET)
		get_vnets(a, req, name, query && strstr(query, "protocols=1"), HTTP_OK);
	else if (name && method == EVHTTP_REQ_PUT)
		put_vnet(a, req, name, query && strstr(query, "dry-run=1"));
	else if (name && method == EVHTTP_REQ_DELETE)
		delete_vnet(a, req, name);
	else
		api_error(req, HTTP_BADMETHOD, "not with this method; docs/api.md lists the calls");
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

static void on_request(struct evhttp_request *req, void *arg)
{
	struct api *a = arg;
	const struct evhttp_uri *uri = evhttp_request_get_evhttp_uri(req);
	const char *coded = uri ? evhttp_uri_get_path(uri) : NULL;
	size_t len;
	char *path = coded ? evhttp_uridecode(coded, 0, &len) : NULL;
	enum evhttp_cmd_type method = evhttp_request_get_command(req);

	if (!path || strlen(path) != len) {
		api_error(req, HTTP_BADREQUEST, "no path");
	} else if (!strcmp(path, "/v1/version") && method == EVHTTP_REQ_GET) {
		api_reply(req, HTTP_OK, version_json(a->daemon));
	} else if (!strcmp(path, "/v1/engine") && method == EVHTTP_REQ_GET) {
		get_engine(a, req);
	} else if (!strcmp(path, "/v1/ports") && method == EVHTTP_REQ_GET) {
		api_ports(a->daemon, req, false);
	} else if (!strcmp(path, "/v1/ports/reload") && method == EVHTTP_REQ_POST) {
		api_ports(a->daemon, req, true);
	} else if (!strcmp(path, "/v1/events") && method == EVHTTP_REQ_GET) {
		api_events(a->daemon, req, evhttp_uri_get_query(uri));
	} else if (!strcmp(path, "/metrics") && method == EVHTTP_REQ_GET) {
		api_metrics(a->daemon, req);
	} else if (!strcmp(path, "/v1/shutdown") && method == EVHTTP_REQ_POST) {
		if (!TAILQ_EMPTY(&a->daemon->vnets)) {
			api_error(req, 409, "there are vnets: destroy them first");
		} else {
			evhttp_request_set_on_complete_cb(req, on_shutdown_answered, a);
			api_reply(req, HTTP_OK, json_object());
		}
	} else if (!strcmp(path, "/v1/vnets")) {
		vnets_call(a, req, NULL, NULL);
	} else if (!strncmp(path, "/v1/vnets/", 10)) {
		vnets_call(a, req, path + 10, evhttp_uri_get_query(uri));
	} else {
		api_error(req, HTTP_NOTFOUND, "no such call; docs/api.md lists them");
	}
	free(path);
}

static int listen_on(struct api *a, struct err *err)
{
	struct sockaddr_un addr = { .sun_family = AF_UNIX };
	struct evconnlistener *listener;
	int fd, code;

	strcpy(addr.sun_path, a->path);
	unlink(a->path);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return err_sys(err, -errno, "%s", a->path);
	if (bind(fd, (struct sockaddr *)&addr, sizeof(addr)) < 0 || chmod(a->path, 0660) < 0) {
		code = -errno;
		close(fd);
		return err_sys(err, code, "%s", a->path);
	}
	listener = evconnlistener_new(a->daemon->base, NULL, NULL,
				      LEV_OPT_CLOSE_ON_FREE | LEV_OPT_CLOSE_ON_EXEC, 128, fd);
	if (!listener || !evhttp_bind_listener(a->http, listener)) {
		close(fd);
		return err_sys(err, -ENOMEM, "%s", a->path);
	}
	return 0;
}

int api_create(struct weftd *d, const char *socket, struct api **out, struct err *err)
{
	struct api *a = calloc(1, sizeof(*a));
	int code;

	if (!a || strlen(socket) >= sizeof(a->path)) {
		free(a);
		return err_sys(err, -ENAMETOOLONG, "%s", socket);
	}
	a->daemon = d;
	strcpy(a->path, socket);
	a->http = evhttp_new(d->base);
	if (!a->http) {
		api_destroy(a);
		return err_sys(err, -ENOMEM, "%s", socket);
	}
	evhttp_set_allowed_methods(a->http, EVHTTP_REQ_GET | EVHTTP_REQ_PUT | EVHTTP_REQ_POST |
						    EVHTTP_REQ_DELETE);
	evhttp_set_max_body_size(a->http, API_BODY_MAX);
	evhttp_set_max_headers_size(a->http, 16384);
	evhttp_set_gencb(a->http, on_request, a);
	code = listen_on(a, err);
	if (code) {
		api_destroy(a);
		return code;
	}
	*out = a;
	return 0;
}

void api_destroy(struct api *a)
{
	if (!a)
		return;
	if (a->http)
		evhttp_free(a->http);
	unlink(a->path);
	free(a);
}
