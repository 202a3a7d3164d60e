/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CONTROL_COMMAND_H
#define CONTROL_COMMAND_H

/*
 * A command in a host: one of the machine's own programs, in the host's network namespace, with
 * the host's name (UTS namespace) and a /sys that shows its interfaces. In a namespace that belongs to a
 * user namespace of its own it is root there, and outside the uid that has nothing: it sees of this
 * machine's files what everybody may, and its environment has nothing of weftd's.
 */

#include "base/err.h"

#include <stdbool.h>
#include <stddef.h>

struct command;
struct event_base;

struct command_conf {
	struct event_base *base;
	const char *netns;
	const char *hostname;
	bool confined; /* only if the namespace is one of a user of its own (netns_create()) */
	const char *const *argv; /* NULL-terminated, found on PATH */
	const char *const *env;	 /* "K=V" on top of weftd's own or of next to nothing, NULL-terminated; may be NULL */
	const void *input;	 /* standard input, copied; NULL: /dev/null */
	size_t input_len;
	/* stream: 1 or 2. It may pause, but not cancel. */
	void (*output)(void *arg, int stream, const void *bytes, size_t len);
	void (*done)(void *arg, int status); /* exit status or 128+signal; the last call */
	void *arg;
};

/* Callbacks come from the loop. The command frees itself after done. */
int command_start(const struct command_conf *conf, struct command **out, struct err *err);
/* Output is not read, and the command waits, until it is asked for again. Its end comes anyway. */
void command_pause(struct command *c, bool paused);
/* Kills it and forgets it; no more callbacks. */
void command_cancel(struct command *c);

#endif
