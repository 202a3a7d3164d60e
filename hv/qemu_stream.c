/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The stream is: a header, the machine type, then sections. The memory's ("ram") comes first, in
 * parts: START lists the RAM blocks, each PART and END holds records, a record is a page or the
 * part's end, and a footer repeats the section's number. After its END come the devices.
 *
 * A page's record names its block unless it is that of the record before, in whichever part.
 * Records are taken out, so what came before differs between input and output, and the name is
 * written anew.
 */
#include "hv/qemu_stream_priv.h"

#include "hv/qemu_priv.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
	MAGIC = 0x5145564d, /* "QEVM" */
	VERSION = 3,
	RAM_VERSION = 4,
	BLOCKS_MAX = 256,
	MACHINE_NAME_MAX = 256,
	INPUT_SIZE = 65536,
	OTHERS_MAX = 256 << 20, /* bytes of all that is no guest memory */
};

enum section_type {
	SECTION_START = 1,
	SECTION_PART = 2,
	SECTION_END = 3,
	SECTION_CONFIGURATION = 7,
	SECTION_FOOTER = 0x7e,
};

enum record_flag {
	RECORD_ZERO = 0x02,
	RECORD_MEM_SIZE = 0x04,
	RECORD_PAGE = 0x08,
	RECORD_EOS = 0x10,
	RECORD_CONTINUE = 0x20,
};

struct block {
	uint8_t name_len;
	char name[256];
	uint64_t len;
};

struct filter {
	const struct qemu_stream_ops *ops;
	void *arg;
	struct err *err;
	int code; /* sticks, as in base/rd.h */
	uint64_t ram_bytes, total;
	uint32_t section; /* number of "ram" */
	unsigned block_count;
	struct block blocks[BLOCKS_MAX];
	const struct block *in, *out; /* of the last record read, and written */
	size_t at, len;
	uint8_t input[INPUT_SIZE];
};

#define bad(f, ...) ((f)->code ? (f)->code : ((f)->code = err_set((f)->err, -EBADMSG, __VA_ARGS__)))

/* Returns false at the end of the input, and after an error. */
static bool refill(struct filter *f)
{
	ssize_t n;

	if (f->code)
		return false;
	n = f->ops->read(f->arg, f->input, sizeof(f->input), f->err);
	if (n < 0)
		f->code = (int)n;
	if (n <= 0)
		return false;
	f->at = 0;
	f->len = (size_t)n;
	f->total += (size_t)n;
	if (f->total > 2 * f->ram_bytes + OTHERS_MAX)
		return bad(f, "the machine's state does not end"), false;
	return true;
}

static void get(struct filter *f, void *to, size_t len)
{
	uint8_t *p = to;

	while (len) {
		size_t n = f->len - f->at < len ? f->len - f->at : len;

		if (!n) {
			if (!refill(f)) {
				memset(p, 0, len);
				bad(f, "the machine's state ends early");
				return;
			}
			continue;
		}
		memcpy(p, f->input + f->at, n);
		f->at += n;
		p += n;
		len -= n;
	}
}

static uint64_t get_be(struct filter *f, unsigned bytes)
{
	uint8_t b[8];
	uint64_t v = 0;

	get(f, b, bytes);
	for (unsigned i = 0; i < bytes; i++)
		v = v << 8 | b[i];
	return v;
}

static void put(struct filter *f, const void *bytes, size_t len)
{
	if (!f->code)
		f->code = f->ops->write(f->arg, bytes, len, f->err);
}

static void put_be(struct filter *f, uint64_t v, unsigned bytes)
{
	uint8_t b[8];

	for (unsigned i = 0; i < bytes; i++)
		b[i] = (uint8_t)(v >> 8 * (bytes - 1 - i));
	put(f, b, bytes);
}

/* Reads a number, writes it too. */
static uint64_t copy_be(struct filter *f, unsigned bytes)
{
	uint64_t v = get_be(f, bytes);

	put_be(f, v, bytes);
	return v;
}

static bool is_ram(const struct block *b)
{
	return b->name_len == strlen(QEMU_RAM) && memcmp(b->name, QEMU_RAM, b->name_len) == 0;
}

static const struct block *find_block(struct filter *f, const char *name, uint8_t len)
{
	for (unsigned i = 0; i < f->block_count; i++)
		if (f->blocks[i].name_len == len && memcmp(f->blocks[i].name, name, len) == 0)
			return &f->blocks[i];
	return NULL;
}

/* The list of blocks, whose lengths add up to total. */
static void take_blocks(struct filter *f, uint64_t total)
{
	bool ram = false;

	if (f->block_count)
		bad(f, "the machine's state lists its memory twice");
	put_be(f, total | RECORD_MEM_SIZE, 8);
	while (!f->code && total) {
		struct block *b = &f->blocks[f->block_count];

		if (f->block_count == BLOCKS_MAX) {
			bad(f, "the machine's state has more than %d blocks of memory", BLOCKS_MAX);
			return;
		}
		b->name_len = (uint8_t)copy_be(f, 1);
		get(f, b->name, b->name_len);
		put(f, b->name, b->name_len);
		b->len = copy_be(f, 8);
		if (!f->code && (!b->len || b->len > total || find_block(f, b->name, b->name_len)))
			bad(f, "a wrong block of memory in the machine's state");
		if (is_ram(b)) {
			if (b->len != f->ram_bytes)
				bad(f, "the machine's state has another size of memory");
			ram = true;
		}
		total -= b->len;
		f->block_count++;
	}
	if (!ram)
		bad(f, "the machine's state has no memory");
}

static void put_page(struct filter *f, uint64_t offset, const uint8_t *bytes)
{
	uint64_t flags = bytes ? RECORD_PAGE : RECORD_ZERO;

	put_be(f, offset | flags | (f->in == f->out ? RECORD_CONTINUE : 0), 8);
	if (f->in != f->out) {
		put_be(f, f->in->name_len, 1);
		put(f, f->in->name, f->in->name_len);
		f->out = f->in;
	}
	if (bytes)
		put(f, bytes, QEMU_PAGE);
	else
		put_be(f, 0, 1); /* what it is filled with */
}

static void take_page(struct filter *f, uint64_t offset, unsigned flags)
{
	uint8_t page[QEMU_PAGE];
	const uint8_t *bytes = flags & RECORD_PAGE ? page : NULL;
	int stays = 1;

	if (!(flags & RECORD_CONTINUE)) {
		uint8_t len = (uint8_t)get_be(f, 1);
		char name[256];

		get(f, name, len);
		f->in = find_block(f, name, len);
	}
	if (bytes)
		get(f, page, sizeof(page));
	else if (get_be(f, 1) != 0)
		bad(f, "unknown filling of a page in the machine's state");
	if (!f->code && (!f->in || offset >= f->in->len || f->in->len - offset < QEMU_PAGE))
		bad(f, "a page outside of memory in the machine's state");
	if (f->code)
		return;
	if (is_ram(f->in))
		stays = f->ops->page(f->arg, offset, bytes, f->err);
	if (stays < 0)
		f->code = stays;
	else if (stays)
		put_page(f, offset, bytes);
}

/* To the end of a part. */
static void take_records(struct filter *f)
{
	while (!f->code) {
		uint64_t record = get_be(f, 8), offset = record & ~(uint64_t)(QEMU_PAGE - 1);
		unsigned flags = record & (QEMU_PAGE - 1);

		switch (flags) {
		case RECORD_EOS:
			put_be(f, record, 8);
			return;
		case RECORD_MEM_SIZE:
			take_blocks(f, offset);
			break;
		case RECORD_ZERO:
		case RECORD_ZERO | RECORD_CONTINUE:
		case RECORD_PAGE:
		case RECORD_PAGE | RECORD_CONTINUE:
			take_page(f, offset, flags);
			break;
		default:
			bad(f, "unknown record 0x%x in the machine's state", flags);
		}
	}
}

static void take_footer(struct filter *f)
{
	uint64_t type = copy_be(f, 1);

	if (type != SECTION_FOOTER || copy_be(f, 4) != f->section)
		bad(f, "unknown end of a section in the machine's state");
}

static void take_configuration(struct filter *f)
{
	char name[MACHINE_NAME_MAX];
	uint64_t len = copy_be(f, 4);

	if (len > sizeof(name)) {
		bad(f, "unknown configuration in the machine's state");
		return;
	}
	get(f, name, len);
	put(f, name, len);
}

static void take_start(struct filter *f)
{
	char name[256];
	uint8_t len;

	f->section = (uint32_t)copy_be(f, 4);
	len = (uint8_t)copy_be(f, 1);
	get(f, name, len);
	put(f, name, len);
	if (len != 3 || memcmp(name, "ram", 3) != 0 || copy_be(f, 4) != 0 ||
	    copy_be(f, 4) != RAM_VERSION || f->block_count)
		bad(f, "unknown section in the machine's state");
}

/* One section of "ram"; returns whether it was the last. */
static bool take_section(struct filter *f)
{
	uint64_t type = copy_be(f, 1);

	if (type == SECTION_START)
		take_start(f);
	else if ((type != SECTION_PART && type != SECTION_END) || !f->block_count ||
		 copy_be(f, 4) != f->section)
		bad(f, "unknown section 0x%x in the machine's state", (unsigned)type);
	if (!f->code)
		take_records(f);
	if (!f->code && !f->block_count)
		bad(f, "the machine's state has no memory");
	take_footer(f);
	return type == SECTION_END;
}

static void take_devices(struct filter *f)
{
	bool any = false;

	do {
		any |= f->at < f->len;
		put(f, f->input + f->at, f->len - f->at);
		f->at = f->len;
	} while (refill(f));
	if (!any)
		bad(f, "the machine's state ends early");
}

int qemu_stream_filter(const struct qemu_stream_ops *ops, void *arg, uint64_t ram_bytes,
		       struct err *err)
{
	struct filter *f = calloc(1, sizeof(*f));
	int code;

	if (!f)
		return err_sys(err, -ENOMEM, "the machine's state");
	f->ops = ops;
	f->arg = arg;
	f->err = err;
	f->ram_bytes = ram_bytes;
	if (copy_be(f, 4) != MAGIC || copy_be(f, 4) != VERSION ||
	    copy_be(f, 1) != SECTION_CONFIGURATION)
		bad(f, "unknown beginning of the machine's state");
	take_configuration(f);
	while (!f->code && !take_section(f))
		;
	if (!f->code)
		take_devices(f);
	code = f->code;
	free(f);
	return code;
}
