/* SPDX-License-Identifier: Apache-2.0 */
#include "hv/qemu_stream_priv.h"

#include "base/buf.h"
#include "tests/unit/test.h"

#include <errno.h>
#include <string.h>

enum { PAGES = 4, MEMORY = PAGES * QEMU_PAGE };

struct bed {
	struct buf in, out;
	size_t at;
	char seen[64]; /* a letter a page of memory: its first byte, '0' where it is zero */
	const char *stay;
	uint64_t last;
};

static void be(struct bed *b, uint64_t v, unsigned bytes)
{
	while (bytes--)
		buf_u8(&b->in, (uint8_t)(v >> 8 * bytes));
}

static void name(struct bed *b, const char *text)
{
	be(b, strlen(text), 1);
	buf_put(&b->in, text, strlen(text));
}

static void head(struct bed *b)
{
	buf_put(&b->in, "QEVM\0\0\0\3\7\0\0\0\3q35", 16);
}

static void section(struct bed *b, unsigned type)
{
	be(b, type, 1);
	be(b, 2, 4);
	if (type == 1) {
		name(b, "ram");
		be(b, 0, 4);
		be(b, 4, 4);
	}
}

static void footer(struct bed *b)
{
	be(b, 0x10, 8);
	be(b, 0x7e, 1);
	be(b, 2, 4);
}

static void blocks(struct bed *b, uint64_t memory)
{
	be(b, (memory + QEMU_PAGE) | 0x04, 8);
	name(b, "ram");
	be(b, memory, 8);
	name(b, "rom");
	be(b, QEMU_PAGE, 8);
}

/* block NULL: that of the record before; first 0: a page of zeroes. */
static void page(struct bed *b, const char *block, uint64_t number, char first)
{
	uint8_t *bytes;

	be(b, number * QEMU_PAGE | (first ? 0x08 : 0x02) | (block ? 0 : 0x20), 8);
	if (block)
		name(b, block);
	if (!first) {
		be(b, 0, 1);
		return;
	}
	bytes = buf_reserve(&b->in, QEMU_PAGE);
	bytes[0] = (uint8_t)first;
}

static void devices(struct bed *b)
{
	buf_put(&b->in, "\4the devices", 12);
}

static ssize_t take(void *arg, void *bytes, size_t len, struct err *err)
{
	struct bed *b = arg;
	size_t n = b->in.len - b->at < 1000 ? b->in.len - b->at : 1000;

	memcpy(bytes, b->in.data + b->at, n);
	b->at += n;
	return (ssize_t)n;
}

static int put(void *arg, const void *bytes, size_t len, struct err *err)
{
	buf_put(&((struct bed *)arg)->out, bytes, len);
	return 0;
}

static int look(void *arg, uint64_t offset, const uint8_t *bytes, struct err *err)
{
	struct bed *b = arg;
	char c = bytes ? (char)bytes[0] : '0';

	b->seen[strlen(b->seen)] = c;
	b->last = offset;
	return strchr(b->stay, c) != NULL;
}

static int filter(struct bed *b, const char *stay, struct err *err)
{
	static const struct qemu_stream_ops ops = { take, put, look };

	b->stay = stay;
	return qemu_stream_filter(&ops, b, MEMORY, err);
}

static void done(struct bed *b)
{
	buf_free(&b->in);
	buf_free(&b->out);
	*b = (struct bed){ 0 };
}

static void whole(struct bed *b)
{
	head(b);
	section(b, 1);
	blocks(b, MEMORY);
	footer(b);
	section(b, 2);
	page(b, "ram", 0, 'a');
	page(b, NULL, 1, 0);
	page(b, NULL, 2, 'b');
	page(b, "rom", 0, 'x');
	footer(b);
	section(b, 2);
	page(b, NULL, 0, 'y'); /* of rom still */
	page(b, "ram", 3, 'c');
	footer(b);
	section(b, 3);
	page(b, NULL, 2, 'd'); /* again */
	footer(b);
	devices(b);
}

static void what_stays_is_not_changed(void **state)
{
	struct bed b = { 0 };
	struct err err;

	whole(&b);
	assert_int_equal(filter(&b, "0abcd", &err), 0);
	assert_string_equal(b.seen, "a0bcd");
	assert_int_equal(b.last, 2 * QEMU_PAGE);
	assert_int_equal(b.out.len, b.in.len);
	assert_memory_equal(b.out.data, b.in.data, b.in.len);
	done(&b);
}

static void a_block_is_named_again_when_its_name_was_taken_out(void **state)
{
	struct bed b = { 0 }, want = { 0 };
	struct err err;

	whole(&b);
	assert_int_equal(filter(&b, "bd", &err), 0);
	head(&want);
	section(&want, 1);
	blocks(&want, MEMORY);
	footer(&want);
	section(&want, 2);
	page(&want, "ram", 2, 'b');
	page(&want, "rom", 0, 'x');
	footer(&want);
	section(&want, 2);
	page(&want, NULL, 0, 'y');
	footer(&want);
	section(&want, 3);
	page(&want, "ram", 2, 'd');
	footer(&want);
	devices(&want);
	assert_int_equal(b.out.len, want.in.len);
	assert_memory_equal(b.out.data, want.in.data, want.in.len);
	done(&b);
	done(&want);
}

static void every_cut_is_noticed(void **state)
{
	struct bed b = { 0 };
	size_t len, devices_at;
	struct err err;

	whole(&b);
	len = b.in.len;
	devices_at = len - 12;
	for (size_t cut = 0; cut <= devices_at; cut += cut < 300 ? 1 : 97) {
		b.in.len = cut;
		b.at = b.out.len = 0;
		memset(b.seen, 0, sizeof(b.seen));
		assert_int_equal(filter(&b, "0abcd", &err), -EBADMSG);
		assert_string_equal(err.text, "the machine's state ends early");
	}
	b.in.len = len;
	done(&b);
}

/* Each begins with what is right. */
static void start(struct bed *b)
{
	done(b);
	head(b);
	section(b, 1);
	blocks(b, MEMORY);
	footer(b);
	section(b, 2);
}

static void refused(struct bed *b, const char *why)
{
	struct err err = { "" };

	footer(b);
	section(b, 3);
	footer(b);
	devices(b);
	assert_int_equal(filter(b, "0abcd", &err), -EBADMSG);
	if (!strstr(err.text, why))
		fail_msg("%s", err.text);
}

static void what_is_wrong_is_refused(void **state)
{
	struct bed b = { 0 };

	start(&b);
	page(&b, "ram", PAGES, 'a');
	refused(&b, "outside");
	start(&b);
	page(&b, "ram", ~(uint64_t)0 / QEMU_PAGE, 0);
	refused(&b, "outside");
	start(&b);
	page(&b, "rom", 1, 'a');
	refused(&b, "outside");
	start(&b);
	page(&b, "disk", 0, 'a');
	refused(&b, "outside");
	start(&b);
	page(&b, NULL, 0, 'a');
	refused(&b, "outside");
	start(&b);
	blocks(&b, MEMORY);
	refused(&b, "twice");
	start(&b);
	be(&b, 0x100, 8); /* compressed */
	refused(&b, "unknown record 0x100");
	start(&b);
	b.in.data[b.in.len - 5] = 4;
	refused(&b, "unknown section 0x4");
	start(&b);
	b.in.data[b.in.len - 1] = 9;
	refused(&b, "unknown section 0x2");
	done(&b);
	head(&b);
	section(&b, 1);
	blocks(&b, 2 * MEMORY);
	refused(&b, "another size");
	done(&b);
	head(&b);
	section(&b, 1);
	refused(&b, "no memory");
	done(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_stays_is_not_changed),
		cmocka_unit_test(a_block_is_named_again_when_its_name_was_taken_out),
		cmocka_unit_test(every_cut_is_noticed),
		cmocka_unit_test(what_is_wrong_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
