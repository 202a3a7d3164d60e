/* SPDX-License-Identifier: Apache-2.0 */
/* /v1/vnets, and /v1/engine, which waits for the same. */
#include "control/api_priv.h"

#include "control/engine.h"
#include "control/engine_json.h"
#include "control/stats.h"
#include "control/store.h"
#include "control/sweep.h"
#include "control/vnet_json.h"
#include "control/vnet_sleep.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A request that waits for the engine, or for a vnet to end. */
struct pending {
	struct weftd *daemon;
	struct evhttp_request *req;
	char vnet[TOPOLOGY_NAME_MAX]; /* empty: all */
	uint32_t user; /* of those, the ones that are this one's; 0: all */
	int status;
	bool protocols;
};

static struct pending *pending_create(struct weftd *d, struct evhttp_request *req, const char *vnet,
				      int status)
{
	struct pending *p = calloc(1, sizeof(*p));

	if (!p) {
		api_error(req, HTTP_INTERNAL, "out of memory");
		return NULL;
	}
	p->daemon = d;
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
			if (!p->user || v->owner == p->user)
				json_array_append_new(list, vnet_json(v, stats));
		reply_pending(p, json_pack("{s:o}", "vnets", list));
	}
}

static void get_vnets(struct weftd *d, struct evhttp_request *req, const struct principal *who,
		      const char *vnet, bool protocols, int status)
{
	struct pending *p = pending_create(d, req, vnet, status);

	if (!p)
		return;
	p->user = who->user;
	p->protocols = protocols;
	stats_ask(d->engine, STATS_OBJECTS, on_stats, p);
}

static int deploy_status(int code)
{
	switch (code) {
	case -EBUSY:
	case -EEXIST:
		return 409;
	case -EACCES: /* a physical port of others */
		return 403;
	case -ENOSPC: /* of memory or CPU: admission.h */
	case -EDQUOT: /* quota.h */
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

void api_engine(struct weftd *d, struct evhttp_request *req)
{
	struct pending *p = pending_create(d, req, "", HTTP_OK);

	if (p)
		stats_ask(d->engine, STATS_ALL, on_engine_stats, p);
}

/* Whose the vnet is to be; false, and it has been answered, when that is no user. */
static bool find_owner(struct weftd *d, struct evhttp_request *req, const struct principal *who,
		       const json_t *body, uint32_t *owner)
{
	const json_t *name = json_object_get(body, "owner");
	struct store_user u;

	*owner = who->user;
	if (who->user || !name || json_is_null(name))
		return true;
	if (json_is_string(name) && store_user_by_name(d->store, json_string_value(name), &u)) {
		*owner = u.id;
		return true;
	}
	api_error(req, HTTP_BADREQUEST, "owner: there is no user %s",
		  json_is_string(name) ? json_string_value(name) : "of that kind");
	return false;
}

static void put_vnet(struct weftd *d, struct evhttp_request *req, const struct principal *who,
		     const char *name, bool dry)
{
	struct store_vnet wish = { .name = name };
	json_t *body = api_body(req), *plan;
	struct vnet *v;
	char *files;
	struct err err;
	int code;

	if (!body)
		return;
	if (!find_owner(d, req, who, body, &wish.owner)) {
		json_decref(body);
		return;
	}
	files = json_dumps(json_object_get(body, "files"), JSON_COMPACT | JSON_ENCODE_ANY);
	wish.file = json_string_value(json_object_get(body, "file"));
	wish.topology = json_string_value(json_object_get(body, "topology"));
	wish.files = files;
	if (d->ending)
		api_error(req, HTTP_SERVUNAVAIL, "weftd is ending; deploy again");
	else if (!wish.file || !wish.topology || !files)
		api_error(req, HTTP_BADREQUEST, "deploying needs file, topology and files");
	else if ((code = dry ? vnet_dry_run(d, &wish, &plan, &err) :
			       vnet_deploy(d, &wish, &v, &err)))
		api_error(req, deploy_status(code), "%s", err.text);
	else if (dry)
		api_reply(req, HTTP_OK, plan);
	else
		get_vnets(d, req, who, name, false, 202);
	free(files);
	json_decref(body);
}

static void on_destroyed(void *arg)
{
	reply_pending(arg, json_object());
}

static void delete_vnet(struct weftd *d, struct evhttp_request *req, const char *name)
{
	struct vnet *v = vnet_find(d, name);
	struct pending *p;
	struct err err;
	int code;

	if (!v && store_vnet_has(d->store, name)) { /* it could not be restored */
		code = store_vnet_end(d->store, name, &err);
		if (!code)
			sweep(d);
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
	p = pending_create(d, req, name, HTTP_OK);
	if (!p)
		return;
	code = vnet_destroy(v, on_destroyed, p, &err);
	if (code) {
		free(p);
		api_error(req, HTTP_INTERNAL, "%s", err.text);
	}
}

void api_vnets(struct weftd *d, struct evhttp_request *req, const struct principal *who, char *rest,
	       const char *query)
{
	enum evhttp_cmd_type method = evhttp_request_get_command(req);
	char *name = strsep(&rest, "/");
	struct vnet *v = name ? vnet_find(d, name) : NULL;

	if (rest && v && !v->destroying)
		api_inside_vnet(v, req, rest);
	else if (rest)
		api_error(req, HTTP_NOTFOUND, "no vnet %s", name);
	else if (!name)
		get_vnets(d, req, who, "", false, HTTP_OK);
	else if (method == EVHTTP_REQ_PUT)
		put_vnet(d, req, who, name, query && strstr(query, "dry-run=1"));
	else if (method == EVHTTP_REQ_DELETE)
		delete_vnet(d, req, name);
	else if (!v)
		api_error(req, HTTP_NOTFOUND, "no vnet %s", name);
	else
		get_vnets(d, req, who, name, query && strstr(query, "protocols=1"), HTTP_OK);
}
