/* SPDX-License-Identifier: Apache-2.0 */
/* /v1/users: who they are, and what they may have and have. */
#include "control/api_priv.h"
#include "control/capture.h"
#include "control/events.h"
#include "control/gate.h"
#include "control/store.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

static json_t *amount_json(int64_t n, unsigned parts)
{
	return parts == 1 ? json_integer(n) : json_real((double)n / parts);
}

static json_t *user_json(const struct weftd *d, const struct store_user *u)
{
	struct quota_use use = quota_used(d, u->id, NULL);
	json_t *quota = json_object(), *used = json_object(), *vnets = json_array();
	const struct vnet *v;

	for (unsigned i = 0; i < QUOTA_COUNT; i++) {
		const struct quota_info *info = &quota_infos[i];
		int64_t most = u->quota.most[i];

		json_object_set_new(quota, info->name,
				    most == QUOTA_NONE ? json_null() : amount_json(most, info->parts));
		json_object_set_new(used, info->name, amount_json(use.n[i], info->parts));
	}
	TAILQ_FOREACH (v, &d->vnets, entry)
		if (v->owner == u->id)
			json_array_append_new(vnets, json_string(v->topology->name));
	return json_pack("{s:s, s:o, s:o, s:o}", "name", u->name, "vnets", vnets, "quota", quota, "used",
			 used);
}

struct listing {
	const struct weftd *daemon;
	const struct principal *who;
	json_t *list;
};

static void add_user(void *arg, const struct store_user *u)
{
	struct listing *l = arg;

	if (!l->who->user || l->who->user == u->id)
		json_array_append_new(l->list, user_json(l->daemon, u));
}

static void list_users(struct weftd *d, struct evhttp_request *req, const struct principal *who)
{
	struct listing l = { .daemon = d, .who = who, .list = json_array() };
	struct err err;

	if (store_user_each(d->store, add_user, &l, &err) < 0) {
		json_decref(l.list);
		api_error(req, HTTP_INTERNAL, "%s", err.text);
		return;
	}
	api_reply(req, HTTP_OK, json_pack("{s:o}", "users", l.list));
}

/* A quota of the body: a number, or null for no limit. */
static int read_quota(const json_t *o, const struct quota_info *info, int64_t *most, struct err *err)
{
	double value = json_number_value(o) * info->parts;

	if (json_is_null(o)) {
		*most = QUOTA_NONE;
		return 0;
	}
	if (!json_is_number(o) || value < 0 || value > (double)QUOTA_MAX || value != floor(value))
		return err_set(err, -EINVAL, "%s is null or a number, 0 to %lld%s", info->name,
			       QUOTA_MAX / info->parts, info->parts == 1 ? "" : ", in steps of 0.001");
	*most = (int64_t)value;
	return 0;
}

/* Changes what the body names, and says what in it is no quota. */
static int read_quotas(const json_t *body, struct quota *q, struct err *err)
{
	const char *key;
	json_t *value;

	json_object_foreach ((json_t *)body, key, value) {
		unsigned i = 0;
		int code;

		while (i < QUOTA_COUNT && strcmp(key, quota_infos[i].name) != 0)
			i++;
		if (i == QUOTA_COUNT)
			return err_set(err, -EINVAL, "%.40s is no quota; docs/tenants.md lists them", key);
		code = read_quota(value, &quota_infos[i], &q->most[i], err);
		if (code)
			return code;
	}
	return 0;
}

static void tell(struct weftd *d, uint32_t id, const char *name, const char *state)
{
	struct event_record r = { .type = "user", .name = name, .state = state, .owner = id };

	events_add(d->events, &r);
}

/* Who came in by a token that is none any more is put out, with all that is under way. */
static void put_out(struct weftd *d, uint32_t user)
{
	gate_forget(d->gate, user);
	captures_user_gone(d->captures, user);
}

/* A token is told once, here. */
static void reply_token(struct weftd *d, struct evhttp_request *req, int status, const char *name,
			const char *token, const char *state)
{
	struct store_user u = { .id = 0 };

	store_user_by_name(d->store, name, &u);
	put_out(d, u.id);
	tell(d, u.id, name, state);
	api_reply(req, status, json_pack("{s:s, s:s}", "name", name, "token", token));
}

static void add(struct weftd *d, struct evhttp_request *req, const char *name)
{
	struct store_user u = { .quota = quota_none };
	json_t *body = api_body(req);
	char token[USER_TOKEN_MAX];
	struct err err;

	if (!body)
		return;
	if (!user_name_ok(name)) {
		api_error(req, HTTP_BADREQUEST, "a user's name is a letter or digit, then letters, digits, "
			  "- _ . (%d at most)", USER_NAME_MAX - 1);
	} else if (store_user_by_name(d->store, name, &u)) {
		api_error(req, 409, "there is a user %s", name);
	} else if (read_quotas(body, &u.quota, &err) < 0) {
		api_error(req, HTTP_BADREQUEST, "%s", err.text);
	} else {
		strcpy(u.name, name);
		if (user_token_make(token, u.hash, &err) < 0 || store_user_put(d->store, &u, &err) < 0)
			api_error(req, HTTP_INTERNAL, "%s", err.text);
		else
			reply_token(d, req, 201, name, token, "added");
	}
	json_decref(body);
}

static void set(struct weftd *d, struct evhttp_request *req, struct store_user *u)
{
	json_t *body = api_body(req);
	struct err err;

	if (!body)
		return;
	if (read_quotas(body, &u->quota, &err) < 0) {
		api_error(req, HTTP_BADREQUEST, "%s", err.text);
	} else if (store_user_put(d->store, u, &err) < 0) {
		api_error(req, HTTP_INTERNAL, "%s", err.text);
	} else {
		tell(d, u->id, u->name, "changed");
		api_reply(req, HTTP_OK, user_json(d, u));
	}
	json_decref(body);
}

static void renew(struct weftd *d, struct evhttp_request *req, struct store_user *u)
{
	char token[USER_TOKEN_MAX];
	struct err err;

	if (user_token_make(token, u->hash, &err) < 0 || store_user_put(d->store, u, &err) < 0)
		api_error(req, HTTP_INTERNAL, "%s", err.text);
	else
		reply_token(d, req, HTTP_OK, u->name, token, "token renewed");
}

/* What is theirs would have to become somebody's, with what they wrote in it. */
static void take_away(struct weftd *d, struct evhttp_request *req, const struct store_user *u)
{
	struct err err;

	if (store_owner_has(d->store, u->id)) {
		api_error(req, 409, "%s has vnets: destroy them first; to keep %s out at once, renew the token",
			  u->name, u->name);
	} else if (store_user_del(d->store, u->id, &err) < 0) {
		api_error(req, HTTP_INTERNAL, "%s", err.text);
	} else {
		put_out(d, u->id);
		tell(d, u->id, u->name, "removed");
		api_reply(req, HTTP_OK, json_object());
	}
}

void api_users(struct weftd *d, struct evhttp_request *req, const struct principal *who, char *rest)
{
	enum evhttp_cmd_type method = evhttp_request_get_command(req);
	char *name = strsep(&rest, "/");
	struct store_user u;

	if (!name)
		list_users(d, req, who);
	else if (method == EVHTTP_REQ_PUT)
		add(d, req, name);
	else if (!store_user_by_name(d->store, name, &u))
		api_error(req, HTTP_NOTFOUND, "no user %s", name);
	else if (method == EVHTTP_REQ_DELETE)
		take_away(d, req, &u);
	else if (rest)
		renew(d, req, &u);
	else
		set(d, req, &u);
}
