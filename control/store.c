/* SPDX-License-Identifier: Apache-2.0 */
#include "control/store_priv.h"

#include "base/log.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define STORE_RESERVE (1 << 20) /* bytes, of the database and of its log each */

static const char schema[] =
	"PRAGMA journal_mode = WAL;"
	"PRAGMA synchronous = NORMAL;"
	/* Begins anew in the log's file before it grows out of what is reserved, at 4 KiB a page. */
	"PRAGMA wal_autocheckpoint = 128;"
	"PRAGMA foreign_keys = ON;"
	"CREATE TABLE IF NOT EXISTS vnet (id INTEGER PRIMARY KEY, name TEXT UNIQUE NOT NULL,"
	"  file TEXT NOT NULL, topology TEXT NOT NULL, files TEXT NOT NULL);"
	"CREATE TABLE IF NOT EXISTS id (kind INTEGER NOT NULL, vnet INTEGER NOT NULL,"
	"  name TEXT NOT NULL, id INTEGER NOT NULL, PRIMARY KEY (kind, vnet, name),"
	"  UNIQUE (kind, id));"
	"CREATE TABLE IF NOT EXISTS link_down (vnet INTEGER NOT NULL, link TEXT NOT NULL,"
	"  PRIMARY KEY (vnet, link));"
	"CREATE TABLE IF NOT EXISTS link_risen (vnet INTEGER NOT NULL, link TEXT NOT NULL,"
	"  PRIMARY KEY (vnet, link));"
	"CREATE TABLE IF NOT EXISTS link_impair (vnet INTEGER NOT NULL, link TEXT NOT NULL,"
	"  way INTEGER NOT NULL, impair TEXT NOT NULL, PRIMARY KEY (vnet, link, way));"
	"CREATE TABLE IF NOT EXISTS guest (vnet INTEGER NOT NULL, node TEXT NOT NULL,"
	"  boot_ms INTEGER NOT NULL, restarts INTEGER NOT NULL, PRIMARY KEY (vnet, node));"
	"CREATE TABLE IF NOT EXISTS machine_id (vnet INTEGER NOT NULL, node TEXT NOT NULL,"
	"  id BLOB NOT NULL, PRIMARY KEY (vnet, node));"
	"CREATE TABLE IF NOT EXISTS nics (vnet INTEGER NOT NULL, node TEXT NOT NULL,"
	"  nics TEXT NOT NULL, PRIMARY KEY (vnet, node));"
	"CREATE TABLE IF NOT EXISTS mode (vnet INTEGER PRIMARY KEY, mode INTEGER NOT NULL);"
	"CREATE TABLE IF NOT EXISTS user (id INTEGER PRIMARY KEY AUTOINCREMENT,"
	"  name TEXT UNIQUE NOT NULL, token TEXT NOT NULL);"
	"CREATE TABLE IF NOT EXISTS quota (user INTEGER NOT NULL, name TEXT NOT NULL,"
	"  value INTEGER NOT NULL, PRIMARY KEY (user, name));"
	"CREATE TABLE IF NOT EXISTS owner (vnet INTEGER PRIMARY KEY, user INTEGER NOT NULL);"
	"CREATE TABLE IF NOT EXISTS ending (vnet INTEGER PRIMARY KEY);"
	"CREATE TABLE IF NOT EXISTS last_id (kind INTEGER PRIMARY KEY, id INTEGER NOT NULL);"
	"CREATE TABLE IF NOT EXISTS number (name TEXT PRIMARY KEY, value INTEGER NOT NULL);";

/* What a database of before these columns lacks; that they are there already is no matter. */
static const char *const additions[] = {
	"ALTER TABLE guest ADD COLUMN clone INTEGER NOT NULL DEFAULT 0",
	"ALTER TABLE guest ADD COLUMN cold_why TEXT NOT NULL DEFAULT ''",
};

/*
 * Blocks behind the end of the database and of its log (FALLOC_FL_KEEP_SIZE: SQLite does not see
 * them), so that a full disk keeps nobody from destroying what fills it. The database's is reserved
 * before it is opened: closing any descriptor of it gives up SQLite's locks.
 */
static void reserve(const char *path, const char *suffix)
{
	char name[PATH_MAX];
	struct stat st;
	int fd;

	snprintf(name, sizeof(name), "%s%s", path, suffix);
	fd = open(name, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	if (fd < 0 || fstat(fd, &st) < 0 ||
	    fallocate(fd, FALLOC_FL_KEEP_SIZE, 0, st.st_size + STORE_RESERVE) < 0)
		log_debug("%s: nothing is reserved: %s", name, strerror(errno));
	if (fd >= 0)
		close(fd);
}

/* Files and configurations of people are in it. SQLite gives its other files the same mode. */
static int make_private(const char *path, struct err *err)
{
	int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	int code = fd < 0 || fchmod(fd, 0600) < 0 ? -errno : 0;

	if (fd >= 0)
		close(fd);
	return code ? err_sys(err, code, "%s", path) : 0;
}

int store_open(const char *path, struct store **out, struct err *err)
{
	struct store *s = calloc(1, sizeof(*s));
	int keep = 1; /* the log's file, at the end: nobody else is to get its blocks */
	int code;

	if (!s)
		return err_sys(err, -ENOMEM, "%s", path);
	code = make_private(path, err);
	if (code) {
		free(s);
		return code;
	}
	reserve(path, "");
	if (sqlite3_open(path, &s->db) != SQLITE_OK ||
	    sqlite3_exec(s->db, schema, NULL, NULL, NULL) != SQLITE_OK) {
		err_set(err, -EIO, "%s: %s", path, s->db ? sqlite3_errmsg(s->db) : "out of memory");
		store_close(s);
		return -EIO;
	}
	for (size_t i = 0; i < sizeof(additions) / sizeof(additions[0]); i++)
		sqlite3_exec(s->db, additions[i], NULL, NULL, NULL);
	sqlite3_busy_timeout(s->db, 2000);
	sqlite3_file_control(s->db, "main", SQLITE_FCNTL_PERSIST_WAL, &keep);
	reserve(path, "-wal");
	*out = s;
	return 0;
}

void store_close(struct store *s)
{
	if (!s)
		return;
	sqlite3_close(s->db);
	free(s);
}

static sqlite3_stmt *prepare(struct store *s, const char *sql, const char *types, va_list ap)
{
	sqlite3_stmt *st;

	if (sqlite3_prepare_v2(s->db, sql, -1, &st, NULL) != SQLITE_OK)
		return NULL;
	for (int i = 1; *types; types++, i++) {
		if (*types == 'i')
			sqlite3_bind_int64(st, i, va_arg(ap, int64_t));
		else if (*types == 'm')
			sqlite3_bind_blob(st, i, va_arg(ap, const uint8_t *), 16, SQLITE_TRANSIENT);
		else
			sqlite3_bind_text(st, i, va_arg(ap, const char *), -1, SQLITE_TRANSIENT);
	}
	return st;
}

sqlite3_stmt *store_query(struct store *s, const char *sql, const char *types, ...)
{
	sqlite3_stmt *st;
	va_list ap;

	va_start(ap, types);
	st = prepare(s, sql, types, ap);
	va_end(ap);
	return st;
}

const char *store_trouble(const struct store *s)
{
	return s->trouble[0] ? s->trouble : NULL;
}

void store_on_trouble(struct store *s, void (*cb)(void *arg, const char *trouble), void *arg)
{
	s->on_trouble = cb;
	s->arg = arg;
}

static void set_trouble(struct store *s, const char *why)
{
	bool news = !s->trouble[0] != !why;

	snprintf(s->trouble, sizeof(s->trouble), "%s", why ? why : "");
	if (news && s->on_trouble)
		s->on_trouble(s->arg, why);
}

static int failed(struct store *s, struct err *err)
{
	int code = sqlite3_errcode(s->db) == SQLITE_FULL ? -ENOSPC : -EIO;

	err_set(err, code, "state: %s", sqlite3_errmsg(s->db));
	set_trouble(s, sqlite3_errmsg(s->db));
	return code;
}

int store_change(struct store *s, struct err *err, const char *sql, const char *types, ...)
{
	sqlite3_stmt *st;
	va_list ap;
	int code;

	va_start(ap, types);
	st = prepare(s, sql, types, ap);
	va_end(ap);
	/* SQLite rolls back by itself when it cannot go on: what follows is not to be stored without. */
	if (s->begun && sqlite3_get_autocommit(s->db)) {
		sqlite3_finalize(st);
		return err_set(err, -EIO, "state: %s", s->trouble);
	}
	code = st ? sqlite3_step(st) : SQLITE_ERROR;
	sqlite3_finalize(st);
	if (code != SQLITE_DONE && code != SQLITE_ROW)
		return failed(s, err);
	if (sqlite3_get_autocommit(s->db) && sqlite3_changes(s->db) > 0)
		set_trouble(s, NULL);
	return 0;
}

int store_begin(struct store *s, struct err *err)
{
	int code = store_change(s, err, "BEGIN IMMEDIATE", "");

	s->begun = !code;
	return code;
}

void store_rollback(struct store *s)
{
	s->begun = false;
	sqlite3_exec(s->db, "ROLLBACK", NULL, NULL, NULL); /* fails when SQLite has done it by itself */
}

int store_commit(struct store *s, struct err *err)
{
	int code = store_change(s, err, "COMMIT", "");

	if (code)
		store_rollback(s);
	s->begun = false;
	return code;
}

int store_vnet_put(struct store *s, uint32_t id, const char *name, const char *file,
		   const char *topology, const char *files, struct err *err)
{
	return store_change(s, err,
		      "INSERT INTO vnet VALUES (?1, ?2, ?3, ?4, ?5) ON CONFLICT (id) DO UPDATE SET "
		      "file = ?3, topology = ?4, files = ?5",
		      "issss", (int64_t)id, name, file, topology, files);
}

int store_vnet_end(struct store *s, const char *name, struct err *err)
{
	return name ? store_change(s, err,
			     "INSERT OR IGNORE INTO ending SELECT id FROM vnet WHERE name = ?", "s", name) :
		      store_change(s, err, "INSERT OR IGNORE INTO ending SELECT id FROM vnet", "");
}

int store_vnet_forget_ending(struct store *s, struct err *err)
{
	static const char *const steps[] = {
		"DELETE FROM vnet WHERE id IN (SELECT vnet FROM ending)",
		"DELETE FROM link_down WHERE vnet IN (SELECT vnet FROM ending)",
		"DELETE FROM link_risen WHERE vnet IN (SELECT vnet FROM ending)",
		"DELETE FROM link_impair WHERE vnet IN (SELECT vnet FROM ending)",
		"DELETE FROM guest WHERE vnet IN (SELECT vnet FROM ending)",
		"DELETE FROM machine_id WHERE vnet IN (SELECT vnet FROM ending)",
		"DELETE FROM nics WHERE vnet IN (SELECT vnet FROM ending)",
		"DELETE FROM mode WHERE vnet IN (SELECT vnet FROM ending)",
		"DELETE FROM owner WHERE vnet IN (SELECT vnet FROM ending)",
		/* kind 1: STORE_VNET */
		("DELETE FROM id WHERE vnet IN (SELECT vnet FROM ending) OR "
		 "(kind = 1 AND id IN (SELECT vnet FROM ending))"),
		"DELETE FROM ending",
	};
	int code = store_begin(s, err);

	if (code)
		return code;
	for (unsigned i = 0; !code && i < sizeof(steps) / sizeof(steps[0]); i++)
		code = store_change(s, err, steps[i], "");
	if (!code)
		return store_commit(s, err);
	store_rollback(s);
	return code;
}

int store_vnet_each(struct store *s, void (*cb)(void *arg, const struct store_vnet *v), void *arg,
		    struct err *err)
{
	sqlite3_stmt *st = store_query(s, "SELECT id, name, file, topology, files FROM vnet ORDER BY id", "");
	int code = SQLITE_ERROR;

	while (st && (code = sqlite3_step(st)) == SQLITE_ROW) {
		struct store_vnet v = {
			.id = (uint32_t)sqlite3_column_int64(st, 0),
			.name = (const char *)sqlite3_column_text(st, 1),
			.file = (const char *)sqlite3_column_text(st, 2),
			.topology = (const char *)sqlite3_column_text(st, 3),
			.files = (const char *)sqlite3_column_text(st, 4),
		};

		cb(arg, &v);
	}
	sqlite3_finalize(st);
	return code == SQLITE_DONE ? 0 : err_set(err, -EIO, "state: %s", sqlite3_errmsg(s->db));
}

int64_t store_number_of(sqlite3_stmt *st)
{
	int64_t value = st && sqlite3_step(st) == SQLITE_ROW ? sqlite3_column_int64(st, 0) : 0;

	sqlite3_finalize(st);
	return value;
}

static uint32_t find_id(struct store *s, enum store_kind kind, uint32_t vnet, const char *name)
{
	return (uint32_t)store_number_of(store_query(s, "SELECT id FROM id WHERE kind = ? AND vnet = ? AND name = ?",
					 "iis", (int64_t)kind, (int64_t)vnet, name));
}

uint32_t store_id(struct store *s, enum store_kind kind, uint32_t vnet, const char *name)
{
	uint32_t id = find_id(s, kind, vnet, name);
	struct err err;

	if (id)
		return id;
	/* The highest one first: an id that was counted and not given is merely a gap. */
	if (store_change(s, &err,
		   "INSERT INTO last_id SELECT ?1, coalesce(max(id), 0) + 1 FROM id WHERE kind = ?1 "
		   "ON CONFLICT (kind) DO UPDATE SET id = max(last_id.id + 1, excluded.id)",
		   "i", (int64_t)kind) < 0 ||
	    store_change(s, &err, "INSERT INTO id SELECT kind, ?2, ?3, id FROM last_id WHERE kind = ?1", "iis",
		   (int64_t)kind, (int64_t)vnet, name) < 0) {
		log_error("%s", err.text);
		return 0;
	}
	return find_id(s, kind, vnet, name);
}

bool store_id_has(struct store *s, enum store_kind kind, uint32_t id)
{
	sqlite3_stmt *st = store_query(s, "SELECT 1 FROM id WHERE kind = ? AND id = ?", "ii", (int64_t)kind,
				 (int64_t)id);
	bool absent = st && sqlite3_step(st) == SQLITE_DONE;

	sqlite3_finalize(st);
	return !absent;
}

bool store_vnet_has(struct store *s, const char *name)
{
	return store_number_of(name ? store_query(s, "SELECT 1 FROM vnet WHERE name = ?", "s", name) :
				store_query(s, "SELECT 1 FROM vnet", ""));
}

int store_mode_set(struct store *s, uint32_t vnet, enum store_mode mode, struct err *err)
{
	return store_change(s, err,
		      "INSERT INTO mode VALUES (?1, ?2) ON CONFLICT (vnet) DO UPDATE SET mode = ?2", "ii",
		      (int64_t)vnet, (int64_t)mode);
}

enum store_mode store_mode(struct store *s, uint32_t vnet)
{
	return (enum store_mode)store_number_of(store_query(s, "SELECT mode FROM mode WHERE vnet = ?", "i",
						(int64_t)vnet));
}

bool store_node_hibernates(struct store *s, uint32_t node)
{
	/* kind 2: STORE_NODE, mode 2: STORE_HIBERNATED */
	sqlite3_stmt *st = store_query(s,
				 "SELECT 1 FROM id, mode WHERE kind = 2 AND id = ? AND "
				 "mode.vnet = id.vnet AND mode = 2", "i", (int64_t)node);
	bool absent = st && sqlite3_step(st) == SQLITE_DONE;

	sqlite3_finalize(st);
	return !absent;
}

void store_id_del(struct store *s, enum store_kind kind, uint32_t vnet, const char *name)
{
	struct err err;

	if (store_change(s, &err, "DELETE FROM id WHERE kind = ? AND vnet = ? AND name = ?", "iis",
		   (int64_t)kind, (int64_t)vnet, name) < 0)
		log_error("%s", err.text);
}

int64_t store_number(struct store *s, const char *name)
{
	return store_number_of(store_query(s, "SELECT value FROM number WHERE name = ?", "s", name));
}

int store_number_set(struct store *s, const char *name, int64_t value, struct err *err)
{
	return store_change(s, err,
		      "INSERT INTO number VALUES (?1, ?2) ON CONFLICT (name) DO UPDATE SET value = ?2",
		      "si", name, value);
}
