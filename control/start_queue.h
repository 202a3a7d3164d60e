/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CONTROL_START_QUEUE_H
#define CONTROL_START_QUEUE_H

/*
 * Machines that are to be started, first come, first served. Only so many are on their way at a
 * time: of a hundred that boot at once on two cores none is ready for minutes, and each waits in
 * the way of the others. One is started in a turn of the loop, so that the API answers meanwhile.
 */

#include "base/err.h"

#include <stdbool.h>
#include <stdint.h>
#include <sys/queue.h>

/* One that has not said that it is done after so long does not hold up others any more. */
#define START_QUEUE_PATIENCE_MS 60000

struct event_base;
struct start_queue;

/* Its owner's; zeroed but for start and arg. */
struct start_entry {
	TAILQ_ENTRY(start_entry) entry;
	enum { START_OUT, START_WAITING, START_ON_ITS_WAY } place;
	uint64_t since_ms; /* on its way */
	/* Its turn has come. 0: it is on its way; -EAGAIN: not yet, others go first until the next
	 * start_queue_kick(); else it is out. */
	int (*start)(void *arg);
	void *arg;
};

/* How many may be on their way on a machine of so many CPUs. */
unsigned start_queue_width(long cpus);

int start_queue_create(struct event_base *base, unsigned width, struct start_queue **out,
		       struct err *err);
void start_queue_destroy(struct start_queue *q); /* NULL allowed; nobody is in it */

/* To the end of the queue; nothing happens when it waits already. */
void start_queue_join(struct start_queue *q, struct start_entry *e);
/* It is ready, or nobody wants it any more; harmless when it is out. */
void start_queue_leave(struct start_queue *q, struct start_entry *e);
/* Something that one may have waited for has happened: asks them all again, soon. */
void start_queue_kick(struct start_queue *q);

#endif
