/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CONTROL_STORE_PRIV_H
#define CONTROL_STORE_PRIV_H

#include "control/store.h"

#include <sqlite3.h>

struct store {
	sqlite3 *db;
};

/* Both bind by the letters of `types`: i (int64_t), s (const char *), m (16 bytes). */

/* NULL when it cannot be; the caller steps and finalizes. */
sqlite3_stmt *store_query(struct store *s, const char *sql, const char *types, ...);
int store_change(struct store *s, struct err *err, const char *sql, const char *types, ...);

#endif
