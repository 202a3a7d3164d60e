/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CONTROL_EVENTS_H
#define CONTROL_EVENTS_H

/*
 * What has happened: a history of some thousand events, each a line of JSON (docs/api.md), and those
 * who follow it. An event has a number; with the number of weftd's start it is the cursor by which a
 * client that comes again goes on. A follower is a number too, so that however slow it is it holds
 * nothing: what it has not read in time is gone from the history, and it is told how much that was.
 */

#include "base/buf.h"
#include "base/err.h"

#include <stdbool.h>
#include <stdint.h>
#include <sys/queue.h>

struct events;

/* epoch: of this weftd, see weftd.h. */
int events_create(uint32_t epoch, struct events **out, struct err *err);
void events_destroy(struct events *e); /* NULL allowed */

struct event_record {
	const char *type;  /* "weftd", "engine", "store", "port", "template", "user", "vnet", "node", "guest", "fpm",
			    * "link" */
	const char *vnet;  /* NULL: it concerns all, or the owner */
	uint32_t owner;	   /* the user that it concerns; 0: the operator, or all */
	const char *owner_name; /* NULL: none */
	const char *name;  /* of a node, a link, an image; else NULL */
	const char *state; /* what it is now, or what became of it */
	const char *why;   /* a sentence, or NULL; what in it is not UTF-8 becomes '?' */
};

/* e may be NULL: nobody is told. Followers are woken. */
void events_add(struct events *e, const struct event_record *r);

struct events_follower {
	TAILQ_ENTRY(events_follower) entry;
	uint64_t next; /* the number of the event that it reads next */
	bool lost;     /* what came before that is not known: it was another weftd's */
	bool greet;    /* it is to be told where it begins */
	uint32_t user; /* of what concerns others it hears nothing; 0: of all */
	void (*wake)(void *arg); /* there is something to read; may be called again and again */
	void *arg;
};

/* Sets next and lost by what a client says: NULL (all that is kept), "now", or a cursor. -EINVAL when
 * it is none of them. */
int events_since(const struct events *e, const char *since, struct events_follower *f);
void events_follow(struct events *e, struct events_follower *f);
void events_leave(struct events *e, struct events_follower *f);

/* Appends lines to out, until it has `most` bytes or a bit more: events of vnet (NULL: of all) and of
 * what concerns all, and before them how many were missed. False when there are no more for now. */
bool events_read(const struct events *e, struct events_follower *f, const char *vnet, size_t most,
		 struct buf *out);

#endif
