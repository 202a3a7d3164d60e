/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HV_SAVED_WRITER_PRIV_H
#define HV_SAVED_WRITER_PRIV_H

/* Writes the directory of a saved machine beside its place, then puts it there. Any one thread. */

#include "hv/saved_priv.h"

#include <stdbool.h>
#include <stddef.h>

struct saved_writer;

struct saved_writer_conf {
	const char *dir;
	bool as_template;   /* all memory goes to ram */
	struct saved saved; /* id: of base */
	int base;	    /* not as_template: the ram to share, open to read; -1: none */
};

int saved_writer_open(const struct saved_writer_conf *conf, struct saved_writer **out,
		      struct err *err);

/* More of the state. */
int saved_writer_state(struct saved_writer *w, const void *bytes, size_t len, struct err *err);

/* A page of memory, NULL: zeroes; may come again. 1: it belongs into the state; 0: it does not. */
int saved_writer_page(struct saved_writer *w, uint64_t offset, const uint8_t *bytes,
		      struct err *err);

/* For who writes the files itself instead: the state's, and, when all memory goes there, ram's.
 * Returns how many. They stay the writer's. */
unsigned saved_writer_files(const struct saved_writer *w, int fds[2]);
/* ram is the base's. */
bool saved_writer_shares(const struct saved_writer *w);

/* Flushes it all to disk, and gives it its name. */
int saved_writer_finish(struct saved_writer *w, struct err *err);

/* Removes what is not finished. NULL allowed. */
void saved_writer_destroy(struct saved_writer *w);

#endif
