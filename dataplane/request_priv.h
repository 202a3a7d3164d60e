/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DATAPLANE_REQUEST_PRIV_H
#define DATAPLANE_REQUEST_PRIV_H

#include "dataplane/dp_priv.h"

/* Sends one datagram of a reply. */
typedef void request_reply_fn(void *arg, const void *bytes, size_t len);

/*
 * Does what a request asks for and replies. bytes are a client's: nothing about them is trusted.
 * Descriptors that records take are set to -1 in fds; the others stay the caller's. Control thread.
 */
void request_handle(struct engine *e, const void *bytes, size_t len, int *fds, unsigned fd_count,
		    request_reply_fn *reply, void *arg);

#endif
