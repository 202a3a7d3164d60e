/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BASE_SOCK_H
#define BASE_SOCK_H

#include "base/err.h"

#include <sys/types.h>
#include <sys/un.h>

/* Longest path a Unix socket can have, with the 0. */
#define SOCK_PATH_MAX 108

/* The address that path is. -ENAMETOOLONG and a sentence. */
int sock_address(struct sockaddr_un *out, const char *path, struct err *err);

/*
 * Connects to a listening Unix stream socket and makes sure that its listener runs as uid: a path
 * in a directory that another user owns may lead anywhere. Returns a non-blocking, close-on-exec
 * descriptor or -errno; -ENOENT and -ECONNREFUSED mean "not there yet", -EACCES a wrong listener.
 */
int sock_connect_unix(const char *path, uid_t uid);

#endif
