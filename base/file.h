/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BASE_FILE_H
#define BASE_FILE_H

#include "base/buf.h"
#include "base/err.h"

#include <limits.h>
#include <sys/types.h>

/* Appends the whole file to out. Refuses files over max bytes with -EFBIG. */
int file_read(const char *path, size_t max, struct buf *out, struct err *err);

/* Writes path through a temporary file beside it and a rename: readers see old or new, whole. */
int file_write(const char *path, const void *bytes, size_t len, mode_t mode, struct err *err);

/* Where a file of this installation lies, from the directory of the program that runs: "weft-dp" is a
 * program beside it, "../share/weft/images.yml" is data. A build tree is laid out as what is installed. */
int file_beside(char path[PATH_MAX], const char *name, struct err *err);

/* mkdir -p; existing directories are fine and keep their mode. */
int file_mkdirs(const char *path, mode_t mode, struct err *err);

/* rm -rf of a directory this program made; never follows symbolic links. Missing is fine. */
int file_remove_tree(const char *path, struct err *err);

/* Bytes that the files directly in dir take on disk: holes count nothing, nor do, with own, files that
 * have other names too. 0 where there is nothing to read. */
uint64_t file_disk_bytes(const char *dir, bool own);

#endif
