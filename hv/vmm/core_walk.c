/* SPDX-License-Identifier: Apache-2.0 */
#include "hv/vmm/core_priv.h"

#include <stdbool.h>

enum { LEVELS = 4, ENTRIES = 512, PRESENT = 1, LARGE = 0x80 };

#define FRAME 0x000ffffffffff000ull
/* Tables that are read: each maps up to 2 MiB, so this is enough for 128 GiB in small pages. */
#define TABLES_MAX 65536u

struct walk {
	const struct guest_mem *mem;
	struct core_run *runs;
	unsigned count, max, tables;
};

/* Clips to the memory, and joins what continues the last run. */
static void add(struct walk *w, uint64_t at, uint64_t gpa, uint64_t len)
{
	for (unsigned i = 0; i < w->mem->count; i++) {
		const struct guest_range *r = &w->mem->range[i];
		uint64_t from = gpa > r->gpa ? gpa : r->gpa;
		uint64_t end = gpa + len < r->gpa + r->len ? gpa + len : r->gpa + r->len;
		struct core_run *last = w->count ? &w->runs[w->count - 1] : NULL;

		if (from >= end)
			continue;
		if (last && last->at + last->len == at + (from - gpa) &&
		    last->gpa + last->len == from)
			last->len += end - from;
		else if (w->count < w->max)
			w->runs[w->count++] = (struct core_run){ at + (from - gpa), from,
							 end - from };
	}
}

static void walk(struct walk *w, uint64_t table, unsigned level, uint64_t base)
{
	const uint64_t *entry = guest_mem_at(w->mem, table & FRAME, ENTRIES * sizeof(*entry));
	unsigned shift = 12 + 9 * (level - 1);

	if (!entry || w->tables++ >= TABLES_MAX)
		return;
	for (uint64_t i = 0; i < ENTRIES && w->count < w->max; i++) {
		uint64_t e = __atomic_load_n(&entry[i], __ATOMIC_RELAXED), at = base | i << shift;
		uint64_t size = 1ull << shift;

		if (!(e & PRESENT))
			continue;
		if (level == LEVELS && i >= ENTRIES / 2)
			at |= 0xffff000000000000ull; /* canonical */
		if (level == 1 || (level < LEVELS && (e & LARGE)))
			add(w, at, e & FRAME & ~(size - 1), size);
		else
			walk(w, e, level - 1, at);
	}
}

unsigned core_walk(const struct guest_mem *mem, uint64_t cr3, struct core_run *runs, unsigned max)
{
	struct walk w = { .mem = mem, .runs = runs, .max = max };

	walk(&w, cr3, LEVELS, 0);
	return w.count;
}
