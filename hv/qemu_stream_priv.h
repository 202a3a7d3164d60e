/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HV_QEMU_STREAM_PRIV_H
#define HV_QEMU_STREAM_PRIV_H

#include "base/err.h"

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/*
 * QEMU's migration stream, version 3 as QEMU 7.2 writes it (migration/savevm.c and ram.c there,
 * docs/devel/migration.rst), read from a machine that may be anything by now. Pages of the
 * guest's memory are shown to the caller, who may take them out; what comes out is a stream that
 * QEMU loads. Pages of firmware and tables stay, and so do the devices, of which only the length
 * is looked at.
 */

#define QEMU_PAGE 4096

struct qemu_stream_ops {
	/* Up to len bytes; 0 at the end. -errno with a sentence. */
	ssize_t (*read)(void *arg, void *bytes, size_t len, struct err *err);
	int (*write)(void *arg, const void *bytes, size_t len, struct err *err);
	/* A page of the guest's memory, below ram_bytes; NULL: all zeroes. The same one may come
	 * again. 1: it stays; 0: it is taken out; -errno with a sentence. */
	int (*page)(void *arg, uint64_t offset, const uint8_t *bytes, struct err *err);
};

/* Reads to the end of the input. -EBADMSG: not such a stream, or one of a machine whose memory is
 * not ram_bytes. */
int qemu_stream_filter(const struct qemu_stream_ops *ops, void *arg, uint64_t ram_bytes,
		       struct err *err);

#endif
