/* SPDX-License-Identifier: Apache-2.0 */
/* A machine's stream, of 16 pages of memory. What comes out of the filter must go through it
 * again without a change. */
#include "hv/qemu_stream_priv.h"

#include "base/buf.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { MEMORY = 16 * QEMU_PAGE };

struct side {
	const uint8_t *in;
	size_t left, step;
	struct buf out;
	bool all;
};

static ssize_t take(void *arg, void *bytes, size_t len, struct err *err)
{
	struct side *s = arg;
	size_t n = s->step < len ? s->step : len;

	if (n > s->left)
		n = s->left;
	memcpy(bytes, s->in, n);
	s->in += n;
	s->left -= n;
	return (ssize_t)n;
}

static int put(void *arg, const void *bytes, size_t len, struct err *err)
{
	buf_put(&((struct side *)arg)->out, bytes, len);
	return 0;
}

static int page(void *arg, uint64_t offset, const uint8_t *bytes, struct err *err)
{
	const struct side *s = arg;

	if (offset % QEMU_PAGE || offset > MEMORY - QEMU_PAGE)
		abort();
	return s->all || (bytes && bytes[QEMU_PAGE - 1] % 2);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct qemu_stream_ops ops = { take, put, page };
	struct side one = { .in = data, .left = size, .step = 1 + size % 5000 }, two;

	if (qemu_stream_filter(&ops, &one, MEMORY, NULL) == 0) {
		two = (struct side){ .in = one.out.data, .left = one.out.len, .step = 65536,
				     .all = true };
		if (qemu_stream_filter(&ops, &two, MEMORY, NULL) != 0 ||
		    two.out.len != one.out.len || memcmp(two.out.data, one.out.data, two.out.len) != 0)
			abort();
		buf_free(&two.out);
	}
	buf_free(&one.out);
	return 0;
}
