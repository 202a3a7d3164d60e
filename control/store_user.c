/* SPDX-License-Identifier: Apache-2.0 */
/* Users, their quotas, and whose a vnet is. */
#include "control/store_priv.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

static struct quota quota_of(struct store *s, uint32_t user)
{
	sqlite3_stmt *st = store_query(s, "SELECT name, value FROM quota WHERE user = ?", "i", (int64_t)user);
	struct quota q = quota_none;

	while (st && sqlite3_step(st) == SQLITE_ROW)
		for (unsigned i = 0; i < QUOTA_COUNT; i++)
			if (!strcmp((const char *)sqlite3_column_text(st, 0), quota_infos[i].name))
				q.most[i] = sqlite3_column_int64(st, 1);
	sqlite3_finalize(st);
	return q;
}

/* The user at the statement's row. */
static struct store_user user_at(struct store *s, sqlite3_stmt *st)
{
	struct store_user u = { .id = (uint32_t)sqlite3_column_int64(st, 0) };

	snprintf(u.name, sizeof(u.name), "%s", (const char *)sqlite3_column_text(st, 1));
	snprintf(u.hash, sizeof(u.hash), "%s", (const char *)sqlite3_column_text(st, 2));
	u.quota = quota_of(s, u.id);
	return u;
}

int store_user_each(struct store *s, void (*cb)(void *arg, const struct store_user *u), void *arg,
		    struct err *err)
{
	sqlite3_stmt *st = store_query(s, "SELECT id, name, token FROM user ORDER BY name", "");
	int code = SQLITE_ERROR;

	while (st && (code = sqlite3_step(st)) == SQLITE_ROW) {
		struct store_user u = user_at(s, st);

		cb(arg, &u);
	}
	sqlite3_finalize(st);
	return code == SQLITE_DONE ? 0 : err_set(err, -EIO, "state: %s", sqlite3_errmsg(s->db));
}

static bool one(struct store *s, sqlite3_stmt *st, struct store_user *out)
{
	bool found = st && sqlite3_step(st) == SQLITE_ROW;

	if (found)
		*out = user_at(s, st);
	sqlite3_finalize(st);
	return found;
}

bool store_user_by_name(struct store *s, const char *name, struct store_user *out)
{
	return one(s, store_query(s, "SELECT id, name, token FROM user WHERE name = ?", "s", name), out);
}

bool store_user_by_id(struct store *s, uint32_t id, struct store_user *out)
{
	return one(s, store_query(s, "SELECT id, name, token FROM user WHERE id = ?", "i", (int64_t)id), out);
}

static int put(struct store *s, const struct store_user *u, struct err *err)
{
	struct store_user is;
	int code = store_change(s, err,
				"INSERT INTO user (name, token) VALUES (?1, ?2) ON CONFLICT (name) DO UPDATE "
				"SET token = ?2", "ss", u->name, u->hash);

	if (!code && !store_user_by_name(s, u->name, &is))
		code = err_set(err, -EIO, "state: user %s is not there", u->name);
	if (!code)
		code = store_change(s, err, "DELETE FROM quota WHERE user = ?", "i", (int64_t)is.id);
	for (unsigned i = 0; !code && i < QUOTA_COUNT; i++)
		if (u->quota.most[i] != QUOTA_NONE)
			code = store_change(s, err, "INSERT INTO quota VALUES (?, ?, ?)", "isi",
					    (int64_t)is.id, quota_infos[i].name, u->quota.most[i]);
	return code;
}

int store_user_put(struct store *s, const struct store_user *u, struct err *err)
{
	int code = store_begin(s, err);

	if (code)
		return code;
	code = put(s, u, err);
	if (!code)
		return store_commit(s, err);
	store_rollback(s);
	return code;
}

int store_user_del(struct store *s, uint32_t id, struct err *err)
{
	int code = store_change(s, err, "DELETE FROM user WHERE id = ?", "i", (int64_t)id);

	return code ? code : store_change(s, err, "DELETE FROM quota WHERE user = ?", "i", (int64_t)id);
}

int store_owner_put(struct store *s, uint32_t vnet, uint32_t user, struct err *err)
{
	return store_change(s, err, "INSERT OR REPLACE INTO owner VALUES (?, ?)", "ii", (int64_t)vnet,
			    (int64_t)user);
}

static bool number(sqlite3_stmt *st, uint32_t *out)
{
	bool found = st && sqlite3_step(st) == SQLITE_ROW;

	*out = found ? (uint32_t)sqlite3_column_int64(st, 0) : 0;
	sqlite3_finalize(st);
	return found;
}

uint32_t store_owner(struct store *s, uint32_t vnet)
{
	uint32_t user;

	number(store_query(s, "SELECT user FROM owner WHERE vnet = ?", "i", (int64_t)vnet), &user);
	return user;
}

bool store_vnet_owner(struct store *s, const char *name, uint32_t *user)
{
	return number(store_query(s, "SELECT coalesce(owner.user, 0) FROM vnet LEFT JOIN owner ON "
				     "owner.vnet = vnet.id WHERE name = ?", "s", name), user);
}

bool store_owner_has(struct store *s, uint32_t user)
{
	uint32_t vnet;

	return number(store_query(s, "SELECT vnet FROM owner WHERE user = ?", "i", (int64_t)user), &vnet);
}
