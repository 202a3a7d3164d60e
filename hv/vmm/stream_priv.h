/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HV_VMM_STREAM_PRIV_H
#define HV_VMM_STREAM_PRIV_H

/*
 * A Unix stream socket that listens, with one client at a time; others wait in its backlog. What is
 * read is kept until the owner takes it, and what is written until the client does, both up to a
 * limit: a side that does not keep up holds the other one back.
 *
 * stream_write() and stream_go_on() are for any thread under the machine's lock; the rest is the
 * loop's. Callbacks run on the loop with the lock held.
 */

#include "base/err.h"

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>

struct event_base;
struct stream;

struct stream_ops {
	/* Takes bytes; returns how many. After less than all, stream_go_on() brings the rest. */
	size_t (*input)(void *arg, const void *bytes, size_t len);
	/* A client came or went. NULL: not of interest. */
	void (*opened)(void *arg, bool open);
	/* After stream_write() took less than all: it would take some now. NULL: not of interest. */
	void (*drained)(void *arg);
	void *arg;
};

/* path: replaced if it exists, removed at the end. NULL: no socket, only stream_adopt(). */
int stream_create(struct event_base *base, pthread_mutex_t *lock, const char *path,
		  const struct stream_ops *ops, struct stream **out, struct err *err);
void stream_destroy(struct stream *s); /* NULL allowed */
/* Makes a connection, or a terminal, the client; that which was is closed. Takes fd on success. With
 * the lock held. */
int stream_adopt(struct stream *s, int fd);
/* Bytes that were taken; all of them, if there is no client to take them. */
size_t stream_write(struct stream *s, const void *bytes, size_t len);
void stream_go_on(struct stream *s);

#endif
