/* SPDX-License-Identifier: Apache-2.0 */
/* Who starts when: in order, so many at a time, and nobody holds up others for good. */
#include "control/start_queue.h"
#include "tests/unit/test.h"

#include <errno.h>
#include <event2/event.h>
#include <stdio.h>
#include <string.h>

struct world {
	struct event_base *base;
	struct start_queue *q;
	char said[64];
};

struct one {
	struct world *w;
	struct start_entry entry;
	char name;
	int answer;
};

static int start(void *arg)
{
	struct one *o = arg;
	size_t n = strlen(o->w->said);

	snprintf(o->w->said + n, sizeof(o->w->said) - n, "%c", o->name);
	return o->answer;
}

/* What was asked to start since the last time. */
static const char *turns(struct world *w)
{
	static char said[64];

	w->said[0] = 0;
	for (int i = 0; i < 50; i++)
		event_base_loop(w->base, EVLOOP_NONBLOCK);
	strcpy(said, w->said);
	return said;
}

static void begin(struct world *w, unsigned width, struct one *ones, unsigned count)
{
	struct err err;

	*w = (struct world){ .base = event_base_new() };
	assert_int_equal(start_queue_create(w->base, width, &w->q, &err), 0);
	for (unsigned i = 0; i < count; i++)
		ones[i] = (struct one){ .w = w, .name = (char)('a' + i),
					.entry = { .start = start, .arg = &ones[i] } };
}

static void end(struct world *w)
{
	start_queue_destroy(w->q);
	event_base_free(w->base);
}

static void in_order_and_so_many(void **state)
{
	struct one o[6];
	struct world w;

	begin(&w, 2, o, 6);
	for (unsigned i = 0; i < 5; i++)
		start_queue_join(w.q, &o[i].entry);
	start_queue_join(w.q, &o[4].entry); /* twice is once */
	assert_string_equal(turns(&w), "ab");
	start_queue_leave(w.q, &o[3].entry); /* of those that wait */
	assert_string_equal(turns(&w), "");
	start_queue_leave(w.q, &o[1].entry);
	start_queue_leave(w.q, &o[1].entry); /* gives back one place, once */
	assert_string_equal(turns(&w), "c");
	assert_int_equal(o[4].entry.place, START_WAITING);
	start_queue_join(w.q, &o[0].entry); /* its machine has ended: behind the others */
	assert_string_equal(turns(&w), "e");
	start_queue_leave(w.q, &o[2].entry);
	assert_string_equal(turns(&w), "a");
	end(&w);
}

static void one_in_a_turn_of_the_loop(void **state)
{
	struct one o[3];
	struct world w;

	begin(&w, 3, o, 3);
	for (unsigned i = 0; i < 3; i++)
		start_queue_join(w.q, &o[i].entry);
	event_base_loop(w.base, EVLOOP_ONCE);
	assert_string_equal(w.said, "a");
	event_base_loop(w.base, EVLOOP_ONCE);
	assert_string_equal(w.said, "ab");
	end(&w);
}

static void who_cannot_yet_lets_others_go_first(void **state)
{
	struct one o[4];
	struct world w;

	begin(&w, 2, o, 4);
	o[0].answer = o[2].answer = -EAGAIN;
	o[1].answer = -EIO; /* takes no place */
	for (unsigned i = 0; i < 3; i++)
		start_queue_join(w.q, &o[i].entry);
	assert_string_equal(turns(&w), "abac");
	assert_int_equal(o[1].entry.place, START_OUT);
	start_queue_join(w.q, &o[3].entry);
	assert_string_equal(turns(&w), "acdac");
	o[0].answer = 0;
	assert_string_equal(turns(&w), "");
	start_queue_kick(w.q);
	assert_string_equal(turns(&w), "a");
	assert_int_equal(o[2].entry.place, START_WAITING);
	end(&w);
}

static void width(void **state)
{
	assert_int_equal(start_queue_width(-1), 2);
	assert_int_equal(start_queue_width(1), 2);
	assert_int_equal(start_queue_width(2), 4);
	assert_int_equal(start_queue_width(64), 128);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(in_order_and_so_many),
		cmocka_unit_test(one_in_a_turn_of_the_loop),
		cmocka_unit_test(who_cannot_yet_lets_others_go_first),
		cmocka_unit_test(width),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
