/* SPDX-License-Identifier: Apache-2.0 */
/* What is stored of each link. */
#include "control/store_priv.h"

#include <stdlib.h>
#include <string.h>

int store_link_set(struct store *s, enum store_link what, uint32_t vnet, const char *link, bool is,
		   struct err *err)
{
	static const char *const sql[][2] = {
		[STORE_LINK_DOWN] = { "DELETE FROM link_down WHERE vnet = ? AND link = ?",
				      "INSERT OR IGNORE INTO link_down VALUES (?, ?)" },
		[STORE_LINK_RISEN] = { "DELETE FROM link_risen WHERE vnet = ? AND link = ?",
				       "INSERT OR IGNORE INTO link_risen VALUES (?, ?)" },
	};

	return store_change(s, err, sql[what][is], "is", (int64_t)vnet, link);
}

bool store_link_is(struct store *s, enum store_link what, uint32_t vnet, const char *link)
{
	static const char *const sql[] = {
		[STORE_LINK_DOWN] = "SELECT 1 FROM link_down WHERE vnet = ? AND link = ?",
		[STORE_LINK_RISEN] = "SELECT 1 FROM link_risen WHERE vnet = ? AND link = ?",
	};

	return store_number_of(store_query(s, sql[what], "is", (int64_t)vnet, link));
}

int store_link_impair_put(struct store *s, uint32_t vnet, const char *link, int way,
			  const char *impair, struct err *err)
{
	if (!impair)
		return store_change(s, err, "DELETE FROM link_impair WHERE vnet = ? AND link = ? AND way = ?",
			      "isi", (int64_t)vnet, link, (int64_t)way);
	return store_change(s, err, "INSERT OR REPLACE INTO link_impair VALUES (?, ?, ?, ?)", "isis",
		      (int64_t)vnet, link, (int64_t)way, impair);
}

char *store_link_impair(struct store *s, uint32_t vnet, const char *link, int way)
{
	sqlite3_stmt *st = store_query(s, "SELECT impair FROM link_impair WHERE vnet = ? AND link = ? AND way = ?",
				 "isi", (int64_t)vnet, link, (int64_t)way);
	bool found = st && sqlite3_step(st) == SQLITE_ROW;
	char *impair = found ? strdup((const char *)sqlite3_column_text(st, 0)) : NULL;

	sqlite3_finalize(st);
	return impair;
}
