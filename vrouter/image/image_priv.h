/* SPDX-License-Identifier: Apache-2.0 */
#ifndef VROUTER_IMAGE_IMAGE_PRIV_H
#define VROUTER_IMAGE_IMAGE_PRIV_H

#include "base/buf.h"

#include <stdbool.h>
#include <stddef.h>

/* A newc archive being appended to out; all zeroes but out and start (out->len) begins one. */
struct cpio {
	struct buf *out;
	size_t start;
	unsigned inode;
};

/* path without a leading slash; mode with the file's type. */
void cpio_add(struct cpio *c, const char *path, unsigned mode, const void *bytes, size_t len);
/* The trailer, and zeroes up to a multiple of 512 bytes. */
void cpio_end(struct cpio *c);

/* Lower-case letters, digits and dashes: what may name an image, and nothing else a path. */
bool image_name_ok(const char *name);

#endif
