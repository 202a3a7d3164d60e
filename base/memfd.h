/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BASE_MEMFD_H
#define BASE_MEMFD_H

#include <stdbool.h>
#include <sys/types.h>

/* The first `bytes` bytes of file in memory that nobody can write, shrink or grow any more (memfd,
 * sealed); its holes stay holes. Returns a close-on-exec descriptor or -errno. */
int memfd_sealed_copy(const char *name, int file, off_t bytes);
/* Whether fd is such memory. */
bool memfd_is_sealed(int fd);

#endif
