/* SPDX-License-Identifier: Apache-2.0 */
/* Which datagrams are under way, and what becomes of them when one fails. */
#include "control/engine_priv.h"
#include "tests/unit/test.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* As many records of struct dp_id as a datagram holds. */
#define FULL ((DP_DATAGRAM_MAX - sizeof(struct dp_request)) / sizeof(struct dp_id))

struct play {
	struct engine_queue queue;
	int sock, peer;
	struct engine_answer said; /* of the last answer */
};

static void add(struct play *p, uint32_t first, uint32_t count)
{
	for (uint32_t i = 0; i < count; i++) {
		struct dp_id rec = { .id = first + i };

		assert_int_equal(engine_queue_add(&p->queue, DP_VNET_SET, &rec, sizeof(rec), -1), 0);
	}
}

/* The next datagram that was sent; 0: none. */
static ssize_t receive(struct play *p, struct dp_request *head, struct dp_id recs[FULL])
{
	struct iovec iov[2] = { { head, sizeof(*head) }, { recs, FULL * sizeof(*recs) } };
	struct msghdr msg = { .msg_iov = iov, .msg_iovlen = 2 };
	ssize_t n = recvmsg(p->peer, &msg, MSG_DONTWAIT);

	return n < 0 ? 0 : n;
}

/* Takes one of count records that begin with id, and returns its number. */
static uint32_t take(struct play *p, size_t count, uint32_t id, uint16_t flags)
{
	static struct dp_id recs[FULL];
	struct dp_request head;
	int code = engine_queue_transmit(&p->queue, p->sock);

	assert_true(code == 0 || code == -EAGAIN);
	assert_int_equal(receive(p, &head, recs), sizeof(head) + count * sizeof(recs[0]));
	assert_int_equal(head.count, count);
	assert_int_equal(head.flags, flags);
	for (size_t i = 0; i < count; i++)
		assert_int_equal(recs[i].id, id + i);
	return head.seq;
}

static void quiet(struct play *p)
{
	static struct dp_id recs[FULL];
	struct dp_request head;

	assert_int_equal(engine_queue_transmit(&p->queue, p->sock), 0);
	assert_int_equal(receive(p, &head, recs), 0);
}

static int answer(struct play *p, uint32_t seq, int status, uint32_t index)
{
	struct dp_reply reply = { .seq = seq, .status = status, .index = index };
	int code = engine_queue_answer(&p->queue, &reply, sizeof(reply), &p->said);

	if (!code)
		buf_free(&p->said.results);
	return code;
}

/* What was under way behind a record that fails comes again, in order, after the rest of its own
 * datagram; that goes alone, because more may fail. */
static void order_stays(void **state)
{
	struct play *p = *state;
	uint32_t seq[3];

	add(p, 1, 3 * FULL + 1);
	for (uint32_t i = 0; i < 3; i++)
		seq[i] = take(p, FULL, 1 + i * FULL, DP_REQUEST_NEXT);
	quiet(p); /* the last is not full */
	assert_int_equal(answer(p, seq[0], -EINVAL, 10), 0);
	assert_false(p->said.ok);
	assert_int_equal(p->said.bad.id, 11);
	seq[0] = take(p, FULL - 11, 12, 0);
	quiet(p);
	assert_int_equal(answer(p, seq[1], -ECANCELED, 0), -EAGAIN);
	assert_int_equal(answer(p, seq[2], -ECANCELED, 0), -EAGAIN);
	quiet(p);
	assert_int_equal(answer(p, seq[0], -EINVAL, 0), 0);
	assert_int_equal(p->said.bad.id, 12);
	seq[0] = take(p, FULL - 12, 13, 0);
	quiet(p);
	assert_int_equal(answer(p, seq[0], 0, 0), 0);
	for (uint32_t i = 1; i < 3; i++)
		seq[i] = take(p, FULL, 1 + i * FULL, DP_REQUEST_NEXT);
	for (uint32_t i = 1; i < 3; i++) {
		quiet(p);
		assert_int_equal(answer(p, seq[i], 0, 0), 0);
	}
	seq[0] = take(p, 1, 1 + 3 * FULL, DP_REQUEST_NEXT);
	assert_int_equal(answer(p, seq[0], 0, 0), 0);
	assert_true(engine_queue_idle(&p->queue));
}

/* The last record of a datagram fails, and there is nothing behind it. */
static void nothing_behind(void **state)
{
	struct play *p = *state;
	uint32_t seq;

	add(p, 1, 3);
	seq = take(p, 3, 1, DP_REQUEST_NEXT);
	assert_int_equal(answer(p, seq, -EINVAL, 2), 0);
	assert_true(engine_queue_idle(&p->queue));
	add(p, 4, 1);
	seq = take(p, 1, 4, 0);
	assert_int_equal(answer(p, seq, 0, 0), 0);
	assert_int_equal(answer(p, seq, -ECANCELED, 0), -EBADMSG); /* none was */
}

/* An engine is told nothing that was meant for the one before it. */
static void another_engine(void **state)
{
	struct play *p = *state;
	uint32_t seq;

	add(p, 1, 2 * FULL + 1);
	seq = take(p, FULL, 1, DP_REQUEST_NEXT);
	take(p, FULL, 1 + FULL, DP_REQUEST_NEXT);
	assert_int_equal(answer(p, seq, -EINVAL, 0), 0);
	engine_queue_clear(&p->queue);
	assert_true(engine_queue_idle(&p->queue));
	add(p, 7, 1);
	seq = take(p, 1, 7, DP_REQUEST_NEXT);
	assert_int_equal(answer(p, seq, 0, 0), 0);
	quiet(p);
}

/* As many are under way as an engine can answer while nobody reads. */
static void not_too_many(void **state)
{
	static struct dp_id recs[FULL];
	struct play *p = *state;
	struct dp_request head;
	uint32_t came = 0;

	add(p, 1, 50 * FULL);
	for (; engine_queue_transmit(&p->queue, p->sock), receive(p, &head, recs); came++)
		assert_true(came < 49);
	assert_int_equal(came, 32);
	assert_int_equal(answer(p, 1, 0, 0), 0);
	take(p, FULL, 1 + 32 * FULL, DP_REQUEST_NEXT);
	quiet(p);
}

static int setup(void **state)
{
	static struct play p;
	int pair[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK, 0, pair), 0);
	p = (struct play){ .sock = pair[0], .peer = pair[1] };
	engine_queue_init(&p.queue);
	*state = &p;
	return 0;
}

static int teardown(void **state)
{
	struct play *p = *state;

	engine_queue_clear(&p->queue);
	close(p->sock);
	close(p->peer);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(order_stays, setup, teardown),
		cmocka_unit_test_setup_teardown(nothing_behind, setup, teardown),
		cmocka_unit_test_setup_teardown(another_engine, setup, teardown),
		cmocka_unit_test_setup_teardown(not_too_many, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
