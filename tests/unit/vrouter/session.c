/* SPDX-License-Identifier: Apache-2.0 */
/* The session against a fake agent at the other end of a socket pair. */
#include "vrouter/session_priv.h"

#include "tests/unit/test.h"
#include "tests/unit/vrouter/fake.h"

#include <errno.h>
#include <event2/event.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

static struct {
	struct event_base *base;
	struct session *s;
	int guest;
	uint64_t nonce;
	unsigned welcomes, readies, syncs;
	int status;
	char out[64];
} t;

static void welcome(void *arg, bool ready)
{
	t.welcomes++;
}

static void ready(void *arg)
{
	t.readies++;
}

static void synced(void *arg)
{
	t.syncs++;
}

static void output(void *arg, int stream, const void *bytes, size_t len)
{
	assert_int_equal(stream, 1);
	strncat(t.out, bytes, len);
}

static void done(void *arg, int status)
{
	t.status = status;
}

static void frame(uint64_t nonce, uint16_t type, uint32_t id, const void *bytes, uint32_t len)
{
	struct agent_frame h = { .magic = AGENT_MAGIC, .len = len, .nonce = nonce, .type = type,
				 .id = id };

	h.check = h.magic ^ h.len ^ h.type ^ h.id ^ (uint32_t)nonce ^ (uint32_t)(nonce >> 32);
	assert_int_equal(write(t.guest, &h, sizeof(h)), sizeof(h));
	assert_int_equal(write(t.guest, bytes, len), len);
}

static void turn(void)
{
	event_base_loop(t.base, EVLOOP_NONBLOCK);
	event_base_loop(t.base, EVLOOP_NONBLOCK);
}

static struct agent_frame heard(void *payload, size_t size)
{
	struct agent_frame h = { 0 };

	turn();
	assert_int_equal(recv(t.guest, &h, sizeof(h), MSG_DONTWAIT), sizeof(h));
	assert_true(h.len <= size);
	if (h.len)
		assert_int_equal(recv(t.guest, payload, h.len, MSG_DONTWAIT), h.len);
	return h;
}

static int set_up(void **state)
{
	static const struct session_ops ops = { welcome, ready, synced };
	int fds[2];

	memset(&t, 0, sizeof(t));
	memset(&fake_intake, 0, sizeof(fake_intake));
	t.status = 1000;
	t.base = event_base_new();
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fds), 0);
	t.guest = fds[1];
	assert_int_equal(session_create(t.base, NULL, &ops, NULL, &t.s), 0);
	assert_int_equal(session_attach(t.s, fds[0]), 0);
	t.nonce = heard(NULL, 0).nonce;
	return 0;
}

static int tear_down(void **state)
{
	session_destroy(t.s);
	turn();
	close(t.guest);
	event_base_free(t.base);
	return 0;
}

static void shake_hands(void)
{
	struct agent_welcome w = { .version = AGENT_VERSION };

	frame(t.nonce, AGENT_WELCOME, 0, &w, sizeof(w));
	turn();
	assert_int_equal(t.welcomes, 1);
}

static void stale_cut_and_garbled_bytes_are_skipped(void **state)
{
	struct agent_frame cut = { .magic = AGENT_MAGIC, .len = 60000, .nonce = t.nonce + 1,
				   .type = AGENT_NETLINK };
	struct agent_welcome w = { .version = AGENT_VERSION };

	frame(t.nonce + 1, AGENT_WELCOME, 0, &w, sizeof(w)); /* of a session before */
	assert_int_equal(write(t.guest, "WEFWEFTWEFT\xff\xff\xff\xff", 15), 15);
	cut.check = cut.magic ^ cut.len ^ cut.type ^ (uint32_t)cut.nonce ^
		    (uint32_t)(cut.nonce >> 32);
	assert_int_equal(write(t.guest, &cut, sizeof(cut)), sizeof(cut));
	assert_int_equal(write(t.guest, "WEFTxyz", 7), 7);
	turn();
	assert_int_equal(t.welcomes, 0);
	shake_hands();
	frame(t.nonce, AGENT_READY, 0, NULL, 0);
	turn();
	assert_int_equal(t.readies, 1);
}

static void routes_come_after_a_watch(void **state)
{
	struct agent_forward fwd = { .flags = AGENT_FORWARD_TC };
	struct agent_again again = { .type = 26, .family = 10 };

	shake_hands();
	frame(t.nonce, AGENT_NETLINK, 0, "early", 5);
	turn();
	assert_int_equal(fake_intake.netlinks, 0);
	session_watch(t.s);
	assert_int_equal(heard(NULL, 0).type, AGENT_WATCH);
	frame(t.nonce, AGENT_DUMP_END, 0, NULL, 0); /* of no dump */
	frame(t.nonce, AGENT_DUMP_AGAIN, 0, &again, sizeof(again));
	frame(t.nonce, AGENT_DUMP_BEGIN, 0, NULL, 0);
	frame(t.nonce, AGENT_NETLINK, 0, "route", 5);
	frame(t.nonce, AGENT_DUMP_AGAIN, 0, &again, 3); /* too short */
	frame(t.nonce, AGENT_DUMP_AGAIN, 0, &again, sizeof(again));
	frame(t.nonce, AGENT_FORWARD, 0, &fwd, 3);
	frame(t.nonce, AGENT_FORWARD, 0, &fwd, sizeof(fwd));
	frame(t.nonce, AGENT_DUMP_END, 0, NULL, 0);
	turn();
	assert_int_equal(fake_intake.begins, 1);
	assert_int_equal(fake_intake.agains, 1);
	assert_int_equal(fake_intake.bytes, 5);
	assert_int_equal(fake_intake.forward, AGENT_FORWARD_TC);
	assert_int_equal(fake_intake.ends, 1);
	assert_int_equal(t.syncs, 1);
	assert_int_equal(fake_intake.commits, 0);
	for (int i = 0; i < 20; i++)
		frame(t.nonce, AGENT_NETLINK, 0, "change", 6);
	while (!fake_intake.commits)
		event_base_loop(t.base, EVLOOP_ONCE);
	assert_int_equal(fake_intake.netlinks, 21);
	assert_int_equal(fake_intake.commits, 1);
}

static void a_costly_guest_waits(void **state)
{
	struct timespec from, to;

	shake_hands();
	session_watch(t.s);
	heard(NULL, 0);
	fake_intake.burn_ms = 25;
	for (unsigned i = 0; i < 3; i++)
		frame(t.nonce, AGENT_NETLINK, 0, "route", 5);
	/* Two rests of four times 25 ms of CPU at the least, however slow the machine is. */
	clock_gettime(CLOCK_MONOTONIC, &from);
	while (fake_intake.netlinks < 3)
		event_base_loop(t.base, EVLOOP_ONCE);
	clock_gettime(CLOCK_MONOTONIC, &to);
	assert_true((to.tv_sec - from.tv_sec) * 1000 + (to.tv_nsec - from.tv_nsec) / 1000000 > 200);
}

static void commands_and_their_end(void **state)
{
	static const char *const argv[] = { "ip", "r", NULL };
	struct vrouter_exec_conf conf = { .argv = argv, .output = output, .done = done };
	struct vrouter_exec *a, *b;
	uint8_t payload[100];
	struct agent_frame ha, hb;
	int32_t status = 3;

	assert_int_equal(session_exec(t.s, &conf, &a, NULL), -EAGAIN);
	shake_hands();
	assert_int_equal(session_exec(t.s, &conf, &a, NULL), 0);
	assert_int_equal(session_exec(t.s, &conf, &b, NULL), 0);
	ha = heard(payload, sizeof(payload));
	assert_int_equal(ha.len, 8 + 5);
	assert_memory_equal(payload + 8, "ip\0r", 5);
	hb = heard(payload, sizeof(payload));
	assert_int_not_equal(ha.id, hb.id);
	frame(t.nonce, AGENT_STDOUT, hb.id, "hi", 2);
	frame(t.nonce, AGENT_STDOUT, 999, "no", 2);
	frame(t.nonce, AGENT_EXIT, hb.id, &status, sizeof(status));
	turn();
	assert_string_equal(t.out, "hi");
	assert_int_equal(t.status, 3);
	close(t.guest);
	turn();
	assert_int_equal(t.status, -ECONNRESET);
	t.guest = -1;
}

static void a_file_goes_part_by_part(void **state)
{
	static uint8_t bytes[100000], payload[AGENT_FRAME_MAX];
	size_t got = 0, head = sizeof(struct agent_file) + 3;
	int32_t status = 0;

	shake_hands();
	assert_int_equal(session_put(t.s, "x", 0644, bytes, 1, done, NULL, NULL), -EINVAL);
	assert_int_equal(session_put(t.s, "/f", 0644, bytes, sizeof(bytes), done, NULL, NULL), 0);
	while (got < sizeof(bytes)) {
		struct agent_frame h = heard(payload, sizeof(payload));

		assert_int_equal(h.type, AGENT_FILE);
		assert_int_equal(payload[4], got ? AGENT_FILE_APPEND : 0);
		assert_memory_equal(payload + 8, "/f", 3);
		assert_int_equal(t.status, 1000);
		got += h.len - head;
		frame(t.nonce, AGENT_EXIT, h.id, &status, sizeof(status));
	}
	turn();
	assert_int_equal(t.status, 0);
}

static uint64_t clock_of(const uint8_t *bytes)
{
	uint64_t ns;

	memcpy(&ns, bytes, sizeof(ns));
	return ns;
}

static void a_late_clock_is_set_again(void **state)
{
	uint8_t payload[16];
	struct agent_frame h;
	int32_t status = 0;
	uint64_t first;

	assert_int_equal(session_clock(t.s, done, NULL), -EAGAIN);
	shake_hands();
	assert_int_equal(session_clock(t.s, done, NULL), 0);
	h = heard(payload, sizeof(payload));
	assert_int_equal(h.type, AGENT_CLOCK);
	assert_int_equal(h.len, 8);
	first = clock_of(payload);
	assert_in_range(first / 1000000000, time(NULL) - 60, time(NULL) + 1);
	for (unsigned i = 1; i < 10; i++) {
		usleep(21000);
		frame(t.nonce, AGENT_EXIT, h.id, &status, sizeof(status));
		h = heard(payload, sizeof(payload));
		assert_int_equal(h.type, AGENT_CLOCK);
		assert_true(clock_of(payload) - first >= i * 21000000u);
		assert_int_equal(t.status, 1000);
	}
	usleep(21000); /* enough is enough */
	frame(t.nonce, AGENT_EXIT, h.id, &status, sizeof(status));
	turn();
	assert_int_equal(t.status, -ETIME);
	assert_int_equal(recv(t.guest, payload, 1, MSG_DONTWAIT), -1);
}

static void a_clock_that_is_refused_is_no_more_tried(void **state)
{
	uint8_t payload[16];
	int32_t status = EPERM;
	struct agent_frame h;

	shake_hands();
	assert_int_equal(session_clock(t.s, done, NULL), 0);
	h = heard(payload, sizeof(payload));
	usleep(21000);
	frame(t.nonce, AGENT_EXIT, h.id, &status, sizeof(status));
	turn();
	assert_int_equal(t.status, -EPERM);
	/* An agent that does not know the frame says nothing, and nobody waits. */
	assert_int_equal(session_clock(t.s, NULL, NULL), 0);
	heard(payload, sizeof(payload));
	close(t.guest);
	turn();
	t.guest = -1;
}

static void a_clone_gets_an_identity(void **state)
{
	struct agent_renew r = { .seed = { 1, 2 }, .machine_id = { 3 } }, got;
	uint8_t payload[sizeof(r) + 16];
	struct agent_frame h;
	int32_t status = 0;

	assert_int_equal(session_renew(t.s, &r, "r1", done, NULL), -EAGAIN);
	shake_hands();
	assert_int_equal(session_renew(t.s, &r, "r1", done, NULL), 0);
	h = heard(payload, sizeof(payload));
	assert_int_equal(h.type, AGENT_RENEW);
	assert_int_equal(h.len, sizeof(r) + 3);
	memcpy(&got, payload, sizeof(got));
	assert_memory_equal(&got, &r, offsetof(struct agent_renew, realtime_ns));
	assert_in_range(got.realtime_ns / 1000000000, time(NULL) - 60, time(NULL) + 1);
	assert_string_equal((char *)payload + sizeof(got), "r1");
	frame(t.nonce, AGENT_EXIT, h.id, &status, sizeof(status));
	turn();
	assert_int_equal(t.status, 0);
}

/* What the guest's kernel had changed is committed before done says so. */
static void changes_are_caught_up_with(void **state)
{
	int32_t status = 0, again = EAGAIN;
	struct vrouter_exec *x;
	struct agent_frame h;

	shake_hands();
	assert_int_equal(session_sync(t.s, done, NULL, &x), -EAGAIN); /* nothing streams */
	session_watch(t.s);
	assert_int_equal(heard(NULL, 0).type, AGENT_WATCH);
	assert_int_equal(session_sync(t.s, done, NULL, &x), 0);
	h = heard(NULL, 0);
	assert_int_equal(h.type, AGENT_SYNC);
	frame(t.nonce, AGENT_NETLINK, 0, "x", 1);
	frame(t.nonce, AGENT_EXIT, h.id, &status, sizeof(status));
	turn();
	assert_int_equal(t.status, 0);
	assert_int_equal(fake_intake.netlinks, 1);
	assert_int_equal(fake_intake.commits, 1);

	assert_int_equal(session_sync(t.s, done, NULL, &x), 0); /* a dump begins meanwhile */
	h = heard(NULL, 0);
	frame(t.nonce, AGENT_DUMP_BEGIN, 0, NULL, 0);
	frame(t.nonce, AGENT_EXIT, h.id, &status, sizeof(status));
	turn();
	assert_int_equal(t.status, -EAGAIN);
	assert_int_equal(fake_intake.commits, 1);
	assert_int_equal(session_sync(t.s, done, NULL, &x), -EAGAIN);
	frame(t.nonce, AGENT_DUMP_END, 0, NULL, 0);
	turn();
	assert_int_equal(session_sync(t.s, done, NULL, &x), 0); /* nothing streams there */
	h = heard(NULL, 0);
	t.status = 1000;
	frame(t.nonce, AGENT_EXIT, h.id, &again, sizeof(again));
	turn();
	assert_int_equal(t.status, -EAGAIN);
	assert_int_equal(fake_intake.commits, 1);
}

/* A part of the dump was told anew as often as the agent does: there may be in it what has gone. */
static void an_unsure_dump_is_repeated(void **state)
{
	struct agent_again again = { .type = 26, .family = 10 }, other = { .type = 26, .family = 2 };
	struct vrouter_exec *x;

	shake_hands();
	session_watch(t.s);
	heard(NULL, 0);
	for (unsigned dump = 0; dump < 2; dump++) {
		frame(t.nonce, AGENT_DUMP_BEGIN, 0, NULL, 0);
		frame(t.nonce, AGENT_DUMP_AGAIN, 0, &other, sizeof(other));
		for (unsigned i = dump; i < AGENT_AGAIN_MAX; i++) /* the second time one less */
			frame(t.nonce, AGENT_DUMP_AGAIN, 0, &again, sizeof(again));
		frame(t.nonce, AGENT_DUMP_END, 0, NULL, 0);
		turn();
		assert_int_equal(t.syncs, dump + 1);
		assert_int_equal(event_pending(t.s->anew, EV_TIMEOUT, NULL) != 0, !dump);
		assert_int_equal(session_sync(t.s, done, NULL, &x), dump ? 0 : -EAGAIN);
		if (!dump)
			event_active(t.s->anew, EV_TIMEOUT, 0);
		assert_int_equal(heard(NULL, 0).type, dump ? AGENT_SYNC : AGENT_WATCH);
	}
}

/* The agent was killed, which nobody sees, and another one has begun. */
static void another_agent_is_another_session(void **state)
{
	static const char *const argv[] = { "true", NULL };
	struct vrouter_exec_conf conf = { .argv = argv, .done = done };
	struct vrouter_exec *x;
	uint8_t payload[64];
	struct agent_frame h;

	frame(0, AGENT_BORN, 0, NULL, 0); /* what a first one has said waits: nothing is over */
	turn();
	shake_hands();
	session_watch(t.s);
	assert_int_equal(heard(NULL, 0).type, AGENT_WATCH);
	assert_int_equal(session_exec(t.s, &conf, &x, NULL), 0);
	heard(payload, sizeof(payload));
	frame(t.nonce, AGENT_DUMP_BEGIN, 0, NULL, 0);
	frame(0, AGENT_BORN, 0, NULL, 0);
	h = heard(NULL, 0);
	assert_int_equal(h.type, AGENT_HELLO);
	assert_int_not_equal(h.nonce, t.nonce);
	assert_int_equal(t.status, -ECONNRESET);
	frame(t.nonce, AGENT_DUMP_END, 0, NULL, 0); /* of before */
	turn();
	assert_int_equal(t.syncs, 0);
	t.nonce = h.nonce;
	t.welcomes = 0;
	shake_hands();
	session_watch(t.s);
	assert_int_equal(heard(NULL, 0).type, AGENT_WATCH);
	frame(t.nonce, AGENT_DUMP_BEGIN, 0, NULL, 0);
	frame(t.nonce, AGENT_DUMP_END, 0, NULL, 0);
	turn();
	assert_int_equal(t.syncs, 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(stale_cut_and_garbled_bytes_are_skipped, set_up,
						tear_down),
		cmocka_unit_test_setup_teardown(routes_come_after_a_watch, set_up, tear_down),
		cmocka_unit_test_setup_teardown(a_costly_guest_waits, set_up, tear_down),
		cmocka_unit_test_setup_teardown(commands_and_their_end, set_up, tear_down),
		cmocka_unit_test_setup_teardown(a_file_goes_part_by_part, set_up, tear_down),
		cmocka_unit_test_setup_teardown(a_late_clock_is_set_again, set_up, tear_down),
		cmocka_unit_test_setup_teardown(a_clock_that_is_refused_is_no_more_tried, set_up,
						tear_down),
		cmocka_unit_test_setup_teardown(a_clone_gets_an_identity, set_up, tear_down),
		cmocka_unit_test_setup_teardown(changes_are_caught_up_with, set_up, tear_down),
		cmocka_unit_test_setup_teardown(another_agent_is_another_session, set_up, tear_down),
		cmocka_unit_test_setup_teardown(an_unsure_dump_is_repeated, set_up, tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
