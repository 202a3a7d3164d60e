/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/test.h"
#include "vrouter/agent/host.h"

#include <stdlib.h>
#include <string.h>

struct seen {
	unsigned count;
	uint32_t ids[64], lens[64];
	uint8_t last;
};

static void see(void *arg, const struct agent_frame *f, const uint8_t *payload)
{
	struct seen *s = arg;

	assert_true(s->count < 64);
	s->ids[s->count] = f->id;
	s->lens[s->count++] = f->len;
	s->last = f->len ? payload[f->len - 1] : 0;
}

/* Rubbish, halves of frames and frames, in pieces of every size: every whole frame comes out. */
static void resynchronises(void **state)
{
	static const uint8_t rubbish[] = "WEFTWEFTWEF\x55\x46\x45\x54WEFTUFETU";
	static uint8_t big[AGENT_FRAME_MAX];
	struct buf wire = { 0 };

	for (uint32_t id = 0; id < 8; id++) {
		size_t whole = wire.len;

		big[id * 100] = (uint8_t)(id + 1);
		host_frame(&wire, AGENT_STDIN, 0x1122334455667788u, id, big, id * 100 + 1);
		if (id % 2) /* cut inside the header, where no frame can be mistaken */
			wire.len = whole + 20;
		buf_put(&wire, rubbish, sizeof(rubbish));
	}
	host_frame(&wire, AGENT_STDIN, 7, 8, big, AGENT_FRAME_MAX);
	for (size_t piece = 1; piece < 200; piece += 13) {
		struct host_stream s = { 0 };
		struct seen seen = { 0 };

		for (size_t at = 0; at < wire.len; at += piece)
			host_feed(&s, wire.data + at, wire.len - at < piece ? wire.len - at : piece, see,
				  &seen);
		assert_int_equal(seen.count, 5);
		for (unsigned i = 0; i < 4; i++) {
			assert_int_equal(seen.ids[i], i * 2);
			assert_int_equal(seen.lens[i], i * 200 + 1);
		}
		assert_int_equal(seen.lens[4], AGENT_FRAME_MAX);
		assert_int_equal(s.buf.len, 0);
		host_reset(&s);
	}
	buf_free(&wire);
}

/* A header that is right but for one bit is none. */
static void checks(void **state)
{
	struct buf wire = { 0 };

	host_frame(&wire, AGENT_EXEC, 1, 2, "abc", 3);
	for (unsigned bit = 0; bit < 28 * 8; bit++) {
		struct host_stream s = { 0 };
		struct seen seen = { 0 };

		if (bit / 8 >= 18 && bit / 8 < 20)
			continue; /* flags are not covered */
		wire.data[bit / 8] ^= (uint8_t)(1u << bit % 8);
		host_feed(&s, wire.data, wire.len, see, &seen);
		assert_int_equal(seen.count, 0);
		wire.data[bit / 8] ^= (uint8_t)(1u << bit % 8);
		host_reset(&s);
	}
	buf_free(&wire);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(resynchronises),
		cmocka_unit_test(checks),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
