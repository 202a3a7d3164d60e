/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HV_SAVE_PRIV_H
#define HV_SAVE_PRIV_H

/*
 * The saving of one machine: a thread takes what the machine is from it and writes the saved
 * machine's directory. Two work at a time in a process, others wait.
 */

#include "base/err.h"
#include "base/sock.h"
#include "hv/saved_writer_priv.h"

#include <limits.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <sys/types.h>
#include <time.h>

struct event;
struct event_base;
struct save;

/* In the thread: opens s->writer and gives it all that the machine is, or has it written there. */
typedef int (*save_take)(struct save *s, struct err *err);

struct save_conf {
	const char *dir;     /* to make */
	const char *machine; /* its directory */
	pid_t pid;
	uid_t uid;
	bool as_template;
	struct saved saved; /* id: of base */
	int base;	    /* the ram that it started from, open to read; -1: none */
	int source; /* a descriptor that the machine is heard by; taken, also on failure */
	save_take take;
};

/* failed is NULL when it is saved, else there until save_destroy(); called once, from the loop. */
typedef void (*save_done_cb)(void *arg, const char *failed);

/* For the loop's thread. */
int save_start(struct event_base *base, const struct save_conf *conf, save_done_cb done, void *arg,
	       struct save **out, struct err *err);
void save_complete(struct save *s); /* the machine says that it has given all */
void save_cancel(struct save *s);   /* done follows, and a moment later nothing is left */
void save_destroy(struct save *s);  /* cancels it if it is not done; NULL allowed */

enum {
	SAVE_SILENCE_MS = 30 * 1000, /* a machine that sends nothing for so long has failed, */
	SAVE_DURATION_MS = 600 * 1000, /* and one that takes so long in all */
};

enum save_verdict { SAVE_GOES_ON, SAVE_COMPLETE, SAVE_CANCELLED };

struct save {
	/* for its backend's `take` */
	struct save_conf conf;
	char dir[PATH_MAX], machine[SOCK_PATH_MAX];
	struct saved_writer *writer;
	/* save.c */
	atomic_uint refs; /* the owner's and the thread's */
	_Atomic enum save_verdict verdict;
	int verdict_fd; /* eventfd: owner to thread */
	int result_fd;	/* eventfd: thread to owner */
	struct err err; /* the thread's, until result_fd; then the owner's */
	int code;
	struct event *result;
	save_done_cb done;
	void *arg;
	bool slot;
	time_t end; /* CLOCK_MONOTONIC */
};

/* For `take`: until fd (-1: the verdict) is readable. ms: -1 waits for ever. */
int save_await(struct save *s, int fd, int ms, struct err *err);
/* Opens s->writer; whole: all memory goes to ram. */
int save_open_writer(struct save *s, bool whole, struct err *err);

#endif
