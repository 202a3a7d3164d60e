/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HV_SAVED_PRIV_H
#define HV_SAVED_PRIV_H

#include "base/err.h"

#include <stdint.h>

/*
 * The directory of a saved machine. It is root's, made whole or not at all, and never written
 * again.
 *
 *   saved.json  what it is
 *   state       the stream of its devices, and of the memory that differs from ram
 *   ram         memory, sparse. Missing: all of it is in state
 */

#define SAVED_ID_SIZE 33 /* hex, with the 0 */

struct saved {
	/* Names the bytes of ram: a hard link to them bears the same. "": there is no ram. */
	char id[SAVED_ID_SIZE];
	char backend[16];
	unsigned memory_mib, cpus;
};

int saved_write(const char *dir, const struct saved *s, struct err *err);
int saved_read(const char *dir, struct saved *out, struct err *err);
int saved_new_id(char id[SAVED_ID_SIZE]);

/* Opens DIR/NAME ("ram", "state") to read. Returns a descriptor or -errno. */
int saved_open(const char *dir, const char *name, struct err *err);

/* Where a descriptor is closed by whoever looks last. -1 allowed. */
void saved_close(int *fd);

#endif
