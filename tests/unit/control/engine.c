/* SPDX-License-Identifier: Apache-2.0 */
/* weftd's end of the engine's API against an engine that this test plays, in this process. */
#include "control/engine.h"
#include "control/stats.h"
#include "base/file.h"
#include "control/store.h"
#include "tests/unit/test.h"

#include <errno.h>
#include <event2/event.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

struct play {
	char dir[64], db[96], socket[96], log[96];
	struct event_base *base;
	struct store *store;
	struct engine *engine;
	int listener, peer;
	unsigned ups, stats, refused, settled;
	struct dp_id bad; /* the last that was refused */
	bool fresh;
	size_t stats_len;
	/* The last request that came. */
	uint8_t bytes[DP_DATAGRAM_MAX];
	size_t len;
	struct dp_request head;
	unsigned fds;
};

static void on_up(void *arg, bool fresh)
{
	struct play *p = arg;

	p->ups++;
	p->fresh = fresh;
}

static void on_refused(void *arg, const struct dp_id *bad, const char *why)
{
	struct play *p = arg;

	p->refused += bad != NULL;
	p->settled += !bad;
	if (bad) {
		assert_string_equal(why, "it is bad");
		p->bad = *bad;
	}
}

static void on_stats(void *arg, const struct buf *results)
{
	struct play *p = arg;

	p->stats++;
	p->stats_len = results->len;
}

/* Runs the loop until fd can be read. */
static void await(struct play *p, int fd)
{
	struct pollfd pfd = { .fd = fd, .events = POLLIN };

	for (int i = 0; i < 2000 && poll(&pfd, 1, 5) == 0; i++)
		event_base_loop(p->base, EVLOOP_NONBLOCK);
	assert_int_equal(poll(&pfd, 1, 0), 1);
}

static void take(struct play *p)
{
	char control[CMSG_SPACE(DP_FDS_MAX * sizeof(int))];
	struct iovec iov = { p->bytes, sizeof(p->bytes) };
	struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1, .msg_control = control,
			      .msg_controllen = sizeof(control) };
	struct cmsghdr *c;
	ssize_t n;

	await(p, p->peer);
	n = recvmsg(p->peer, &msg, 0);
	assert_true(n >= (ssize_t)sizeof(p->head));
	p->len = (size_t)n;
	memcpy(&p->head, p->bytes, sizeof(p->head));
	p->fds = 0;
	c = CMSG_FIRSTHDR(&msg);
	for (; c && p->fds < (c->cmsg_len - CMSG_LEN(0)) / sizeof(int); p->fds++)
		close(((int *)(void *)CMSG_DATA(c))[p->fds]);
}

static void answer(struct play *p, int status, uint32_t index, bool more, const void *results,
		   size_t len)
{
	uint8_t bytes[sizeof(struct dp_reply) + 256];
	struct dp_reply reply = { .seq = p->head.seq, .status = status, .index = index,
				  .flags = more ? DP_REPLY_MORE : 0, .error = "it is bad" };

	memcpy(bytes, &reply, sizeof(reply));
	if (len)
		memcpy(bytes + sizeof(reply), results, len);
	assert_int_equal(send(p->peer, bytes, sizeof(reply) + len, 0), sizeof(reply) + len);
	for (int i = 0; i < 3; i++)
		event_base_loop(p->base, EVLOOP_NONBLOCK);
}

static void greet(struct play *p, bool has_state)
{
	struct dp_hello hello = { .rec = { .op = DP_HELLO, .len = sizeof(hello) },
				  .version = DP_API_VERSION, .has_state = has_state,
				  .workers = 3 };

	await(p, p->listener);
	p->peer = accept(p->listener, NULL, NULL);
	assert_true(p->peer >= 0);
	take(p);
	assert_int_equal(p->head.count, 1);
	answer(p, 0, 0, false, &hello, sizeof(hello));
	assert_true(engine_is_up(p->engine));
}

static uint32_t id_of(const struct play *p, unsigned record)
{
	struct dp_id rec;

	memcpy(&rec, p->bytes + sizeof(p->head) + record * sizeof(rec), sizeof(rec));
	return rec.id;
}

static void say(struct play *p, uint16_t op, uint32_t id, int fd)
{
	struct dp_id rec = { .id = id };

	engine_send(p->engine, op, &rec, sizeof(rec), fd);
}

static void quiet(struct play *p)
{
	struct pollfd pfd = { .fd = p->peer, .events = POLLIN };

	for (int i = 0; i < 5; i++)
		event_base_loop(p->base, EVLOOP_NONBLOCK);
	assert_int_equal(poll(&pfd, 1, 0), 0);
}

/* As many records of say() as a datagram holds. */
#define FULL ((DP_DATAGRAM_MAX - sizeof(struct dp_request)) / sizeof(struct dp_id))

/* Takes a request of count records, which begin with id. */
static void take_these(struct play *p, size_t count, uint32_t id, uint16_t flags)
{
	take(p);
	assert_int_equal(p->head.count, count);
	assert_int_equal(p->head.flags, flags);
	assert_int_equal(p->len, sizeof(p->head) + count * sizeof(struct dp_id));
	for (unsigned i = 0; i < count; i++)
		assert_int_equal(id_of(p, i), id + i);
}

static void answer_to(struct play *p, uint32_t seq, int status, uint32_t index)
{
	p->head.seq = seq;
	answer(p, status, index, false, NULL, 0);
}

/* Full ones do not wait for answers, the last one for those of all others. */
static void batches(void **state)
{
	struct play *p = *state;
	uint32_t seq[3];

	assert_int_equal(p->ups, 1);
	assert_true(p->fresh);
	assert_int_equal(engine_workers(p->engine), 3);
	for (uint32_t i = 1; i <= 3 * FULL + 5; i++)
		say(p, DP_VNET_SET, i, -1);
	for (unsigned i = 0; i < 3; i++) {
		take_these(p, FULL, 1 + i * FULL, DP_REQUEST_NEXT);
		seq[i] = p->head.seq;
	}
	for (unsigned i = 0; i < 3; i++) {
		quiet(p);
		answer_to(p, seq[i], 0, 0);
	}
	take_these(p, 5, 1 + 3 * FULL, DP_REQUEST_NEXT);
	answer(p, 0, 0, false, NULL, 0);
	quiet(p);
}

static void descriptors(void **state)
{
	struct play *p = *state;

	for (uint32_t i = 1; i <= DP_FDS_MAX + 1; i++)
		say(p, DP_PORT_SET, i, STDIN_FILENO);
	take(p);
	assert_int_equal(p->head.count, DP_FDS_MAX);
	assert_int_equal(p->fds, DP_FDS_MAX);
	/* The first 10 are done, the 11th fails: the others come again, with theirs. */
	answer(p, -EINVAL, 10, false, NULL, 0);
	take(p);
	assert_int_equal(p->head.count, DP_FDS_MAX - 11);
	assert_int_equal(p->fds, DP_FDS_MAX - 11);
	assert_int_equal(id_of(p, 0), 12);
	answer(p, 0, 0, false, NULL, 0);
	take(p);
	assert_int_equal(p->head.count, 1);
	assert_int_equal(p->fds, 1);
	assert_int_equal(id_of(p, 0), DP_FDS_MAX + 1);
	answer(p, 0, 0, false, NULL, 0);
}

static void a_failure_is_repaired(void **state)
{
	struct play *p = *state;

	say(p, DP_VNET_DEL, 1, -1); /* has gone already: fine */
	say(p, DP_VNET_SET, 2, -1);
	take(p);
	answer(p, -ENOENT, 0, false, NULL, 0);
	take(p);
	assert_int_equal(p->head.count, 1);
	assert_int_equal(id_of(p, 0), 2);
	assert_int_equal(p->refused, 0);
	answer(p, -EINVAL, 0, false, NULL, 0);
	assert_int_equal(p->ups, 1);
	assert_int_equal(p->refused, 1);
	assert_int_equal(p->bad.rec.op, DP_VNET_SET);
	assert_int_equal(p->bad.id, 2);
	say(p, DP_VNET_SET, 4, -1); /* taken, but the other is still to be said again */
	take(p);
	answer(p, 0, 0, false, NULL, 0);
	assert_int_equal(p->settled, 0);
	for (int i = 0; i < 600 && p->ups == 1; i++) {
		poll(NULL, 0, 5);
		event_base_loop(p->base, EVLOOP_NONBLOCK);
	}
	assert_int_equal(p->ups, 2);
	assert_false(p->fresh);
	for (unsigned i = 0; i < 2; i++) {
		say(p, DP_VNET_SET, 2, -1);
		take(p);
		answer(p, 0, 0, false, NULL, 0);
		assert_int_equal(p->settled, 1); /* told once */
	}
	/* An index that is none takes nothing along and is no loop. */
	say(p, DP_VNET_SET, 3, -1);
	take(p);
	answer(p, -EINVAL, 77, false, NULL, 0);
	assert_int_equal(p->refused, 2);
	assert_int_equal(p->bad.rec.op, 0);
	quiet(p);
}

static void statistics(void **state)
{
	struct play *p = *state;
	struct dp_port_stats s = { .rec = { .op = DP_PORT_GET, .len = 128 } };

	say(p, DP_VNET_SET, 1, -1);
	stats_ask(p->engine, STATS_OBJECTS, on_stats, p);
	say(p, DP_VNET_SET, 2, -1);
	take(p);
	assert_int_equal(id_of(p, 0), 1);
	answer(p, 0, 0, false, NULL, 0);
	take(p);
	assert_int_equal(p->head.count, 3);
	answer(p, 0, 0, true, &s, 128);
	assert_int_equal(p->stats, 0);
	answer(p, 0, 0, false, &s, 128);
	assert_int_equal(p->stats, 1);
	assert_int_equal(p->stats_len, 256);
	take(p);
	assert_int_equal(id_of(p, 0), 2);
	answer(p, 0, 0, false, NULL, 0);
}

static void it_comes_back(void **state)
{
	struct play *p = *state;

	stats_ask(p->engine, STATS_OBJECTS, on_stats, p);
	take(p);
	close(p->peer);
	for (int i = 0; i < 500 && engine_is_up(p->engine); i++) {
		poll(NULL, 0, 5);
		event_base_loop(p->base, EVLOOP_NONBLOCK);
	}
	assert_int_equal(p->stats, 1); /* told that there are none */
	assert_int_equal(p->stats_len, 0);
	say(p, DP_VNET_SET, 1, -1); /* dropped: up() says everything */
	greet(p, true);
	assert_int_equal(p->ups, 2);
	assert_false(p->fresh);
	quiet(p);
}

static void an_answer_to_nothing(void **state)
{
	struct play *p = *state;

	p->head.seq += 1000;
	answer(p, 0, 0, false, NULL, 0);
	close(p->peer);
	greet(p, true);
	assert_int_equal(p->ups, 2);
}

/* Not in a tight loop, and the reason is known. */
static void a_program_that_is_not_there(void **state)
{
	struct engine_conf conf = { .program = "/nonexistent" };
	struct play *p = *state;
	struct engine *e;
	struct err err;
	char socket[96];
	time_t end = time(NULL) + 30;

	snprintf(socket, sizeof(socket), "%s/none.sock", p->dir);
	conf.base = p->base;
	conf.store = p->store;
	conf.socket = socket;
	conf.log = p->log;
	assert_int_equal(engine_create(&conf, &e, &err), 0);
	engine_start(e);
	assert_int_equal(engine_failures(e), 1);
	while (engine_failures(e) < 3 && time(NULL) < end)
		event_base_loop(p->base, EVLOOP_ONCE);
	assert_true(time(NULL) >= end - 29); /* a second between two, at the least */
	assert_string_equal(engine_why(e), "/nonexistent: No such file or directory");
	assert_true(engine_is_up(p->engine) && !engine_failures(p->engine)); /* the one of the test */
	engine_destroy(e);
}

static int setup(void **state)
{
	struct play *p = calloc(1, sizeof(*p));
	struct sockaddr_un addr = { .sun_family = AF_UNIX };
	struct engine_conf conf = { .program = "/nonexistent", .socket = p->socket, .log = p->log,
				    .up = on_up, .refused = on_refused, .arg = p };
	struct err err;

	strcpy(p->dir, "/tmp/weft-engine-XXXXXX");
	assert_non_null(mkdtemp(p->dir));
	snprintf(p->db, sizeof(p->db), "%s/db", p->dir);
	snprintf(p->socket, sizeof(p->socket), "%s/dp.sock", p->dir);
	snprintf(p->log, sizeof(p->log), "%s/log", p->dir);
	assert_int_equal(store_open(p->db, &p->store, &err), 0);
	p->base = conf.base = event_base_new();
	conf.store = p->store;
	p->listener = socket(AF_UNIX, SOCK_SEQPACKET, 0);
	strcpy(addr.sun_path, p->socket);
	assert_int_equal(bind(p->listener, (struct sockaddr *)&addr, sizeof(addr)), 0);
	assert_int_equal(listen(p->listener, 1), 0);
	assert_int_equal(engine_create(&conf, &p->engine, &err), 0);
	engine_start(p->engine);
	greet(p, false);
	*state = p;
	return 0;
}

static int teardown(void **state)
{
	struct play *p = *state;

	engine_destroy(p->engine);
	close(p->peer);
	close(p->listener);
	store_close(p->store);
	event_base_free(p->base);
	file_remove_tree(p->dir, NULL);
	free(p);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(batches, setup, teardown),
		cmocka_unit_test_setup_teardown(descriptors, setup, teardown),
		cmocka_unit_test_setup_teardown(a_failure_is_repaired, setup, teardown),
		cmocka_unit_test_setup_teardown(statistics, setup, teardown),
		cmocka_unit_test_setup_teardown(it_comes_back, setup, teardown),
		cmocka_unit_test_setup_teardown(an_answer_to_nothing, setup, teardown),
		cmocka_unit_test_setup_teardown(a_program_that_is_not_there, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
