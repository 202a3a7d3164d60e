/* SPDX-License-Identifier: Apache-2.0 */
/* What is stored of each guest. */
#include "control/store_priv.h"

#include "base/log.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>

int store_guest_put(struct store *s, uint32_t vnet, const char *node, const struct store_guest *g,
		    struct err *err)
{
	return store_change(s, err,
		      "INSERT INTO guest VALUES (?1, ?2, ?3, ?4, ?5, ?6) ON CONFLICT (vnet, node) DO "
		      "UPDATE SET boot_ms = ?3, restarts = ?4, clone = ?5, cold_why = ?6",
		      "isiiis", (int64_t)vnet, node, (int64_t)g->boot_ms, (int64_t)g->restarts,
		      (int64_t)g->clone, g->cold_why);
}

struct store_guest store_guest_get(struct store *s, uint32_t vnet, const char *node)
{
	sqlite3_stmt *st = store_query(s, "SELECT boot_ms, restarts, clone, cold_why FROM guest "
				    "WHERE vnet = ? AND node = ?", "is", (int64_t)vnet, node);
	struct store_guest g = { 0 };

	if (st && sqlite3_step(st) == SQLITE_ROW) {
		g.boot_ms = (uint64_t)sqlite3_column_int64(st, 0);
		g.restarts = (uint32_t)sqlite3_column_int64(st, 1);
		g.clone = sqlite3_column_int64(st, 2) != 0;
		snprintf(g.cold_why, sizeof(g.cold_why), "%s", (const char *)sqlite3_column_text(st, 3));
	}
	sqlite3_finalize(st);
	return g;
}

static bool find_machine_id(struct store *s, uint32_t vnet, const char *node, uint8_t id[16])
{
	sqlite3_stmt *st = store_query(s, "SELECT id FROM machine_id WHERE vnet = ? AND node = ?", "is",
				 (int64_t)vnet, node);
	bool found = st && sqlite3_step(st) == SQLITE_ROW && sqlite3_column_bytes(st, 0) == 16;

	if (found)
		memcpy(id, sqlite3_column_blob(st, 0), 16);
	sqlite3_finalize(st);
	return found;
}

int store_machine_id(struct store *s, uint32_t vnet, const char *node, uint8_t id[16],
		     struct err *err)
{
	if (find_machine_id(s, vnet, node, id))
		return 0;
	if (getrandom(id, 16, 0) != 16)
		return err_sys(err, -errno, "%s: machine id", node);
	return store_change(s, err, "INSERT OR REPLACE INTO machine_id VALUES (?, ?, ?)", "ism", (int64_t)vnet,
		      node, id);
}

int store_nics_put(struct store *s, uint32_t vnet, const char *node, const struct nics *nics,
		   struct err *err)
{
	struct buf text = { 0 };
	int code;

	nics_text(nics, &text);
	buf_u8(&text, 0);
	code = text.bad ? err_sys(err, -ENOMEM, "%s", node) :
			  store_change(s, err, "INSERT OR REPLACE INTO nics VALUES (?, ?, ?)", "iss",
				       (int64_t)vnet, node, (const char *)text.data);
	buf_free(&text);
	return code;
}

bool store_nics_get(struct store *s, uint32_t vnet, const char *node, struct nics *out)
{
	sqlite3_stmt *st = store_query(s, "SELECT nics FROM nics WHERE vnet = ? AND node = ?", "is",
				       (int64_t)vnet, node);
	bool found = st && sqlite3_step(st) == SQLITE_ROW &&
		     nics_parse((const char *)sqlite3_column_text(st, 0), out) == 0;

	sqlite3_finalize(st);
	return found;
}

void store_nics_del(struct store *s, uint32_t vnet, const char *node)
{
	struct err err;

	if (store_change(s, &err, "DELETE FROM nics WHERE vnet = ? AND node = ?", "is", (int64_t)vnet,
			 node) < 0)
		log_error("%s", err.text);
}
