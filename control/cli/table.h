/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CONTROL_CLI_TABLE_H
#define CONTROL_CLI_TABLE_H

/*
 * Text in aligned columns. Cells are cleaned of control characters, since what they hold may
 * come from a guest and go to a terminal. A failed allocation sticks and is told by table_print().
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

struct table;

/* Headers end with NULL; a leading '>' aligns the column to the right. */
struct table *table_create(const char *first, ...) __attribute__((sentinel));
void table_destroy(struct table *t); /* NULL allowed */

/* The next cell, left to right, row by row. "" becomes "-". */
void table_cell(struct table *t, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
size_t table_rows(const struct table *t);
void table_print(const struct table *t, FILE *to);

/* Replaces control characters by '?'. */
void text_clean(char *text);

/* As people read them: "1.5M" of 1000s for counts, "192 MiB" for bytes, "42s", "5m02s", "3h10m". */
const char *text_count(char out[32], unsigned long long n);
const char *text_bytes(char out[32], unsigned long long n);
const char *text_age(char out[32], double seconds);

#endif
