/* SPDX-License-Identifier: Apache-2.0 */
#include "dataplane/calendar_priv.h"

#include <errno.h>
#include <rte_mbuf.h>
#include <stdlib.h>

enum { CHILDREN = 4 };

struct entry {
	uint64_t due, number;
	struct rte_mbuf *m;
};

struct calendar {
	uint32_t count, max;
	uint64_t added;
	struct entry heap[];
};

int calendar_create(uint32_t max, struct calendar **out)
{
	struct calendar *c = calloc(1, sizeof(*c) + max * sizeof(c->heap[0]));

	if (!c)
		return -ENOMEM;
	c->max = max;
	*out = c;
	return 0;
}

void calendar_destroy(struct calendar *c)
{
	if (!c)
		return;
	for (uint32_t i = 0; i < c->count; i++)
		rte_pktmbuf_free(c->heap[i].m);
	free(c);
}

static inline bool entry_before(const struct entry *a, const struct entry *b)
{
	return a->due != b->due ? a->due < b->due : a->number < b->number;
}

static void calendar_rise(struct calendar *c, uint32_t at, struct entry e)
{
	while (at) {
		uint32_t above = (at - 1) / CHILDREN;

		if (!entry_before(&e, &c->heap[above]))
			break;
		c->heap[at] = c->heap[above];
		at = above;
	}
	c->heap[at] = e;
}

static void calendar_sink(struct calendar *c, uint32_t at, struct entry e)
{
	for (;;) {
		uint32_t child = at * CHILDREN + 1, end = child + CHILDREN, least = child;

		if (child >= c->count)
			break;
		if (end > c->count)
			end = c->count;
		while (++child < end)
			if (entry_before(&c->heap[child], &c->heap[least]))
				least = child;
		if (!entry_before(&c->heap[least], &e))
			break;
		c->heap[at] = c->heap[least];
		at = least;
	}
	c->heap[at] = e;
}

bool calendar_add(struct calendar *c, struct rte_mbuf *m, uint64_t due)
{
	struct entry e = { .due = due, .number = c->added, .m = m };

	if (c->count == c->max)
		return false;
	c->added++;
	calendar_rise(c, c->count++, e);
	return true;
}

unsigned calendar_take(struct calendar *c, uint64_t now, struct rte_mbuf **pkts, unsigned n)
{
	unsigned taken = 0;

	while (taken < n && c->count && c->heap[0].due <= now) {
		pkts[taken++] = c->heap[0].m;
		if (--c->count)
			calendar_sink(c, 0, c->heap[c->count]);
	}
	return taken;
}

uint64_t calendar_next(const struct calendar *c)
{
	return c && c->count ? c->heap[0].due : CALENDAR_NEVER;
}

void calendar_weed(struct calendar *c, bool (*fn)(void *arg, struct rte_mbuf *m), void *arg)
{
	uint32_t kept = 0;

	for (uint32_t i = 0; i < c->count; i++)
		if (!fn(arg, c->heap[i].m))
			c->heap[kept++] = c->heap[i];
	c->count = kept;
	for (uint32_t i = kept; i-- > 0;)
		calendar_sink(c, i, c->heap[i]);
}
