/* SPDX-License-Identifier: Apache-2.0 */
#include "hv/vmm/state_priv.h"

#include <assert.h>
#include <errno.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { FORMAT_VERSION = 1 };

static const char magic[8] = "WEFTVMM";

struct file_header {
	char magic[8];
	uint32_t version, sections;
	uint64_t len, pages;
};

struct section_header {
	uint16_t tag, instance;
	uint32_t version, len, zero;
};

static_assert(sizeof(struct file_header) == 32 && sizeof(struct section_header) == 16,
	      "no padding");

void state_begin(struct buf *out)
{
	struct file_header h = { .version = FORMAT_VERSION };

	memcpy(h.magic, magic, sizeof(magic));
	buf_put(out, &h, sizeof(h));
}

size_t state_section(struct buf *out, enum state_tag tag, unsigned instance, unsigned version)
{
	const struct section_header h = { .tag = (uint16_t)tag, .instance = (uint16_t)instance,
					  .version = version };
	size_t at = out->len;

	buf_put(out, &h, sizeof(h));
	return at;
}

void state_end(struct buf *out, size_t section)
{
	uint32_t len = (uint32_t)(out->len - section - sizeof(struct section_header));
	struct file_header h;

	if (out->bad)
		return;
	memcpy(out->data + section + offsetof(struct section_header, len), &len, sizeof(len));
	memcpy(&h, out->data, sizeof(h));
	h.sections++;
	memcpy(out->data, &h, sizeof(h));
}

void state_finish(struct buf *out, uint64_t pages)
{
	struct file_header h;

	if (out->bad)
		return;
	memcpy(&h, out->data, sizeof(h));
	h.len = out->len;
	h.pages = pages;
	memcpy(out->data, &h, sizeof(h));
}

static struct state_section *find(struct state *s, unsigned tag, unsigned instance)
{
	for (unsigned i = 0; i < s->count; i++)
		if (s->section[i].tag == tag && s->section[i].instance == instance)
			return &s->section[i];
	return NULL;
}

static int parse_section(struct state *s, struct rd *r)
{
	struct section_header h;
	const uint8_t *bytes;

	rd_copy(r, &h, sizeof(h));
	bytes = rd_bytes(r, h.len);
	if (r->bad || h.zero || find(s, h.tag, h.instance))
		return -EBADMSG;
	s->section[s->count++] = (struct state_section){ h.tag, h.instance, h.version, bytes,
							 h.len, false };
	return 0;
}

int state_load_file(int fd, uint8_t **bytes, size_t *len, struct err *err)
{
	struct file_header h;

	if (pread(fd, &h, sizeof(h), 0) != sizeof(h) || h.len < sizeof(h) ||
	    h.len > STATE_BYTES_MAX)
		return err_set(err, -EBADMSG, "it is not the state of a machine");
	*len = h.len;
	*bytes = malloc(h.len);
	if (!*bytes)
		return err_sys(err, -ENOMEM, "its %zu bytes", *len);
	if (pread(fd, *bytes, *len, 0) != (ssize_t)*len)
		return err_set(err, -EBADMSG, "it ends early");
	return 0;
}

int state_parse(struct state *s, const uint8_t *bytes, size_t len, struct err *err)
{
	struct rd r = rd_of(bytes, len);
	struct file_header h;
	int code = 0;

	s->count = 0;
	rd_copy(&r, &h, sizeof(h));
	if (r.bad || memcmp(h.magic, magic, sizeof(magic)) != 0)
		return err_set(err, -EBADMSG, "it is not the state of a machine");
	if (h.version != FORMAT_VERSION)
		return err_set(err, -EBADMSG, "its format is %u, not %d", h.version,
			       FORMAT_VERSION);
	s->pages = h.pages;
	if (h.sections > STATE_SECTIONS_MAX || h.len != len)
		code = -EBADMSG;
	for (unsigned i = 0; i < h.sections && !code; i++)
		code = parse_section(s, &r);
	if (code || r.left)
		return err_set(err, -EBADMSG, "its sections are not whole");
	return 0;
}

bool state_has(const struct state *s, enum state_tag tag, unsigned instance)
{
	return find((struct state *)(uintptr_t)s, tag, instance);
}

int state_take(struct state *s, enum state_tag tag, unsigned instance, unsigned version,
	       const char *name, struct rd *out, struct err *err)
{
	struct state_section *x = find(s, tag, instance);

	if (!x)
		return err_set(err, -ENOENT, "%s is missing", name);
	if (x->version != version)
		return err_set(err, -EBADMSG, "%s is of version %u, not %u", name, x->version,
			       version);
	x->taken = true;
	*out = rd_of(x->bytes, x->len);
	return 0;
}

int state_read(const struct rd *in, const char *name, struct err *err)
{
	if (in->bad || in->left)
		return err_set(err, -EBADMSG, "%s is %s", name, in->bad ? "too short" : "too long");
	return 0;
}

int state_all_taken(const struct state *s, struct err *err)
{
	for (unsigned i = 0; i < s->count; i++) {
		const struct state_section *x = &s->section[i];

		if (!x->taken && x->tag == STATE_FUNCTION)
			return err_set(err, -EBADMSG, "it had a device in PCI slot %u.%u that is "
				       "missing now", x->instance / 8u, x->instance % 8u);
		if (!x->taken)
			return err_set(err, -EBADMSG, "section %u of it is unknown", x->tag);
	}
	return 0;
}
