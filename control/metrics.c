/* SPDX-License-Identifier: Apache-2.0 */
#include "control/metrics_priv.h"

#include "control/process.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

const size_t metrics_row[METRICS_TABLES] = {
	[METRICS_DAEMON] = sizeof(struct metrics_daemon), [METRICS_WORKER] = sizeof(struct metrics_worker),
	[METRICS_VNET] = sizeof(struct metrics_vnet),	  [METRICS_NODE] = sizeof(struct metrics_node),
	[METRICS_ROUTER] = sizeof(struct metrics_router), [METRICS_FIB] = sizeof(struct metrics_fib),
	[METRICS_PORT] = sizeof(struct metrics_port),	  [METRICS_QUEUE] = sizeof(struct metrics_queue),
};

static size_t rows(const struct metrics *m, enum metrics_table t)
{
	return m->rows[t].len / metrics_row[t];
}

static void measure(struct metrics_process *p)
{
	struct process_use use;

	if (!p->pid || !process_use(p->pid, &use)) {
		p->cpu_s = p->memory = NAN;
		return;
	}
	p->cpu_s = use.cpu_s;
	p->memory = (double)use.memory;
}

bool metrics_measure(struct metrics *m, unsigned count)
{
	struct metrics_daemon *d = (struct metrics_daemon *)m->rows[METRICS_DAEMON].data;
	struct metrics_router *r = (struct metrics_router *)m->rows[METRICS_ROUTER].data;
	size_t all = rows(m, METRICS_ROUTER) + 1;

	if (!d && !m->measured) /* a user's: without the daemon's own row */
		m->measured = 1;
	for (; count && m->measured < all; count--, m->measured++) {
		if (m->measured) {
			measure(&r[m->measured - 1].guest);
			continue;
		}
		measure(&d->self);
		measure(&d->engine);
	}
	return m->measured < all;
}

static void put_value(struct buf *out, const struct metrics_family *f, const uint8_t *at)
{
	uint64_t word;
	double real;

	if (f->real) {
		memcpy(&real, at, sizeof(real));
		buf_printf(out, " %.15g\n", real);
	} else {
		memcpy(&word, at, sizeof(word));
		buf_printf(out, " %" PRIu64 "\n", word);
	}
}

/* Nothing is known, or nothing to be told. */
static bool left_out(const struct metrics_family *f, const uint8_t *at)
{
	uint64_t word;
	double real;

	memcpy(&word, at, sizeof(word));
	memcpy(&real, at, sizeof(real));
	return f->real ? isnan(real) : f->sparse && !word;
}

static void put_row(const struct metrics *m, const struct metrics_family *f, const uint8_t *row,
		    struct buf *out)
{
	const char *labels;
	size_t where;

	memcpy(&where, row, sizeof(where));
	labels = (const char *)m->labels.data + where;
	for (unsigned i = 0; i < f->count; i++) {
		const uint8_t *at = row + f->offset + i * sizeof(uint64_t);

		if (left_out(f, at))
			continue;
		buf_printf(out, "%s", f->name);
		if (f->key)
			buf_printf(out, "{%s%s%s=\"%s\"}", labels, *labels ? "," : "", f->key,
				   f->values[i]);
		else if (*labels)
			buf_printf(out, "{%s}", labels);
		put_value(out, f, at);
	}
}

bool metrics_text(struct metrics *m, size_t most, struct buf *out)
{
	const struct metrics_family *f;

	for (; (f = &metrics_families[m->family])->name; m->family++, m->row = 0) {
		const struct buf *table = &m->rows[f->table];
		size_t end = rows(m, f->table);

		if (!m->row)
			buf_printf(out, "# HELP %s %s\n# TYPE %s %s\n", f->name, f->help, f->name,
				   f->counter ? "counter" : "gauge");
		while (m->row < end) {
			put_row(m, f, table->data + m->row++ * metrics_row[f->table], out);
			if (out->len >= most && m->row < end)
				return true;
		}
		if (out->len >= most) {
			m->family++;
			m->row = 0;
			return metrics_families[m->family].name;
		}
	}
	return false;
}

void metrics_free(struct metrics *m)
{
	if (!m)
		return;
	for (unsigned t = 0; t < METRICS_TABLES; t++)
		buf_free(&m->rows[t]);
	buf_free(&m->labels);
	free(m);
}
