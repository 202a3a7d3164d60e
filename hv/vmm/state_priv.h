/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HV_VMM_STATE_PRIV_H
#define HV_VMM_STATE_PRIV_H

/*
 * The file `state` of a saved machine, in the byte order of x86:
 *
 *   "WEFTVMM" 0, u32 version of the format, u32 how many sections, u64 bytes up to the pages,
 *   u64 how many pages
 *   each section: u16 tag, u16 instance, u32 version, u32 length, 0 (u32), so many bytes
 *   each page: u64 offset in the memory, 4096 bytes; see saved_memory.c
 *
 * A section is what one part of the machine wrote about itself; of a tag and an instance there is
 * one. A file that is read is not trusted: it is taken apart here, whole or not at all, and each
 * part checks its own section. A section that nobody took is an error, as is one of another
 * version.
 */

#include "base/buf.h"
#include "base/err.h"
#include "base/rd.h"

enum state_tag {
	STATE_MACHINE = 1,
	STATE_CPU,   /* instance: which */
	STATE_CHIPS, /* KVM's interrupt controllers, its PIT, its clock */
	STATE_PORTS, /* what is behind I/O ports, also the serial line's */
	STATE_FUNCTION, /* instance: slot * 8 + function on the PCI bus */
};

enum { STATE_SECTIONS_MAX = 300, STATE_BYTES_MAX = 16 << 20 /* without the pages */ };

void state_begin(struct buf *out);
/* Returns what state_end() wants; the section's bytes are added to out in between. */
size_t state_section(struct buf *out, enum state_tag tag, unsigned instance, unsigned version);
void state_end(struct buf *out, size_t section);
/* All sections are there, and so many pages will follow. */
void state_finish(struct buf *out, uint64_t pages);

struct state_section {
	uint16_t tag, instance;
	uint32_t version;
	const uint8_t *bytes;
	uint32_t len;
	bool taken;
};

struct state {
	uint64_t pages;
	unsigned count;
	struct state_section section[STATE_SECTIONS_MAX];
};

/* All of a file up to the pages; the caller frees. */
int state_load_file(int fd, uint8_t **bytes, size_t *len, struct err *err);
/* Into s, which points into bytes: all up to the pages. -EBADMSG. */
int state_parse(struct state *s, const uint8_t *bytes, size_t len, struct err *err);
bool state_has(const struct state *s, enum state_tag tag, unsigned instance);
/* -ENOENT: there is none; -EBADMSG: of another version. name is for the sentence. */
int state_take(struct state *s, enum state_tag tag, unsigned instance, unsigned version,
	       const char *name, struct rd *out, struct err *err);
/* A section was read: neither too short nor too long. */
int state_read(const struct rd *in, const char *name, struct err *err);
/* -EBADMSG: there is one that nobody took. */
int state_all_taken(const struct state *s, struct err *err);

#endif
