/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CONTROL_ENGINE_PRIV_H
#define CONTROL_ENGINE_PRIV_H

#include "control/engine.h"

#include <sys/queue.h>
#include <sys/socket.h>

struct event;
struct request;
struct store;

/* Records on their way: control/engine_queue.c. */
struct engine_queue {
	uint32_t seq;
	struct request *open; /* being filled */
	STAILQ_HEAD(request_list, request) sent, waiting; /* to be answered, to be sent */
	unsigned sent_count;
	unsigned cancelled; /* answers that come first: to requests that are waiting again */
	bool anew; /* the last one failed: the next goes alone and does not hang on it */
};

void engine_queue_init(struct engine_queue *q);
/* Forgets everything; who asked for statistics gets empty ones. */
void engine_queue_clear(struct engine_queue *q);
bool engine_queue_idle(const struct engine_queue *q);
/* What is added from now on goes into the next datagram. */
void engine_queue_close(struct engine_queue *q);
/* See engine_send(); 0 or -errno. */
int engine_queue_add(struct engine_queue *q, uint16_t op, const void *record, size_t len, int fd);
/* See engine_ask(); 0 or -errno. */
int engine_queue_ask(struct engine_queue *q, const struct engine_question *questions, unsigned count,
		     engine_results_cb cb, void *arg);
/* Sends what may be under way. -EAGAIN: the socket takes no more now. */
int engine_queue_transmit(struct engine_queue *q, int sock);

struct engine_answer {
	bool ok; /* no record failed that matters */
	struct dp_id bad; /* else the begin of the one that did */
	struct dp_reply reply;
	struct buf results; /* the caller's to free; empty when they went to who asked */
};
/* Takes a datagram of the engine. -EAGAIN: the answer goes on; -EBADMSG: it answers nothing. */
int engine_queue_answer(struct engine_queue *q, const void *bytes, size_t len,
			struct engine_answer *out);

/* The process weft-dp: control/engine_process.c. */

/* Huge pages (2 MiB each) the engine wants: packet buffers, FIBs. */
#define ENGINE_HUGEPAGES 160

/* When no engine runs and none shall: takes back the huge pages that were added, also by an earlier
 * weftd since the machine started, and the socket that one that was killed has left. */
void engine_remove_traces(const struct engine_conf *conf);

/* Adds the huge pages that are missing and starts the program in a session of its own; the new pid
 * or -errno. */
pid_t engine_spawn(const struct engine_conf *conf, struct err *err);

/* Of a process that has ended: in words. One that an earlier weftd has started tells no status. */
void engine_describe_end(pid_t pid, char *why, size_t size);

/* A connection to the engine that listens there, and who that is; -errno. */
int engine_dial(const char *path, struct ucred *peer);

#endif
