/* SPDX-License-Identifier: Apache-2.0 */
#ifndef VIRTIO_DISK_PRIV_H
#define VIRTIO_DISK_PRIV_H

/*
 * What is behind a block device: a raw file, and maybe an overlay, which has the clusters of it
 * that were written since. The overlay's file, in the byte order of x86:
 *
 *   "WEFTDISK", u32 version, u32 bytes of a cluster, u64 bytes of the disk, zeroes up to 4096
 *   a bit for each cluster that is in it, up to a multiple of 4096
 *   the clusters, where they are on the disk
 *
 * Bits are written by disk_flush(), when what they stand for is on the medium: whatever happens,
 * what was flushed is there, and what was not is there as a whole cluster or as it was before.
 */

#include "base/err.h"
#include "virtio/devices.h"

struct disk {
	int base, top; /* -1: none */
	uint64_t bytes;
	bool writable, lasting; /* lasting: what is written is there the next time */
	uint8_t *map;
	uint64_t map_bytes, data_at;
	bool map_dirty;
};

/* All -errno. Ranges lie within the disk; iov is as long as len. */
int disk_open(struct disk *d, const struct virtio_block_conf *conf, struct err *err);
void disk_close(struct disk *d); /* also after disk_open() failed; flushes */
int disk_read(struct disk *d, const struct iovec *iov, unsigned count, uint64_t at, uint64_t len);
int disk_write(struct disk *d, const struct iovec *iov, unsigned count, uint64_t at, uint64_t len);
int disk_flush(struct disk *d);

#endif
