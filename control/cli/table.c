/* SPDX-License-Identifier: Apache-2.0 */
#include "control/cli/table.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#define COLUMNS_MAX 16
#define GAP 2

struct table {
	size_t columns;
	size_t width[COLUMNS_MAX];
	bool right[COLUMNS_MAX];
	const char *head[COLUMNS_MAX];
	char **cells;
	size_t count, cap;
	bool bad;
};

struct table *table_create(const char *first, ...)
{
	struct table *t = calloc(1, sizeof(*t));
	va_list ap;

	if (!t)
		return NULL;
	va_start(ap, first);
	for (const char *h = first; h && t->columns < COLUMNS_MAX; h = va_arg(ap, const char *)) {
		t->right[t->columns] = *h == '>';
		t->head[t->columns] = *h == '>' ? h + 1 : h;
		t->width[t->columns] = strlen(t->head[t->columns]);
		t->columns++;
	}
	va_end(ap);
	return t;
}

void table_destroy(struct table *t)
{
	if (!t)
		return;
	for (size_t i = 0; i < t->count; i++)
		free(t->cells[i]);
	free(t->cells);
	free(t);
}

void text_clean(char *text)
{
	for (; *text; text++)
		if ((unsigned char)*text < 0x20 || *text == 0x7f)
			*text = '?';
}

void table_cell(struct table *t, const char *fmt, ...)
{
	char *text;
	va_list ap;
	size_t column, len;
	int n;

	if (!t || t->bad)
		return;
	if (t->count == t->cap) {
		size_t cap = t->cap ? 2 * t->cap : 64;
		char **cells = realloc(t->cells, cap * sizeof(*cells));

		if (!cells) {
			t->bad = true;
			return;
		}
		t->cells = cells;
		t->cap = cap;
	}
	va_start(ap, fmt);
	n = vasprintf(&text, fmt, ap);
	va_end(ap);
	if (n == 0) {
		free(text);
		text = strdup("-");
	}
	if (n < 0 || !text) {
		t->bad = true;
		return;
	}
	text_clean(text);
	column = t->count % t->columns;
	len = strlen(text);
	if (len > t->width[column])
		t->width[column] = len;
	t->cells[t->count++] = text;
}

size_t table_rows(const struct table *t)
{
	return t ? t->count / t->columns : 0;
}

static void print_cell(const struct table *t, size_t column, const char *text, FILE *to)
{
	int width = (int)t->width[column];

	if (t->right[column])
		fprintf(to, "%*s", width, text);
	else if (column + 1 == t->columns)
		fputs(text, to);
	else
		fprintf(to, "%-*s", width, text);
	if (column + 1 == t->columns)
		fputc('\n', to);
	else
		fprintf(to, "%*s", GAP, "");
}

void table_print(const struct table *t, FILE *to)
{
	if (!t || t->bad) {
		fputs("weft: out of memory\n", stderr);
		return;
	}
	for (size_t i = 0; i < t->columns; i++)
		print_cell(t, i, t->head[i], to);
	for (size_t i = 0; i < t->count; i++)
		print_cell(t, i % t->columns, t->cells[i], to);
}

static const char *scaled(char out[32], double v, double step, const char *const *units)
{
	while (v >= step && units[1]) {
		v /= step;
		units++;
	}
	snprintf(out, 32, v < 10 && **units && **units != ' ' ? "%.1f%s" : "%.0f%s", v, *units);
	return out;
}

const char *text_count(char out[32], unsigned long long n)
{
	static const char *const units[] = { "", "k", "M", "G", "T", "P", NULL };

	if (n < 10000) {
		snprintf(out, 32, "%llu", n);
		return out;
	}
	return scaled(out, (double)n, 1000, units);
}

const char *text_bytes(char out[32], unsigned long long n)
{
	static const char *const units[] = { " B", " KiB", " MiB", " GiB", " TiB", NULL };

	return scaled(out, (double)n, 1024, units);
}

const char *text_age(char out[32], double seconds)
{
	unsigned long long s = seconds > 0 && seconds < 1e12 ? (unsigned long long)seconds : 0;

	if (s < 60)
		snprintf(out, 32, "%llus", s);
	else if (s < 3600)
		snprintf(out, 32, "%llum%02llus", s / 60, s % 60);
	else if (s < 86400)
		snprintf(out, 32, "%lluh%02llum", s / 3600, s / 60 % 60);
	else
		snprintf(out, 32, "%llud%02lluh", s / 86400, s / 3600 % 24);
	return out;
}
