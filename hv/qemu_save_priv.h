/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HV_QEMU_SAVE_PRIV_H
#define HV_QEMU_SAVE_PRIV_H

/*
 * The saving of one machine: a thread takes its stream from a socket in its directory and writes
 * the saved machine's. Two work at a time in a process, others wait. These functions are for the
 * loop's thread.
 */

#include "base/err.h"
#include "hv/saved_priv.h"

#include <stdbool.h>
#include <sys/types.h>

struct event_base;
struct save;

#define SAVE_SOCKET "save.sock" /* in the machine's directory; it connects there */

struct save_conf {
	const char *dir;     /* to make */
	const char *machine; /* its directory */
	pid_t pid;	     /* who may connect */
	uid_t uid;
	bool as_template;
	struct saved saved; /* id: of base */
	int base;	    /* the ram that it started from, open to read; -1: none */
};

/* failed is NULL when it is saved; called once, from the loop. */
typedef void (*save_done_cb)(void *arg, const char *failed);

int save_start(struct event_base *base, const struct save_conf *conf, save_done_cb done, void *arg,
	       struct save **out, struct err *err);
void save_complete(struct save *s); /* the machine says that it has sent all */
void save_cancel(struct save *s);   /* done follows, and a moment later nothing is left */
void save_destroy(struct save *s);  /* cancels it if it is not done; NULL allowed */

#endif
