/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The memory of a saved machine: all of it in `ram`, a sparse file; or, in `state` behind the
 * sections, the pages in which it differs from the memory that the machine itself went on from
 * (from zeroes, if it was booted).
 */
#include "hv/vmm/saved_priv.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

enum { PAGE = 4096, RUN_MAX = 1 << 20, BATCH = 64 };

struct record {
	uint64_t offset;
	uint8_t bytes[PAGE];
};

static_assert(sizeof(struct record) == 8 + PAGE, "no padding");

static const uint8_t zeroes[PAGE];

static int write_all(int fd, const void *bytes, size_t len, uint64_t at)
{
	const uint8_t *p = bytes;

	while (len) {
		ssize_t n = pwrite(fd, p, len, (off_t)at);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return n < 0 ? -errno : -EIO;
		p += n;
		at += (size_t)n;
		len -= (size_t)n;
	}
	return 0;
}

static bool is_zero(const struct memory *m, uint64_t at)
{
	return memcmp(m->host + at, zeroes, PAGE) == 0;
}

/* Nothing but zeroes from `at` on for as long as the result says, because a file has no page there. */
static uint64_t skip_hole(const struct memory *m, uint64_t at)
{
	off_t data = memory_is_shared(m) ? lseek(m->fd, (off_t)at, SEEK_DATA) : (off_t)at;

	if (data < 0)
		return errno == ENXIO ? m->size : at;
	return (uint64_t)data;
}

int saved_memory_write(const struct memory *m, int file, uint64_t at, struct err *err)
{
	int code = ftruncate(file, (off_t)(at + m->size)) < 0 ? -errno : 0;
	uint64_t from = skip_hole(m, 0), end;

	for (; from < m->size && !code; from = end < m->size ? skip_hole(m, end) : end) {
		end = from + PAGE;
		if (is_zero(m, from))
			continue;
		while (end < m->size && end - from < RUN_MAX && !is_zero(m, end))
			end += PAGE;
		code = write_all(file, m->host + from, end - from, at + from);
	}
	return code ? err_sys(err, code, "writing the memory") : 0;
}

/* What it went on from; NULL: it was booted. */
static int map_base(const struct memory *m, const uint8_t **out)
{
	void *at;

	*out = NULL;
	if (!m->copy)
		return 0;
	at = mmap(NULL, m->size, PROT_READ, MAP_SHARED, m->fd, 0);
	if (at == MAP_FAILED)
		return -errno;
	*out = at;
	return 0;
}

int saved_memory_write_pages(const struct memory *m, int state, uint64_t at, uint64_t *pages,
			     struct err *err)
{
	struct record *batch = malloc(BATCH * sizeof(*batch));
	const uint8_t *base;
	int code = map_base(m, &base);
	unsigned n = 0;

	*pages = 0;
	if (!batch)
		code = -ENOMEM;
	for (uint64_t p = skip_hole(m, 0); p < m->size && !code; p = skip_hole(m, p + PAGE)) {
		if (memcmp(m->host + p, base ? base + p : zeroes, PAGE) == 0)
			continue;
		batch[n].offset = p;
		memcpy(batch[n++].bytes, m->host + p, PAGE);
		++*pages;
		if (n < BATCH)
			continue;
		code = write_all(state, batch, n * sizeof(*batch), at);
		at += n * sizeof(*batch);
		n = 0;
	}
	if (!code)
		code = write_all(state, batch, n * sizeof(*batch), at);
	if (base)
		munmap((void *)(uintptr_t)base, m->size);
	free(batch);
	return code ? err_sys(err, code, "writing the memory") : 0;
}

static int put_page(struct memory *m, const struct record *r)
{
	if (r->offset % PAGE || r->offset >= m->size)
		return -EBADMSG;
	memcpy(m->host + r->offset, r->bytes, PAGE);
	return 0;
}

int saved_memory_read_pages(struct memory *m, int state, uint64_t at, uint64_t pages,
			    struct err *err)
{
	struct record *batch = pages ? malloc(BATCH * sizeof(*batch)) : NULL;
	int code = pages && !batch ? -ENOMEM : 0;

	if (pages > m->size / PAGE)
		code = -EBADMSG;
	while (pages && !code) {
		unsigned n = pages < BATCH ? (unsigned)pages : BATCH;
		size_t len = n * sizeof(*batch);

		if (pread(state, batch, len, (off_t)at) != (ssize_t)len)
			code = -EBADMSG;
		for (unsigned i = 0; i < n && !code; i++)
			code = put_page(m, &batch[i]);
		at += len;
		pages -= n;
	}
	free(batch);
	return code ? err_sys(err, code, "the saved memory") : 0;
}
