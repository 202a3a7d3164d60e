/* SPDX-License-Identifier: Apache-2.0 */
/* The calendar beside a list that is searched. */
#include "dataplane/calendar_priv.h"
#include "tests/unit/test.h"

#include <rte_common.h>
#include <stdlib.h>

enum { ROOM = 500, STEPS = 200000 };

/* Frames are told apart by their addresses; nobody looks at what is there. */
static struct known {
	uint64_t due, number;
	bool in;
} known[STEPS];

static struct rte_mbuf *name(uint64_t number)
{
	return (struct rte_mbuf *)(uintptr_t)(number + 1);
}

static struct known *known_of(struct rte_mbuf *m)
{
	return &known[(uintptr_t)m - 1];
}

/* The one that is to come next; NULL: none. Those that have left are before *from. */
static struct known *first(uint64_t *from, uint64_t to)
{
	struct known *best = NULL;

	while (*from < to && !known[*from].in)
		++*from;
	for (uint64_t i = *from; i < to; i++)
		if (known[i].in && (!best || known[i].due < best->due))
			best = &known[i];
	return best;
}

static bool is_third(void *arg, struct rte_mbuf *m)
{
	unsigned *weeded = arg;

	if (known_of(m)->number % 3)
		return false;
	known_of(m)->in = false;
	++*weeded;
	return true;
}

static void order(void **state)
{
	uint64_t now = 0, added = 0, from = 0;
	unsigned in = 0, weeded = 0, full = 0;
	struct rte_mbuf *m;
	struct calendar *c;

	srandom(1);
	assert_int_equal(calendar_create(ROOM, &c), 0);
	assert_true(calendar_next(c) == CALENDAR_NEVER);
	for (unsigned step = 0; step < STEPS; step++) {
		struct known *next;

		now += (uint64_t)random() % 3;
		if (random() % 2) {
			struct known k = { .due = now + (uint64_t)random() % 800, .number = added,
					   .in = true };

			assert_int_equal(calendar_add(c, name(added), k.due), in < ROOM);
			full += in == ROOM;
			if (in < ROOM) {
				known[added++] = k;
				in++;
			}
		}
		if (random() % 5000 == 0) {
			unsigned before = weeded;

			calendar_weed(c, is_third, &weeded);
			in -= weeded - before;
		}
		if (random() % 3)
			continue;
		next = first(&from, added);
		assert_true(calendar_next(c) == (next ? next->due : CALENDAR_NEVER));
		while (calendar_take(c, now, &m, 1)) {
			next = first(&from, added);
			assert_ptr_equal(known_of(m), next);
			next->in = false;
			in--;
		}
		next = first(&from, added);
		assert_true(!next || next->due > now);
	}
	assert_true(weeded > 100);
	while (calendar_take(c, UINT64_MAX - 1, &m, 1))
		in--;
	assert_int_equal(in, 0);
	calendar_destroy(c);
	print_message("%lu added, %u refused, %u weeded\n", (unsigned long)added, full, weeded);
}

static void room(void **state)
{
	struct rte_mbuf *pkts[8];
	struct calendar *c;

	assert_int_equal(calendar_create(2, &c), 0);
	assert_true(calendar_add(c, name(0), 7));
	assert_true(calendar_add(c, name(1), 7));
	assert_false(calendar_add(c, name(2), 1));
	assert_int_equal(calendar_take(c, 6, pkts, 8), 0);
	assert_int_equal(calendar_take(c, 7, pkts, 8), 2);
	assert_ptr_equal(pkts[0], name(0));
	assert_ptr_equal(pkts[1], name(1));
	calendar_destroy(c);
	calendar_destroy(NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(order), cmocka_unit_test(room) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
