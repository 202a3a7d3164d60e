/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CONTROL_STORE_PRIV_H
#define CONTROL_STORE_PRIV_H

#include "control/store.h"

#include <sqlite3.h>

struct store {
	sqlite3 *db;
	bool begun; /* between store_begin() and its end */
	char trouble[200]; /* why the last change could not be written, or empty */
	void (*on_trouble)(void *arg, const char *trouble);
	void *arg;
};

/* Both bind by the letters of `types`: i (int64_t), s (const char *), m (16 bytes). */

/* NULL when it cannot be; the caller steps and finalizes. */
sqlite3_stmt *store_query(struct store *s, const char *sql, const char *types, ...);
/* The first column of the first row of what store_query() made, which it finalizes; 0: there is none. */
int64_t store_number_of(sqlite3_stmt *st);
int store_change(struct store *s, struct err *err, const char *sql, const char *types, ...);

#endif
