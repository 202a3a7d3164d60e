/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HV_RAM_PRIV_H
#define HV_RAM_PRIV_H

/*
 * Memory that machines share and copy on write: the bytes of a saved machine's ram in a memfd
 * that is sealed, so that not even a machine that maps it shared could change it for the others.
 * It is loaded once a file, stays while somebody holds it, and needs the file no more. Control
 * thread.
 */

#include "base/err.h"

#include <stdint.h>

struct ram;

/* file: open to read. Its size must be `bytes`. */
int ram_get(int file, uint64_t bytes, struct ram **out, struct err *err);
void ram_put(struct ram *ram); /* NULL allowed */
int ram_fd(const struct ram *ram);

#endif
