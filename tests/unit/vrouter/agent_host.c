/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/test.h"
#include "vrouter/agent/host.h"

#include <errno.h>
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

/* A name that is missing, empty, too long, or not at the payload's end is no identity. */
static void identities(void **state)
{
	static const struct agent_renew sent = { .seed = { 1 }, .machine_id = { 2 }, .realtime_ns = 3 };
	char hostname[HOST_NAME_LEN + 1];
	struct agent_renew got;
	uint8_t payload[256];
	uint64_t ns;

	memset(payload, 'a', sizeof(payload));
	memcpy(payload, &sent, sizeof(sent));
	for (size_t len = 0; len < sizeof(payload) - sizeof(sent); len++) {
		struct rd r = rd_of(payload, sizeof(sent) + len + 1);
		bool good = len && len <= HOST_NAME_LEN;

		payload[sizeof(sent) + len] = 0;
		assert_int_equal(host_renew(r, &got, hostname), good ? 0 : -EINVAL);
		if (good) {
			assert_memory_equal(&got, &sent, sizeof(got));
			assert_int_equal(strlen(hostname), len);
		}
		r.left--; /* not terminated */
		assert_int_equal(host_renew(r, &got, hostname), -EINVAL);
		payload[sizeof(sent) + len] = 'a';
	}
	memcpy(payload + sizeof(sent), "r\0r", 4);
	assert_int_equal(host_renew(rd_of(payload, sizeof(sent) + 4), &got, hostname), -EINVAL);
	for (size_t len = 0; len < sizeof(sent); len++)
		assert_int_equal(host_renew(rd_of(payload, len), &got, hostname), -EINVAL);
	memcpy(payload, &(uint64_t){ 77 }, 8);
	for (size_t len = 0; len < 16; len++)
		assert_int_equal(host_clock(rd_of(payload, len), &ns), len == 8 ? 0 : -EINVAL);
	assert_int_equal(host_clock(rd_of(payload, 8), &ns), 0);
	assert_int_equal(ns, 77);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(resynchronises),
		cmocka_unit_test(checks),
		cmocka_unit_test(identities),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
