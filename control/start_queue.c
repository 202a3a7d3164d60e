/* SPDX-License-Identifier: Apache-2.0 */
#include "control/start_queue.h"

#include "base/clock.h"
#include "base/timer.h"

#include <errno.h>
#include <event2/event.h>
#include <stdlib.h>
#include <time.h>

TAILQ_HEAD(start_list, start_entry);

struct start_queue {
	struct start_list waiting, on_their_way; /* the latter in the order of since_ms */
	unsigned width, busy;
	struct event *turn, *patience;
};

/*
 * A boot is one busy thread (a guest's CPU under TCG) with waits in it: for its own timers, for
 * weftd, for disks. Two a core keep the cores busy through those; more would only share them.
 */
unsigned start_queue_width(long cpus)
{
	return cpus > 1 ? (unsigned)cpus * 2 : 2;
}

void start_queue_kick(struct start_queue *q)
{
	/* A timer, and not event_active(): that would come before what clients have sent. */
	static const struct timeval at_once = { 0 };

	if (!event_pending(q->turn, EV_TIMEOUT, NULL))
		event_add(q->turn, &at_once);
}

static void watch_oldest(struct start_queue *q)
{
	struct start_entry *e = TAILQ_FIRST(&q->on_their_way);
	uint64_t now = clock_ms(), end = e ? e->since_ms + START_QUEUE_PATIENCE_MS : 0;
	uint64_t ms = end > now ? end - now : 0;

	if (e)
		timer_after(q->patience, (unsigned)ms);
	else
		event_del(q->patience);
}

static void take_out(struct start_queue *q, struct start_entry *e)
{
	if (e->place == START_WAITING)
		TAILQ_REMOVE(&q->waiting, e, entry);
	if (e->place == START_ON_ITS_WAY) {
		TAILQ_REMOVE(&q->on_their_way, e, entry);
		q->busy--;
	}
	e->place = START_OUT;
}

static void on_patience(evutil_socket_t fd, short what, void *arg)
{
	struct start_queue *q = arg;
	uint64_t now = clock_ms();
	struct start_entry *e;

	while ((e = TAILQ_FIRST(&q->on_their_way)) && e->since_ms + START_QUEUE_PATIENCE_MS <= now)
		take_out(q, e);
	watch_oldest(q);
	start_queue_kick(q);
}

/* The first that can go. */
static void on_turn(evutil_socket_t fd, short what, void *arg)
{
	struct start_queue *q = arg;
	struct start_entry *e, *next;

	for (e = q->busy < q->width ? TAILQ_FIRST(&q->waiting) : NULL; e; e = next) {
		int code = e->start(e->arg);

		next = TAILQ_NEXT(e, entry);
		if (code == -EAGAIN)
			continue;
		take_out(q, e);
		if (code == 0) {
			e->place = START_ON_ITS_WAY;
			e->since_ms = clock_ms();
			TAILQ_INSERT_TAIL(&q->on_their_way, e, entry);
			q->busy++;
			watch_oldest(q);
		}
		start_queue_kick(q);
		return;
	}
}

int start_queue_create(struct event_base *base, unsigned width, struct start_queue **out,
		       struct err *err)
{
	struct start_queue *q = calloc(1, sizeof(*q));

	if (!q)
		return err_sys(err, -ENOMEM, "the start queue");
	TAILQ_INIT(&q->waiting);
	TAILQ_INIT(&q->on_their_way);
	q->width = width;
	q->turn = evtimer_new(base, on_turn, q);
	q->patience = evtimer_new(base, on_patience, q);
	if (!q->turn || !q->patience) {
		start_queue_destroy(q);
		return err_sys(err, -ENOMEM, "the start queue");
	}
	*out = q;
	return 0;
}

void start_queue_destroy(struct start_queue *q)
{
	if (!q)
		return;
	if (q->turn)
		event_free(q->turn);
	if (q->patience)
		event_free(q->patience);
	free(q);
}

void start_queue_join(struct start_queue *q, struct start_entry *e)
{
	if (e->place == START_WAITING)
		return;
	take_out(q, e);
	e->place = START_WAITING;
	TAILQ_INSERT_TAIL(&q->waiting, e, entry);
	start_queue_kick(q);
}

void start_queue_leave(struct start_queue *q, struct start_entry *e)
{
	if (e->place == START_OUT)
		return;
	take_out(q, e);
	watch_oldest(q);
	start_queue_kick(q);
}
