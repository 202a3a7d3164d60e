/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BASE_TAPE_H
#define BASE_TAPE_H

/*
 * Records that several threads write into shared memory, for readers that they know nothing of.
 *
 * Each writer has a track: a ring of bytes that it goes round and round, overwriting what is
 * oldest. It reads nothing that a reader could write, waits for nobody, and no reader can hold it up
 * or lead it astray; once the writers have their mappings, the memory cannot be written, cut or
 * punched by anybody else (tape_map). A reader copies, then looks whether what it copied was
 * overwritten meanwhile. How many records each channel ever had is counted beside the tracks, so
 * that a reader knows what it has missed.
 *
 * In the file: a page that says its shape, then for each track a page-aligned head with the counts,
 * and its blocks. No record crosses the end of a block: a reader that was too slow goes on at a
 * later block.
 */

#include "base/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
	TAPE_TRACKS_MAX = 16,
	TAPE_CHANNELS_MAX = 8192,
	TAPE_BLOCK = 256 << 10, /* bytes */
	TAPE_BLOCKS_MAX = 1024,
	TAPE_KEPT_MAX = 65535, /* bytes of a record */
};

/* blocks: of each track, a power of two, 4 or more. */
struct tape_shape {
	uint32_t tracks, channels;
	uint32_t blocks[TAPE_TRACKS_MAX];
};

/* size bytes follow, of length that there were. */
struct tape_record {
	uint64_t stamp; /* not UINT64_MAX */
	uint32_t size, length;
	uint16_t channel, mark;
	uint32_t pad; /* zero */
};

/* Bytes of the whole memory; 0: no such shape. */
size_t tape_bytes(const struct tape_shape *shape);

/* Memory for a tape that cannot be cut, with its pages; a close-on-exec descriptor (memfd) or
 * -errno. */
int tape_memory(const char *name, const struct tape_shape *shape);

/* --- Writers: threads of one process. --- */

struct tape_track {
	struct tape_head *head; /* shared */
	uint64_t *counts;	/* shared, by channel */
	uint8_t *data;		/* shared */
	uint64_t size, at;	/* of the ring; where the next record goes, counted on and on */
} __attribute__((aligned(64)));

/* Maps the memory, checks that it is sealed against cutting and big enough, writes the shape, and
 * seals it against everybody else's writing. *out: to tape_unmap(). Does not take fd. -EINVAL,
 * -EPERM and the like, with a sentence. */
int tape_map(int fd, const struct tape_shape *shape, struct tape_track *tracks, void **out,
	     struct err *err);
void tape_unmap(void *memory, const struct tape_shape *shape);

/* Adds a record with record->size bytes. One thread at a time a track; never waits. */
void tape_write(struct tape_track *track, const struct tape_record *record, const void *bytes);

/* --- Readers. --- */

struct tape;

/* Does not take fd. -EBADMSG: it is no tape. */
int tape_open(int fd, struct tape **out, struct err *err);
void tape_close(struct tape *t); /* NULL allowed */

/* Looks how far the tracks have come. What was there when this was called the time before is due,
 * in the order of the stamps over all tracks, as every record with an older stamp is written by
 * now; let a millisecond or more pass between two calls. all: everything is due. True when anything
 * is. */
bool tape_look(struct tape *t, bool all);

/* The next record that is due, with its bytes behind it, until the next call; NULL: none. What is
 * malformed is skipped to the end of its block. */
const struct tape_record *tape_next(struct tape *t);

uint32_t tape_channels(const struct tape *t);
/* Records that were ever written to the channel. */
uint64_t tape_written(const struct tape *t, uint32_t channel);

#endif
